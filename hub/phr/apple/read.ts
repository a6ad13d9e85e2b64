// Reads Apple Health's export.xml as it streams by: records one after another, never the file as a whole, and nothing that XML could hide.
import sax from 'sax';
import { type Amount, component, type Found, measured } from '../reading.ts';
import { QUANTITY_TYPES, SLEEP_WORDS } from './types.ts';

/** Who the export says it is about. */
export interface AppleOwner {
  birthDate?: string;
}
/** Elements within each other; an export has four. */
const DEPTH = 16;
/** Pressures that wait for their other half. */
const WAITING = 2000;
const FULL = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) ([+-]\d{2})(\d{2})$/;

type Attributes = Record<string, string>;

/**
 * The readings, refusals and unknown types of an export, in its order. `owner` is called when the export says whose it is.
 * A document type with entities or from elsewhere is refused; the element list that Apple writes is not used.
 * @throws Error when it is no export, no well-formed XML or not UTF-8, with the line
 */
export async function* readApple(content: AsyncIterable<Uint8Array>, owner?: (owner: AppleOwner) => void): AsyncGenerator<Found> {
  const parser = sax.parser(true, { position: true });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const records = new Records(owner);
  let failed: Error | undefined;
  const fail = (error: Error) => {
    failed ??= error;
  };
  let depth = 0;
  parser.onerror = error => fail(new Error(`line ${parser.line + 1}: ${error.message.split('\n')[0]}`));
  parser.ondoctype = text => {
    if (/<!ENTITY|\bSYSTEM\b|\bPUBLIC\b/i.test(text))
      fail(new Error(`line ${parser.line + 1}: entities and outside definitions are refused`));
  };
  parser.onopentag = ({ name, attributes }) => {
    depth++;
    if (depth > DEPTH) fail(new Error(`line ${parser.line + 1}: elements nest more than ${DEPTH} deep`));
    if (depth === 1 && name !== 'HealthData') fail(new Error('this is no export of Apple Health: it does not begin with HealthData'));
    if (!failed) records.open(name, attributes as Attributes, parser.line + 1);
  };
  parser.onclosetag = name => {
    depth--;
    if (!failed) records.close(name, parser.line + 1);
  };
  let bytes = 0;
  const write = (text: string) => {
    try {
      parser.write(text);
    } catch (error) {
      fail(error as Error);
    }
    // sax would go on after an error; here the first one ends it.
    if (failed) throw failed;
  };
  for await (const chunk of content) {
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw new Error(`after line ${parser.line + 1}: the file is not UTF-8`, { cause });
    }
    if (bytes === 0 && !/^\uFEFF?\s*</.test(text)) throw new Error('this is no XML');
    bytes += chunk.byteLength;
    write(text);
    for (const found of records.take()) yield { ...found, bytes };
  }
  write(decoder.decode());
  parser.close();
  if (failed) throw failed;
  if (depth !== 0 || !bytes) throw new Error('the file ends in the middle');
  for (const found of records.take()) yield { ...found, bytes };
}

type Bare = Found extends infer F ? (F extends { bytes: number } ? Omit<F, 'bytes'> : never) : never;

/** Records as they open and close; a correlation holds the two halves of a blood pressure. */
class Records {
  readonly #owner: ((owner: AppleOwner) => void) | undefined;
  #found: Bare[] = [];
  #correlation: { attributes: Attributes; parts: Attributes[] } | null = null;
  /** Halves of blood pressures outside a correlation, by source and time. */
  readonly #halves = new Map<string, Attributes>();

  constructor(owner: ((owner: AppleOwner) => void) | undefined) {
    this.#owner = owner;
  }

  take(): Bare[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }

  open(name: string, attributes: Attributes, line: number) {
    if (name === 'Me') this.#owner?.({ birthDate: attributes.HKCharacteristicTypeIdentifierDateOfBirth || undefined });
    else if (name === 'Correlation') this.#correlation = { attributes, parts: [] };
    else if (name === 'Record' && this.#correlation) this.#correlation.parts.push(attributes);
    else if (name === 'Record') this.#checked(line, () => this.#record(attributes));
    else if (name === 'Workout') this.#checked(line, () => this.#workout(attributes));
    else if (name === 'ClinicalRecord' || name === 'ActivitySummary' || name === 'Audiogram') this.#found.push({ unknown: name });
  }

  close(name: string, line: number) {
    if (name !== 'Correlation' || !this.#correlation) return;
    const { attributes, parts } = this.#correlation;
    this.#correlation = null;
    const half = (end: string) => parts.find(part => part.type === `HKQuantityTypeIdentifierBloodPressure${end}`);
    const [high, low] = [half('Systolic'), half('Diastolic')];
    if (high && low) this.#checked(line, () => this.#pressure(high, low));
    else this.#found.push({ unknown: attributes.type ?? 'Correlation' });
  }

  /** What a record cannot be read as is a refusal with its line. */
  #checked(line: number, read: () => void) {
    try {
      read();
    } catch (error) {
      this.#found.push({ refusal: { place: `line ${line}`, reason: (error as Error).message } });
    }
  }

  #record(it: Attributes) {
    const type = it.type ?? '';
    const quantity = type.replace('HKQuantityTypeIdentifier', '');
    if (quantity === 'BloodPressureSystolic' || quantity === 'BloodPressureDiastolic') return this.#half(it, quantity);
    if (type === 'HKCategoryTypeIdentifierSleepAnalysis') {
      const value = (it.value ?? '').replace('HKCategoryValueSleepAnalysis', '');
      this.#found.push({ reading: measured({ ...from(it), meaning: 'sleep-stage', word: SLEEP_WORDS[value] ?? value }) });
      return;
    }
    const known = Object.hasOwn(QUANTITY_TYPES, quantity) ? QUANTITY_TYPES[quantity] : undefined;
    if (!known || type === quantity) {
      this.#found.push({ unknown: type || 'Record' });
      return;
    }
    const amount = amountOf({ ...it, unit: known.unit ?? it.unit ?? '' }, known.fraction);
    const meaning = known.meaning === 'glucose-mass' && amount.unit.startsWith('mmol') ? 'glucose-moles' : known.meaning;
    this.#found.push({ reading: measured({ ...from(it), meaning, amount }) });
  }

  /** A pressure's two halves stand beside each other in the list too: put together they are the same reading as their correlation. */
  #half(it: Attributes, type: string) {
    const other = type === 'BloodPressureSystolic' ? 'BloodPressureDiastolic' : 'BloodPressureSystolic';
    const place = (kind: string) => `${kind} ${it.sourceName} ${it.startDate}`;
    const waiting = this.#halves.get(place(other));
    if (!waiting) {
      if (this.#halves.size >= WAITING) this.#halves.delete(this.#halves.keys().next().value!);
      this.#halves.set(place(type), it);
      return;
    }
    this.#halves.delete(place(other));
    if (type === 'BloodPressureSystolic') this.#pressure(it, waiting);
    else this.#pressure(waiting, it);
  }

  #pressure(high: Attributes, low: Attributes) {
    const components = [component('systolic', amountOf(high)), component('diastolic', amountOf(low))];
    this.#found.push({ reading: measured({ ...from(high), meaning: 'blood-pressure', components }) });
  }

  #workout(it: Attributes) {
    const part = (value: string | undefined, unit: string | undefined) => (value && unit ? amountOf({ value, unit }) : undefined);
    const [lasted, far, energy] = [
      part(it.duration, it.durationUnit),
      part(it.totalDistance, it.totalDistanceUnit),
      part(it.totalEnergyBurned, it.totalEnergyBurnedUnit),
    ];
    const components = [
      ...(lasted ? [component('exercise-duration', lasted)] : []),
      ...(far ? [component('distance', far)] : []),
      ...(energy ? [component('calories-burned', energy)] : []),
    ];
    const word = (it.workoutActivityType ?? '').replace('HKWorkoutActivityType', '');
    this.#found.push({ reading: measured({ ...from(it), meaning: 'physical-activity', word, components }) });
  }
}

/** Source, device and time of a record. @throws Error */
function from(it: Attributes) {
  const start = moment(it.startDate);
  const end = moment(it.endDate ?? it.startDate);
  const device = it.device ? (/name:([^,>]+)/.exec(it.device)?.[1]?.trim() ?? undefined) : undefined;
  const time = start === end ? { effectiveDateTime: start } : { effectivePeriod: { start, end } };
  return { source: it.sourceName || 'Apple Health', device, time };
}

/** `2024-01-31 07:05:00 +0900` as FHIR dateTime. @throws Error */
function moment(text: string | undefined): string {
  const match = FULL.exec(text ?? '');
  const told = match ? `${match[1]}T${match[2]}${match[3]}:${match[4]}` : '';
  if (!match || Number.isNaN(Date.parse(told))) throw new Error(`"${(text ?? '').slice(0, 40)}" is no time`);
  return told;
}

/** @throws Error */
function amountOf(it: Attributes, fraction?: true): Amount {
  const value = Number(it.value);
  if (it.value === undefined || it.value.trim() === '' || !Number.isFinite(value))
    throw new Error(`"${(it.value ?? '').slice(0, 40)}" is no number`);
  if (!it.unit) throw new Error('the value has no unit');
  return { value: fraction && it.unit === '%' && value <= 1 ? Math.round(value * 10_000) / 100 : value, unit: it.unit };
}
