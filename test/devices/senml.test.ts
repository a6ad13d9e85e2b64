// SenML packs: what a maker sends, in both encodings, and what is refused with which words.
import { Encoder } from 'cbor-x';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  absolutePack,
  correctedPack,
  decodePack,
  decodeTimedPack,
  encodePack,
  MAX_PACK_BYTES,
  type Pack,
  PackRefusal,
} from '../../devices/index.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const json = (records: unknown) => decodePack(Buffer.from(JSON.stringify(records)), 'json', NOW);
const cbor = (records: Map<number | string, unknown>[]) =>
  decodePack(new Encoder({ mapsAsObjects: false, useRecords: false }).encode(records), 'cbor', NOW);
function refusal(act: () => unknown): PackRefusal {
  try {
    act();
  } catch (error) {
    if (error instanceof PackRefusal) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('decoding', () => {
  test('base name, base time and base unit hold for the records that follow', () => {
    const pack = json([
      { bn: 'bed-1:', bt: 1767225600, bu: '/', n: 'movement', v: 0.1 },
      { n: 'movement', v: 0.2, t: 30 },
      { n: 'heart_rate', u: 'beat/min', v: 61, t: 0.5 },
    ]);
    expect(pack).toEqual({
      device: 'bed-1',
      sequence: null,
      clock: null,
      clockCorrection: null,
      readings: [
        { name: 'movement', unit: '/', value: 0.1, time: 1767225600000 },
        { name: 'movement', unit: '/', value: 0.2, time: 1767225630000 },
        { name: 'heart_rate', unit: 'beat/min', value: 61, time: 1767225600500 },
      ],
    });
  });

  test('times below 2^28 seconds count from the receipt', () => {
    const pack = json([
      { bn: 'bed-1:', n: 'movement', u: '/', v: 0.1 },
      { n: 'movement', u: '/', v: 0.2, t: -90 },
    ]);
    expect(pack.readings.map(reading => reading.time)).toEqual([NOW, NOW - 90_000]);
  });

  test('a base value is added, a base record without a value is allowed, and the sequence number is no reading', () => {
    const pack = json([
      { bn: 'bed-1:', bt: 1767225600, bv: 60, bver: 10 },
      { n: 'heart_rate', u: 'beat/min', v: 2 },
      { n: 'seq', v: -13 },
    ]);
    expect(pack.readings[0]?.value).toBe(62);
    expect(pack.sequence).toBe(47);
  });

  test('CBOR with integer labels reads as the same JSON does', () => {
    const pack = cbor([
      new Map<number, unknown>([
        [-2, 'bed-1:'],
        [-3, 1767225600],
        [0, 'seq'],
        [2, 7],
      ]),
      new Map<number, unknown>([
        [0, 'heart_rate'],
        [1, 'beat/min'],
        [2, 61.5],
        [6, 30],
      ]),
      new Map<number, unknown>([
        [0, 'in_bed'],
        [4, true],
      ]),
    ]);
    expect(pack).toEqual({
      device: 'bed-1',
      sequence: 7,
      clock: null,
      clockCorrection: null,
      readings: [
        { name: 'heart_rate', unit: 'beat/min', value: 61.5, time: 1767225630000 },
        { name: 'in_bed', unit: '', value: true, time: 1767225600000 },
      ],
    });
  });

  test('an unknown field is passed over, one that must be understood is not', () => {
    expect(json([{ bn: 'bed-1:', n: 'movement', u: '/', v: 0.1, colour: 'blue' }]).readings).toHaveLength(1);
    expect(refusal(() => json([{ bn: 'bed-1:', n: 'movement', u: '/', v: 0.1, lock_: 1 }])).text.en).toContain('"lock_"');
  });
});

describe('refusing', () => {
  const record = (fields: object) => [{ bn: 'bed-1:', bt: 1767225600, n: 'movement', u: '/', v: 0.1 }, fields];
  test.each([
    ['no array', {}, ''],
    ['an empty array', [], ''],
    ['a record that is no object', [1], '[0]'],
    ['no device in the name', [{ n: 'movement', v: 0.1 }], '[0].n'],
    ['two devices', record({ bn: 'bed-2:', n: 'movement', v: 0.1 }), '[1].n'],
    ['a value that is no number', record({ n: 'movement', v: '0.1' }), '[1].v'],
    ['a value that is null', record({ n: 'movement', v: null }), '[1].v'],
    ['a text value', record({ n: 'movement', vs: 'much' }), '[1]'],
    ['two values', record({ n: 'movement', v: 1, vb: true }), '[1]'],
    ['no value', record({ n: 'movement' }), '[1]'],
    ['a newer version', record({ bver: 11, n: 'movement', v: 1 }), '[1].bver'],
    ['a clock that is no number', record({ n: 'clock', vb: true }), '[1].v'],
    ['a clock before 1970', record({ n: 'clock', u: 's', v: -1 }), '[1].v'],
    ['a clock in another unit', record({ n: 'clock', u: 'ms', v: 1 }), '[1].u'],
    ['only a clock', [{ bn: 'bed-1:', n: 'clock', u: 's', v: 1 }], ''],
    ['only a sequence number', [{ bn: 'bed-1:', n: 'seq', v: 1 }], ''],
  ])('%s is refused, with its place', (_what, records, path) => {
    const { reason, path: at, text } = refusal(() => json(records));
    expect(reason).toBe('not-senml');
    expect(at).toBe(path);
    expect(text.ja).not.toBe('');
  });

  test('what is too large is refused before it is read', () => {
    expect(refusal(() => decodePack(Buffer.alloc(MAX_PACK_BYTES + 1, 0x20), 'json', NOW)).reason).toBe('packet-too-large');
    const many = Array.from({ length: 1001 }, (_, index) => ({ bn: 'bed-1:', n: 'movement', v: 0, t: index }));
    expect(refusal(() => json(many)).reason).toBe('packet-too-large');
  });

  test('CBOR that announces more than it holds takes no memory', () => {
    for (const bytes of [[0x9b, 0, 0, 0, 0, 5, 0, 0, 0], [0xbb, 0, 0, 0, 0, 5, 0, 0, 0], [0x9a, 5, 0, 0, 0], Array(60_000).fill(0x81)])
      expect(refusal(() => decodePack(Uint8Array.from(bytes), 'cbor', NOW)).reason).toBe('not-senml');
  });

  test('any bytes are decoded or refused, never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('json' as const, 'cbor' as const), (bytes, format) => {
        try {
          decodePack(bytes, format, NOW);
        } catch (error) {
          expect(error).toBeInstanceOf(PackRefusal);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('any JSON is decoded or refused, never anything else', () => {
    const value = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.constant([]));
    const fields = ['bver', 'bn', 'bt', 'bu', 'bv', 'bs', 'n', 'u', 'v', 'vs', 'vb', 's', 't', 'ut', '__proto__'];
    fc.assert(
      fc.property(fc.array(fc.dictionary(fc.constantFrom(...fields), value), { maxLength: 5 }), records => {
        try {
          json(records);
        } catch (error) {
          expect(error).toBeInstanceOf(PackRefusal);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

test.each(['json', 'cbor'] as const)('what is encoded as %s decodes to the same pack', format => {
  const reading = fc.oneof(
    fc.record({
      name: fc.constantFrom('heart_rate', 'movement'),
      unit: fc.constantFrom('beat/min', '/'),
      value: fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => value + 0),
      time: fc.integer({ min: NOW - 1e9, max: NOW + 1e9 }),
    }),
    fc.record({
      name: fc.constant('in_bed'),
      unit: fc.constant(''),
      value: fc.boolean(),
      time: fc.integer({ min: NOW - 1e9, max: NOW + 1e9 }),
    }),
  );
  const pack = fc.record<Pack>({
    device: fc.stringMatching(/^[A-Za-z0-9-]{1,64}$/),
    sequence: fc.option(fc.nat()),
    clock: fc.option(fc.integer({ min: 0, max: NOW + 1e9 })),
    clockCorrection: fc.option(fc.integer({ min: -1e9, max: 1e9 })),
    readings: fc.array(reading, { minLength: 1, maxLength: 50 }),
  });
  fc.assert(
    fc.property(pack, given => {
      expect(decodePack(encodePack(given, format), format, NOW)).toEqual(given);
    }),
  );
});

test('a pack with relative times gets its own times, one with absolute times stays byte for byte', () => {
  const relative = Buffer.from(JSON.stringify([{ bn: 'bed-1:', n: 'in_bed', vb: true, t: -60 }]));
  const later = decodePack(absolutePack(relative, 'json', NOW), 'json', NOW + 3_600_000);
  expect(later.readings[0]?.time).toBe(NOW - 60_000);
  const absolute = Buffer.from(JSON.stringify([{ bn: 'bed-1:', bt: 1767225600, n: 'in_bed', vb: true }]));
  expect(absolutePack(absolute, 'json', NOW)).toBe(absolute);
});

test('a device says its clock, and a gateway what it has added to the times', () => {
  const pack = json([
    { bn: 'bed-1:', bt: 1767225600, n: 'clock', u: 's', v: 1767225601.25 },
    { n: 'clock_correction', u: 's', v: -12.5 },
    { n: 'in_bed', vb: true },
  ]);
  expect(pack).toMatchObject({ clock: 1767225601250, clockCorrection: -12_500, readings: [{ name: 'in_bed' }] });
});

test('a correction moves the device’s own times and leaves those that count from the receipt', () => {
  const payload = Buffer.from(
    JSON.stringify([
      { bn: 'bed-1:', n: 'seq', v: 4 },
      { n: 'in_bed', vb: true, t: -5 },
      { n: 'movement', u: '/', v: 0.5, t: 1767225600 },
    ]),
  );
  const corrected = correctedPack(decodeTimedPack(payload, 'json', NOW), 90_000);
  expect(corrected).toMatchObject({ sequence: 4, clockCorrection: 90_000 });
  expect(corrected.readings.map(({ time }) => time)).toEqual([NOW - 5000, 1767225600000 + 90_000]);
  expect(decodePack(encodePack(corrected, 'json'), 'json', NOW + 3_600_000)).toEqual(corrected);
});

test('a gateway’s correction fits into the largest pack of a device; no other record does', () => {
  const readings = Array.from({ length: 1000 }, (_, index) => ({ name: 'in_bed', unit: '', value: true, time: NOW + index }));
  const given: Pack = { device: 'bed-1', sequence: null, clock: null, clockCorrection: 60_000, readings };
  expect(decodePack(encodePack(given, 'cbor'), 'cbor', NOW)).toEqual(given);
  expect(() => encodePack({ ...given, sequence: 1 }, 'cbor')).toThrow('1000 records');
});
