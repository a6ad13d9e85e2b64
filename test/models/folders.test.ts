// `npm run evaluate` with the shipped model on folders of people it never saw: every way such a folder may be written, and what is wrong in it.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { chooseBackend } from '../../models/backend.ts';
import { seeded } from '../../models/random.ts';
import { byModel, evaluateHomes } from '../../models/tihm/evaluate.ts';
import { HOUR_MS, isoOf, readHomes, timeOf } from '../../models/tihm/homes.ts';
import { slotsOf } from '../../models/tihm/slots.ts';
import { readHomeModel } from '../../models/tihm/store.ts';

const MODEL = path.resolve(import.meta.dirname, '../../models/home');
const START = timeOf('2024-05-01 00:00:00');
const DAYS = 6;
const DAY = 24 * HOUR_MS;
const ROOMS = ['Hallway', 'Lounge', 'Kitchen', 'Bedroom', 'Bathroom', 'Front Door'];
const root = mkdtempSync(path.join(tmpdir(), 'folders-'));
const stamp = (at: number) => isoOf(at).replace('T', ' ');

interface Row {
  patient: string;
  place: string;
  at: number;
}
const events: Row[] = [];
let quiet: ReturnType<typeof vi.spyOn>;
beforeAll(async () => {
  await chooseBackend('wasm');
  quiet = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const random = seeded(8);
  for (let home = 0; home < 3; home++)
    for (let hour = 6; hour < DAYS * 24; hour++)
      for (let i = 0; i < (hour % 24 > 6 && hour % 24 < 23 ? 5 : 0); i++)
        events.push({ patient: `n${home}`, place: ROOMS[Math.floor(random() * ROOMS.length)]!, at: START + (hour + random()) * HOUR_MS });
});
afterAll(() => {
  quiet.mockRestore();
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
});

const plain = (rows: readonly Row[] = events) =>
  `patient_id,location_name,date\n${rows.map(({ patient, place, at }) => `${patient},${place},${stamp(at)}`).join('\n')}\n`;
function folder(name: string, files: Record<string, string | Buffer>): string {
  const made = path.join(root, name);
  mkdirSync(made);
  for (const [file, content] of Object.entries(files)) writeFileSync(path.join(made, file), content);
  return made;
}
/** OUT.csv of the shipped model, without its first line. */
async function scored(data: string, ...more: string[]): Promise<string[]> {
  const out = path.join(data, 'out.csv');
  await evaluateHomes(['--data', data, '--model', MODEL, '--predictions', out, ...more]);
  const [header, ...lines] = readFileSync(out, 'utf8').trimEnd().split('\n');
  expect(header).toBe('patient_id,slot,lead_hours,probability,coverage');
  return lines;
}

describe('people the model never saw', () => {
  let reference: string[];
  test('get three stamps a day at six leads, with a number in every field, from an Activity file alone', async () => {
    reference = await scored(folder('bare', { 'Activity.csv': plain() }));
    expect(reference).toHaveLength(3 * DAYS * 3 * 6);
    const fields = reference.map(line => line.split(','));
    expect(new Set(fields.map(([, , lead]) => lead))).toEqual(new Set(['0', '1', '3', '6', '12', '24']));
    expect(new Set(fields.map(([, slot]) => slot!.slice(10)))).toEqual(new Set(['T08:00:00', 'T12:00:00', 'T18:00:00']));
    for (const [, slot, , probability, coverage] of fields) {
      expect(slot).toMatch(/^2024-05-0\dT\d\d:00:00$/);
      for (const value of [Number(probability), Number(coverage)]) expect(value >= 0 && value <= 1).toBe(true);
    }
  });

  test('are scored the same from gzip, from Windows line ends, and from columns and rows in another order', async () => {
    const columns = `date,extra,location_name,patient_id\r\n${events
      .toReversed()
      .map(({ patient, place, at }) => `${isoOf(at)},"a, b",${place},${patient}`)
      .join('\r\n')}\r\n`;
    expect(await scored(folder('gzip', { 'Activity.csv.gz': gzipSync(plain()) }))).toEqual(reference);
    expect(await scored(folder('windows', { 'Activity.csv': `\uFEFF${plain().replaceAll('\n', '\r\n')}` }))).toEqual(reference);
    expect(await scored(folder('columns', { 'Activity.csv': columns }))).toEqual(reference);
  });

  test('who is only in Demographics is in OUT.csv, abstained from: coverage 0', async () => {
    const data = folder('silent', { 'Activity.csv': plain(), 'Demographics.csv': 'patient_id,age,sex\nnobody,"(70, 80]",Male\n' });
    const own = (await scored(data, '--leads', '6')).filter(line => line.startsWith('nobody,'));
    expect(own).toHaveLength(DAYS * 3);
    for (const line of own) expect(line).toMatch(/,6,0\.000300,0\.000$/);
  });

  test('empty optional files, and labels of other kinds, are no trouble and change nothing', async () => {
    const files = {
      'Activity.csv': plain(),
      'Physiology.csv': 'patient_id,date,device_type,value,unit\n',
      'Labels.csv': 'patient_id,date,type\n',
      'Demographics.csv': 'patient_id\n',
    };
    expect(await scored(folder('empty', files))).toEqual(reference);
  });
});

describe('a folder that cannot be scored is refused with what to do', () => {
  const refused = (data: string, ...more: string[]) => evaluateHomes(['--data', data, '--model', MODEL, ...more]);
  test('no folder, no Activity, a missing column, no readable time, a broken archive, a time far away', async () => {
    await expect(refused(path.join(root, 'nowhere'))).rejects.toThrow(/There is no folder .*give the one/);
    await expect(refused(folder('nothing', {}))).rejects.toThrow(/Activity\.csv or Activity\.csv\.gz/);
    await expect(refused(folder('column', { 'Activity.csv': 'patient_id,date\nx,2024-05-01 00:00:00\n' }))).rejects.toThrow(
      /no column location_name/,
    );
    await expect(refused(folder('times', { 'Activity.csv': 'patient_id,location_name,date\nx,Hallway,soon\n' }))).rejects.toThrow(
      /no time that can be read/,
    );
    await expect(refused(folder('archive', { 'Activity.csv.gz': gzipSync(plain()).subarray(0, 90) }))).rejects.toThrow(
      /cannot be unpacked/,
    );
    const far = [...events, { patient: 'n0', place: 'Hallway', at: timeOf('1970-01-01 00:00:00') }];
    await expect(refused(folder('far', { 'Activity.csv': plain(far) }))).rejects.toThrow(/one of these times is wrong/);
  });
  test('wrong options name what is taken', async () => {
    const data = path.join(root, 'bare');
    await expect(refused(data, '--leads', '2')).rejects.toThrow('--leads takes some of 0,1,3,6,12,24');
    await expect(evaluateHomes(['--data', data])).rejects.toThrow(/score with --model/);
    await expect(evaluateHomes([])).rejects.toThrow('--data DIR is needed');
    await expect(evaluateHomes(['--data', data, '--model', root])).rejects.toThrow(/There is no model in/);
  });
});

describe('what is wrong in a home', () => {
  const homesOf = async (name: string, rows: readonly Row[], files: Record<string, string> = {}) =>
    readHomes(folder(name, { 'Activity.csv': plain(rows), ...files }));

  test('a motion sensor that is stuck does not count from its sixth hour on; a home with nothing else is abstained from', async () => {
    const from = START + 3 * DAY;
    const stuck = (patient: string): Row[] =>
      Array.from({ length: 48 * 120 }, (_, i) => ({ patient, place: 'Hallway', at: from + i * 30_000 }));
    const only = events.filter(({ patient, at }) => patient !== 'n1' || at < from);
    const homes = await homesOf('stuck', [...only, ...stuck('n0'), ...stuck('n1')]);
    const clean = await homesOf('unstuck', events);
    const hour = (at: number) => (at - START) / HOUR_MS;
    const [home, before] = [homes.homes[0]!, clean.homes[0]!];
    const late = hour(from) + 8;
    expect(home.counts.hallway[late]).toBe(0);
    expect(home.counts.transitions[late]!).toBeLessThanOrEqual(before.counts.transitions[late]!);
    const slots = slotsOf(homes, 0);
    const last = Array.from({ length: slots.count }, (_, row) => row).filter(
      row => slots.home[row] === 1 && slots.at[row]! > from + 1.5 * DAY,
    );
    const [found] = byModel(slots, homes, readHomeModel(MODEL)).bySeed;
    for (const row of last.filter(row => slots.at[row]! < from + 2 * DAY))
      expect([slots.coverage[row], found![row]]).toEqual([0, Number.NaN]);
  });

  test('impossible measurements are left out', async () => {
    const rows = ['Heart rate,999', 'Heart rate,-4', 'Heart rate,71', 'Skin Temperature,74', 'Body Temperature,nan', 'Heart rate,'];
    const physiology = `patient_id,date,device_type,value,unit\n${rows.map(row => `n0,${stamp(START + DAY)},${row},x`).join('\n')}\n`;
    const homes = await homesOf('impossible', events, { 'Physiology.csv': physiology });
    expect(homes.homes[0]!.measurements.map(({ value }) => value)).toEqual([71]);
  });

  test('a clock that jumped ahead by weeks leaves those weeks abstained from, and the days before as they were', async () => {
    const jumped = events.map(event =>
      event.patient === 'n2' && event.at > START + 4 * DAY ? { ...event, at: event.at + 30 * DAY } : event,
    );
    const homes = await homesOf('jump', jumped);
    const slots = slotsOf(homes, 0);
    const [found] = byModel(slots, homes, readHomeModel(MODEL)).bySeed;
    const rows = Array.from({ length: slots.count }, (_, row) => row).filter(row => slots.home[row] === 2);
    const between = rows.filter(row => slots.at[row]! > START + 6 * DAY && slots.at[row]! < START + 33 * DAY);
    expect(between.length).toBeGreaterThan(60);
    for (const row of between) expect(found![row]).toBeNaN();
    const clean = await homesOf('unjumped', events);
    const whole = slotsOf(clean, 0);
    const [reference] = byModel(whole, clean, readHomeModel(MODEL)).bySeed;
    const early = (all: typeof slots) =>
      Array.from({ length: all.count }, (_, row) => row).filter(row => all.home[row] === 2 && all.at[row]! < START + 4 * DAY);
    expect(early(slots).map(row => found![row])).toEqual(early(whole).map(row => reference![row]));
  });
});
