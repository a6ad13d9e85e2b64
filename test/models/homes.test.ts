// The home model: nothing from the future, nothing from other homes, and any folder in TIHM's form.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chooseBackend } from '../../models/backend.ts';
import { seeded } from '../../models/random.ts';
import { byModel, predictionRows } from '../../models/tihm/evaluate.ts';
import { CHANNELS, DAY_HOURS, HOUR_MS, type Homes, isoOf, readHomes, timeOf } from '../../models/tihm/homes.ts';
import { INPUTS, inputsAt } from '../../models/tihm/inputs.ts';
import { applyLead, homeFolds, learn } from '../../models/tihm/learn.ts';
import { chanceSensitivity, sensitivityAt } from '../../models/tihm/measures.ts';
import { scalingOf } from '../../models/tihm/member.ts';
import { watchedRows } from '../../models/tihm/protocols.ts';
import { COLUMNS, columnsOf, SETS } from '../../models/tihm/sets.ts';
import { LEADS, slotsOf } from '../../models/tihm/slots.ts';
import { readHomeModel, saveHomeModel } from '../../models/tihm/store.ts';
import { fitSpanScorer, TENDENCY, tendencyOf } from '../../models/tihm/tendency.ts';
import { HomeView } from '../../models/tihm/view.ts';

const START = timeOf('2024-02-01 00:00:00');
const DAYS = 16;
const SHIPPED = path.resolve(import.meta.dirname, '../../models/home');
const ROOMS = ['Hallway', 'Lounge', 'Kitchen', 'Bedroom', 'Bathroom', 'Front Door', 'Fridge Door'];
let folder: string;
let homes: Homes;

/** Twelve homes; on some afternoons of some homes someone paces, and is labelled at 18:00. */
beforeAll(async () => {
  await chooseBackend('wasm');
  folder = mkdtempSync(path.join(tmpdir(), 'homes-'));
  const random = seeded(5);
  const stamp = (at: number) => isoOf(at).replace('T', ' ');
  let activity = 'patient_id,location_name,date\n';
  let labels = 'patient_id,date,type\n';
  let physiology = 'patient_id,date,device_type,value,unit\n';
  for (let home = 0; home < 12; home++)
    for (let day = 0; day < DAYS; day++) {
      const midnight = START + day * DAY_HOURS * HOUR_MS;
      const paces = home % 2 === 0 && (day * 7 + home) % 5 === 0;
      physiology += `h${home},${stamp(midnight + 9 * HOUR_MS)},Heart rate,${60 + Math.floor(random() * 20)},beats/min\n`;
      if (paces) labels += `h${home},${stamp(midnight + 18 * HOUR_MS + 61_000)},Agitation\n`;
      for (let hour = 6; hour < 23; hour++)
        for (let i = 0; i < (paces && hour > 12 && hour < 18 ? 30 : 4); i++)
          activity += `h${home},${ROOMS[Math.floor(random() * ROOMS.length)]},${stamp(midnight + hour * HOUR_MS + Math.floor(random() * HOUR_MS))}\n`;
    }
  writeFileSync(path.join(folder, 'Activity.csv.gz'), gzipSync(activity));
  writeFileSync(path.join(folder, 'Labels.csv'), labels);
  writeFileSync(path.join(folder, 'Physiology.csv'), physiology);
  writeFileSync(path.join(folder, 'Demographics.csv'), 'patient_id,age,sex\nh0,"(70, 80]",Female\nsilent,"(80, 90]",Male\n');
  homes = await readHomes(folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a folder of the same form is read: homes, hours, a home that never sent anything, quoted fields', () => {
  expect(homes.homes.map(({ id }) => id)).toContain('silent');
  expect(homes.homes).toHaveLength(13);
  expect(homes.hours).toBe(DAYS * DAY_HOURS);
  const silent = slotsOf(homes, 0);
  const rows = Array.from({ length: silent.count }, (_, row) => row).filter(row => silent.homes[silent.home[row]!] === 'silent');
  expect(rows.every(row => silent.coverage[row] === 0)).toBe(true);
});

test('a folder without activity is refused with what to give', async () => {
  await expect(readHomes(tmpdir())).rejects.toThrow(/Activity\.csv/);
});

test('what happens after the stamp less the lead changes no input, at any lead', () => {
  const slotIndex = 10 * DAY_HOURS + 18;
  for (const lead of LEADS) {
    const hour = slotIndex - lead;
    const now = START + hour * HOUR_MS;
    const changed: Homes = {
      ...homes,
      outage: homes.outage.map((value, index) => (index >= hour ? 1 : value)),
      homes: homes.homes.map(home => ({
        ...home,
        counts: Object.fromEntries(
          CHANNELS.map(channel => [channel, home.counts[channel].map((count, index) => (index >= hour ? count * 3 + 7 : count))]),
        ) as Homes['homes'][number]['counts'],
        measurements: [...home.measurements.filter(({ at }) => at < now), { at: now, type: 'Heart rate', value: 190 }],
        labels: [...home.labels.filter(({ at }) => at < now), { at: now, type: 'Agitation' }],
      })),
    };
    const at = (all: Homes) => inputsAt(new HomeView(all, all.homes[0]!), { hour, slotHour: 18, slot: START + slotIndex * HOUR_MS });
    const coverage = (all: Homes) => new HomeView(all, all.homes[0]!).coverage(hour);
    expect(Array.from(at(changed))).toEqual(Array.from(at(homes)));
    expect(coverage(changed)).toBe(coverage(homes));
    // The same for the home's tendency, which looks at whole spans and labels.
    const [before, after] = [slotsOf(homes, lead), slotsOf(changed, lead)];
    const row = 10 * 3 + 2;
    const scorer = fitSpanScorer(before, watchedRows(before));
    const tendency = (slots: typeof before) =>
      Array.from(tendencyOf(slots, scorer, [row])).slice(row * TENDENCY.length, (row + 1) * TENDENCY.length);
    expect(tendency(after)).toEqual(tendency(before));
    expect(tendency(before).some(value => !Number.isNaN(value))).toBe(true);
  }
});

test('every input has its own name and a value or none', () => {
  expect(new Set(INPUTS.map(({ name }) => name)).size).toBe(INPUTS.length);
  const slots = slotsOf(homes, 0);
  expect(slots.inputs).toHaveLength(slots.count * INPUTS.length);
  expect(slots.inputs.some(value => value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)).toBe(false);
});

test('no home is in two folds, and scaling does not see homes that are left out', () => {
  const folds = homeFolds([...Array(13).keys()], 5, 3);
  expect(folds.flat().sort((a, b) => a - b)).toEqual([...Array(13).keys()]);
  // Rows of two homes as one matrix: what the second one holds must not count.
  const names = [...SETS.span];
  const matrix = Float32Array.from({ length: 40 * COLUMNS.length }, (_, i) => Math.sin(i));
  const before = scalingOf(matrix, 20, names);
  matrix.fill(1e6, 20 * COLUMNS.length);
  expect(scalingOf(matrix, 20, names)).toEqual(before);
});

test('every candidate uses inputs that are there, and the model that knows no sensor or no label really knows none', () => {
  for (const names of Object.values(SETS)) expect(columnsOf(names)).toHaveLength(names.length);
  const label = /agitation|given|Labels/;
  for (const set of ['sensorsSpan', 'sensorsSpanFew', 'sensorsRecent'] as const)
    expect(SETS[set].filter(name => label.test(name))).toEqual([]);
  for (const set of ['noSensor', 'noSensorMore'] as const)
    expect(SETS[set].filter(name => !label.test(name) && !name.startsWith('at'))).toEqual([]);
});

test('the same seed learns the same model, it ranks pacing first, and it survives being written', { timeout: 60_000 }, () => {
  const slots = slotsOf(homes, 0);
  const rows = watchedRows(slots);
  const [one, two] = [learn(slots, rows, { knows: 'sensors', seed: 4 }), learn(slots, rows, { knows: 'sensors', seed: 4 })];
  const probabilities = applyLead(one, slots, rows);
  expect(Array.from(applyLead(two, slots, rows))).toEqual(Array.from(probabilities));
  const labels = Uint8Array.from(rows, row => slots.labels[row]!);
  expect(sensitivityAt({ scores: probabilities, labels }, 0.5)).toBeGreaterThan(0.9);
  const written = path.join(folder, 'model');
  saveHomeModel(written, { name: 'home', version: 'test', leads: [one] });
  expect(Array.from(applyLead(readHomeModel(written).leads[0]!, slots, rows))).toEqual(Array.from(probabilities));
});

test('the shipped model scores homes it never saw at every lead, abstains where a home is silent, and does without labels and physiology', () => {
  const model = readHomeModel(SHIPPED);
  const bare: Homes = { ...homes, homes: homes.homes.map(home => ({ ...home, labels: [], measurements: [] })) };
  for (const lead of LEADS) {
    const slots = slotsOf(bare, lead);
    const [probabilities] = byModel(slots, bare, model).bySeed;
    probabilities!.forEach((probability, row) => {
      expect(Number.isNaN(probability), `row ${row}, lead ${lead}`).toBe(slots.coverage[row] === 0);
      if (!Number.isNaN(probability)) expect(probability > 0 && probability < 1).toBe(true);
    });
    const labelled = slotsOf(homes, lead);
    expect(byModel(labelled, homes, model).bySeed[0]).not.toEqual(probabilities);
  }
});

test('predictions are written as patient_id,slot,lead_hours,probability,coverage, three a day for every home', () => {
  const slots = slotsOf(homes, 6);
  const probabilities = new Float32Array(slots.count).fill(0.25);
  probabilities[1] = Number.NaN;
  const lines = predictionRows(slots, probabilities).trim().split('\n');
  expect(lines).toHaveLength(13 * DAYS * 3);
  expect(lines[0]).toMatch(/^h0,2024-02-01T08:00:00,6,0\.250000,\d\.\d{3}$/);
  expect(lines[1]).toMatch(/^h0,2024-02-01T12:00:00,6,0\.000300,0\.000$/);
});

test('sensitivity keeps to the budget of false alerts, and chance has no better than its share', () => {
  const labels = Uint8Array.from({ length: 210 }, (_, index) => (index < 10 ? 1 : 0));
  const scores = Float32Array.from(labels, (label, index) => (label && index < 6 ? 1 : index < 30 ? 0.5 : 0));
  expect(sensitivityAt({ scores, labels }, 0.5)).toBeCloseTo(0.6);
  expect(sensitivityAt({ scores, labels }, 2)).toBeCloseTo(1);
  expect(chanceSensitivity(labels, 0.5)).toBeCloseTo(0.025);
});

test('the card gives every lead with its spread over seeds and its gain over no sensors, says what is not proven or not reached, in both languages', () => {
  const card = JSON.parse(readFileSync(path.join(SHIPPED, 'card.json'), 'utf8'));
  const text = readFileSync(path.join(SHIPPED, 'card.md'), 'utf8');
  expect(card.evaluation.map(({ lead }: { lead: number }) => lead)).toEqual([...LEADS]);
  for (const { lead, seeds, sd, gain, intervals, calibration } of card.evaluation) {
    expect(seeds).toHaveLength(3);
    expect(sd.auprc).toBeGreaterThan(0);
    expect(intervals.auprc[0]).toBeLessThan(intervals.auprc[1]);
    expect(calibration.slope).toBeGreaterThan(0.5);
    const said = text.split('\n').find(line => line.startsWith(`- ${lead} h ahead, against no sensors`));
    expect(said!.includes('includes zero: nothing proven')).toBe(gain.auprc[0] <= 0 || gain.sensitivityHalf[0] <= 0);
  }
  expect(card.goals).toHaveLength(3);
  for (const goal of card.goals) expect(goal).toMatch(/(reached|not reached) on the mean over seeds/);
  for (const words of [card.statement, card.intendedUse, card.data, card.validation, ...card.limits])
    expect(words).toEqual({ ja: expect.stringMatching(/[ぁ-ん]/), en: expect.stringMatching(/[a-z]/) });
});

const SHARED = path.join(process.env.HUB_TEST_DATA ?? path.resolve(import.meta.dirname, '../../../shared/data'), 'tihm');
test.skipIf(!existsSync(SHARED))(
  'on TIHM (skipped where its folder is absent) the outage of 2019-06-16 is no quiet day, and the shipped model knows every lead',
  async () => {
    const tihm = await readHomes(SHARED);
    const noon = (timeOf('2019-06-16 12:00:00') - tihm.start) / HOUR_MS;
    expect(tihm.outage[noon]).toBe(1);
    expect(tihm.outage[noon + 48]).toBe(0);
    expect(readHomeModel(SHIPPED).leads.map(({ lead, knows }) => [lead, knows])).toEqual(
      LEADS.flatMap(lead => [
        [lead, 'both'],
        [lead, 'sensors'],
      ]),
    );
  },
);
