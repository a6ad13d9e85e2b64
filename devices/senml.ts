// SenML packs (RFC 8428) in JSON and CBOR: decoded into readings with unit and time, refused with words a maker can use, and encoded.
import { Decoder, Encoder, setSizeLimits } from 'cbor-x';
import { PackRefusal, type Text } from './refusal.ts';
import { isId, type PackFormat } from './topics.ts';

/** Largest payload of a pack, bytes. */
export const MAX_PACK_BYTES = 64 * 1024;
/** Most records of a pack. */
export const MAX_PACK_RECORDS = 1000;
/** Highest SenML version understood (RFC 8428 section 4.4: 10). */
const VERSION = 10;
/** Times below 2^28 s are relative to now (RFC 8428 section 4.5.3). */
const RELATIVE_BELOW = 2 ** 28;
/** Name of a quantity or reserved record, behind the device's. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9\-:./_]{0,63}$/;
/** Record that carries the device's running number of packs. */
export const SEQUENCE = 'seq';
/** Record with the device's own clock when it sent the pack, seconds since 1970, unit `s`. */
export const CLOCK = 'clock';
/** Record with what a gateway has added to the pack's times because the device's clock is wrong, seconds, unit `s`. */
export const CLOCK_CORRECTION = 'clock_correction';
/** Names that no quantity may have. */
export const RESERVED: readonly string[] = [SEQUENCE, CLOCK, CLOCK_CORRECTION];

export interface Reading {
  /** Quantity's name, without the device. */
  name: string;
  /** SenML unit; empty when neither `u` nor `bu` was given. */
  unit: string;
  value: number | boolean;
  /** Milliseconds since 1970-01-01 UTC. */
  time: number;
}
export interface Pack {
  device: string;
  /** The device's running number; null when it sends none. */
  sequence: number | null;
  /** The device's own clock when it sent the pack, ms since 1970; null when it does not say. */
  clock: number | null;
  /** What a gateway has added to the readings' times, ms; null when it has left them as they came. */
  clockCorrection: number | null;
  readings: Reading[];
}
/** A pack to encode; what it does not say of its clock is left out. */
export type PackToSend = Pick<Pack, 'device' | 'sequence' | 'readings'> & Partial<Pack>;
/** A pack with the places of the readings whose times counted from its receipt: these need no clock of the device. */
export interface DecodedPack {
  pack: Pack;
  relative: ReadonlySet<number>;
}

type Field = 'bver' | 'bn' | 'bt' | 'bu' | 'bv' | 'bs' | 'n' | 'u' | 'v' | 'vs' | 'vb' | 's' | 't' | 'ut' | 'vd';
type RawRecord = Partial<Record<Field, unknown>>;

/** CBOR labels (RFC 8428 section 6, table 4). */
const LABELS: readonly (readonly [Field, number])[] = [
  ['bver', -1],
  ['bn', -2],
  ['bt', -3],
  ['bu', -4],
  ['bv', -5],
  ['bs', -6],
  ['n', 0],
  ['u', 1],
  ['v', 2],
  ['vs', 3],
  ['vb', 4],
  ['s', 5],
  ['t', 6],
  ['ut', 7],
  ['vd', 8],
];
const FIELD_OF_LABEL = new Map(LABELS.map(([field, label]) => [label, field]));
const LABEL_OF_FIELD = new Map<string, number>(LABELS);

// A few bytes of CBOR can announce an array of millions; the largest pack has far fewer entries than this.
setSizeLimits({ maxArraySize: 65_536, maxMapSize: 65_536, maxObjectSize: 65_536 });
const decoder = new Decoder({ mapsAsObjects: false, useRecords: false });
const encoder = new Encoder({ mapsAsObjects: false, useRecords: false, tagUint8Array: false, largeBigIntToFloat: true });
const utf8 = new TextDecoder('utf-8', { fatal: true });

function notSenml(ja: string, en: string, path = '', cause?: unknown): PackRefusal {
  const text: Text = { ja: `SenML として読めません。${ja}`, en: `This is not a SenML pack that can be read. ${en}` };
  return new PackRefusal('not-senml', text, path, { cause });
}

/**
 * Decodes a pack and resolves its records (RFC 8428 section 4.6).
 * @param receivedAt Milliseconds since 1970, what relative times count from.
 * @throws PackRefusal with the place in the pack, when the pack as a whole cannot be taken.
 */
export function decodePack(payload: Uint8Array, format: PackFormat, receivedAt: number): Pack {
  return decodeTimedPack(payload, format, receivedAt).pack;
}

/**
 * The pack with its own times only, for a store that passes it on later: times relative to now become absolute ones.
 * @returns `payload` itself when it has no relative time.
 * @throws PackRefusal as `decodePack` does.
 */
export function absolutePack(payload: Uint8Array, format: PackFormat, receivedAt: number): Uint8Array {
  const { pack, relative } = decodeTimedPack(payload, format, receivedAt);
  return relative.size ? encodePack(pack, format) : payload;
}

/**
 * The pack with the device's own times moved by `correction` ms and the record `clock_correction`. Times that counted from the receipt stay: they
 * come from the gateway's clock.
 */
export function correctedPack({ pack, relative }: DecodedPack, correction: number): Pack {
  const readings = pack.readings.map((reading, index) => (relative.has(index) ? reading : { ...reading, time: reading.time + correction }));
  return { ...pack, readings, clockCorrection: (pack.clockCorrection ?? 0) + correction };
}

/** As `decodePack`, and says which times were relative. */
export function decodeTimedPack(payload: Uint8Array, format: PackFormat, receivedAt: number): DecodedPack {
  if (payload.byteLength > MAX_PACK_BYTES) throw tooLarge(`${payload.byteLength} B`, `${MAX_PACK_BYTES} B`);
  const records = format === 'json' ? parseJson(payload) : parseCbor(payload);
  if (!records.length) throw notSenml('空の配列です。', 'The array is empty.');
  // A gateway's `clock_correction` comes on top of the device's own records.
  if (records.length > MAX_PACK_RECORDS + 1) throw tooLarge(`${records.length} records`, `${MAX_PACK_RECORDS} records`);
  const decoded = resolve(records, receivedAt);
  if (records.length > MAX_PACK_RECORDS && decoded.pack.clockCorrection === null)
    throw tooLarge(`${records.length} records`, `${MAX_PACK_RECORDS} records`);
  return decoded;
}

const tooLarge = (is: string, limit: string) =>
  new PackRefusal('packet-too-large', {
    ja: `パックが大きすぎます（${is}、上限 ${limit}）。分けて送ってください。`,
    en: `The pack is too large (${is}, limit ${limit}). Send it in parts.`,
  });

function parseJson(payload: Uint8Array): RawRecord[] {
  let content: unknown;
  try {
    content = JSON.parse(utf8.decode(payload));
  } catch (cause) {
    throw notSenml('正しい JSON ではありません。', 'It is not valid JSON.', '', cause);
  }
  if (!Array.isArray(content)) throw notSenml('レコードの配列ではありません。', 'It is not an array of records.');
  return content.map((record: unknown, index) => {
    if (typeof record !== 'object' || record === null || Array.isArray(record))
      throw notSenml('レコードがオブジェクトではありません。', 'The record is not an object.', `[${index}]`);
    // What JSON.parse makes has no inherited fields.
    for (const field in record) mustUnderstand(field, index);
    return record as RawRecord;
  });
}

function parseCbor(payload: Uint8Array): RawRecord[] {
  let content: unknown;
  try {
    content = decoder.decode(payload);
  } catch (cause) {
    throw notSenml('正しい CBOR ではありません。', 'It is not valid CBOR.', '', cause);
  }
  if (!Array.isArray(content)) throw notSenml('レコードの配列ではありません。', 'It is not an array of records.');
  return content.map((entry: unknown, index) => {
    if (!(entry instanceof Map)) throw notSenml('レコードがマップではありません。', 'The record is not a map.', `[${index}]`);
    const record: RawRecord = {};
    for (const [label, value] of entry as Map<unknown, unknown>) {
      const field =
        typeof label === 'number' ? FIELD_OF_LABEL.get(label) : LABEL_OF_FIELD.has(String(label)) ? (label as Field) : undefined;
      if (field) record[field] = typeof value === 'bigint' ? Number(value) : value;
      else mustUnderstand(String(label), index);
    }
    return record;
  });
}

/** A field whose name ends with `_` must be understood or the pack refused (RFC 8428 section 4.4). */
function mustUnderstand(field: string, index: number) {
  if (field.endsWith('_') && !LABEL_OF_FIELD.has(field))
    throw notSenml(`項目「${field.slice(0, 40)}」は扱えません。`, `The field "${field.slice(0, 40)}" is not supported.`, `[${index}]`);
}

function resolve(records: RawRecord[], receivedAt: number): DecodedPack {
  const base = { name: '', time: 0, unit: '', value: 0 };
  let device: string | null = null;
  let sequence: number | null = null;
  let version: number | null = null;
  let clock: number | null = null;
  let clockCorrection: number | null = null;
  const relative = new Set<number>();
  const readings: Reading[] = [];
  for (const [index, record] of records.entries()) {
    const given = number(record.bver, index, 'bver');
    if (given !== undefined) {
      if (!Number.isInteger(given) || given < 1 || given > VERSION || (version !== null && given !== version))
        throw notSenml(
          `バージョン ${given} は扱えません（${VERSION} まで）。`,
          `Version ${given} is not supported (up to ${VERSION}).`,
          placeOf(index, 'bver'),
        );
      version = given;
    }
    base.name = text(record.bn, index, 'bn') ?? base.name;
    base.time = number(record.bt, index, 'bt') ?? base.time;
    base.unit = text(record.bu, index, 'bu') ?? base.unit;
    base.value = number(record.bv, index, 'bv') ?? base.value;
    if (record.bs !== undefined || record.s !== undefined) throw otherValue(index);
    const value = readValue(record, base.value, index);
    if (value === undefined) {
      const ownFields = record.n !== undefined || record.u !== undefined || record.t !== undefined;
      if (ownFields) throw notSenml('値（v か vb）がありません。', 'There is no value (v or vb).', placeOf(index));
      continue;
    }

    const full = base.name + (text(record.n, index, 'n') ?? '');
    const colon = full.indexOf(':');
    const owner = full.slice(0, Math.max(colon, 0));
    const name = full.slice(colon + 1);
    if ((owner !== device && !isId(owner)) || !NAME.test(name))
      throw notSenml(
        `名前「${full.slice(0, 80)}」は「機器:項目」の形ではありません。`,
        `The name "${full.slice(0, 80)}" is not of the form "device:quantity".`,
        placeOf(index, 'n'),
      );
    device ??= owner;
    if (owner !== device)
      throw notSenml('1 つのパックに 2 つの機器があります。', 'One pack holds readings of two devices.', placeOf(index, 'n'));
    if (name === SEQUENCE) {
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
        throw notSenml('seq は 0 以上の整数です。', 'seq is a whole number from 0.', placeOf(index, 'v'));
      sequence = value;
      continue;
    }
    if (name === CLOCK || name === CLOCK_CORRECTION) {
      const milliseconds = ownClock(name, value, text(record.u, index, 'u') ?? base.unit, index);
      if (name === CLOCK) clock = milliseconds;
      else clockCorrection = milliseconds;
      continue;
    }
    const seconds = base.time + (number(record.t, index, 't') ?? 0);
    if (seconds < RELATIVE_BELOW) relative.add(readings.length);
    const time = Math.round(seconds < RELATIVE_BELOW ? receivedAt + seconds * 1000 : seconds * 1000);
    if (!Number.isSafeInteger(time) || Math.abs(time) > 8.64e15)
      throw notSenml('時刻が扱えません。', 'The time cannot be used.', placeOf(index, 't'));
    readings.push({ name, unit: text(record.u, index, 'u') ?? base.unit, value, time });
  }
  if (device === null || !readings.length) throw notSenml('測定値がありません。', 'It holds no readings.');
  return { pack: { device, sequence, clock, clockCorrection, readings }, relative };
}

/** @returns ms. */
function ownClock(name: string, value: number | boolean, unit: string, index: number): number {
  if (unit !== 's' && unit !== '') throw notSenml(`${name} の単位は s です。`, `${name} has the unit s.`, placeOf(index, 'u'));
  const milliseconds = typeof value === 'number' ? Math.round(value * 1000) : Number.NaN;
  if (!(Math.abs(milliseconds) <= 8.64e15) || (name === CLOCK && milliseconds < 0))
    throw notSenml(`${name} は秒数です。`, `${name} is a number of seconds.`, placeOf(index, 'v'));
  return milliseconds;
}

function readValue(record: RawRecord, baseValue: number, index: number): number | boolean | undefined {
  if (record.vs !== undefined || record.vd !== undefined) throw otherValue(index);
  if (record.v !== undefined && record.vb !== undefined)
    throw notSenml('値が 2 つあります。', 'The record has two values.', placeOf(index));
  if (record.vb !== undefined) {
    if (typeof record.vb !== 'boolean') throw notSenml('vb は true か false です。', 'vb is true or false.', placeOf(index, 'vb'));
    return record.vb;
  }
  const value = number(record.v, index, 'v');
  return value === undefined ? undefined : value + baseValue;
}

const otherValue = (index: number) =>
  notSenml('文字・データ・合計の値（vs, vd, s）は扱えません。', 'Text, data and sum values (vs, vd, s) are not taken.', placeOf(index));

/** Where in the pack a fault is; only made for one, as most packs have none. */
const placeOf = (index: number, field?: Field) => (field ? `[${index}].${field}` : `[${index}]`);

function number(value: unknown, index: number, field: Field): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw notSenml('数ではありません。', 'It is not a number.', placeOf(index, field));
  return value;
}

function text(value: unknown, index: number, field: Field): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw notSenml('文字列ではありません。', 'It is not a string.', placeOf(index, field));
  return value;
}

/**
 * Encodes readings as one pack. The first reading's time becomes the base time, the others follow relative to it.
 * @throws Error when it does not fit the limits of a pack.
 */
export function encodePack(pack: PackToSend, format: PackFormat): Uint8Array {
  if (!isId(pack.device)) throw new Error(`"${pack.device.slice(0, 80)}" is no device id`);
  const [first] = pack.readings;
  if (!first) throw new Error('a pack holds at least one reading');
  const records: RawRecord[] = pack.readings.map(({ name, unit, value, time }) => {
    const record: RawRecord = { n: name };
    if (unit && typeof value !== 'boolean') record.u = unit;
    if (typeof value === 'boolean') record.vb = value;
    else record.v = value;
    if (time !== first.time) record.t = (time - first.time) / 1000;
    return record;
  });
  const correction = pack.clockCorrection ?? null;
  if (correction !== null) records.unshift({ n: CLOCK_CORRECTION, u: 's', v: correction / 1000 });
  if (typeof pack.clock === 'number') records.unshift({ n: CLOCK, u: 's', v: pack.clock / 1000 });
  if (pack.sequence !== null) records.unshift({ n: SEQUENCE, v: pack.sequence });
  records[0] = { bn: `${pack.device}:`, bt: first.time / 1000, ...records[0] };
  const most = MAX_PACK_RECORDS + (correction === null ? 0 : 1);
  if (records.length > most) throw new Error(`a pack holds at most ${MAX_PACK_RECORDS} records, not ${records.length}`);
  const payload =
    format === 'json'
      ? Buffer.from(JSON.stringify(records))
      : encoder.encode(records.map(record => new Map(Object.entries(record).map(([field, value]) => [LABEL_OF_FIELD.get(field), value]))));
  if (payload.byteLength > MAX_PACK_BYTES) throw new Error(`a pack holds at most ${MAX_PACK_BYTES} bytes, not ${payload.byteLength}`);
  return payload;
}
