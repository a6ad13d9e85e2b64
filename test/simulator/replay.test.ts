// A recording is played through real MQTT as if it were today: times of day kept, units converted, rows that cannot be taken named and counted.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkReadings, loadProfiles } from '../../devices/index.ts';
import { inWords } from '../../simulator/replay/command.ts';
import { rowsOf } from '../../simulator/replay/csv.ts';
import { type PlayOptions, play } from '../../simulator/replay/player.ts';
import { readRecording } from '../../simulator/replay/recording.ts';
import { localTimeOf } from '../../simulator/replay/sources.ts';
import { DAY, HOUR } from '../../simulator/residents/index.ts';
import { type ListeningBroker, listeningBroker } from './broker.ts';

const TIHM = path.resolve(process.env.HUB_TEST_DATA ?? path.resolve(import.meta.dirname, '../../../shared/data'), 'tihm');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'replay-'));
  return () => rmSync(folder, { recursive: true });
});
const write = (name: string, lines: string[]) => writeFileSync(path.join(folder, name), `${lines.join('\n')}\n`);
const ACTIVITY = [
  'patient_id,location_name,date',
  'a1,Kitchen,2019-04-01 08:00:00',
  'a1,Kitchen,2019-04-01 08:00:30',
  'a1,Fridge Door,2019-04-01 08:01:00',
  'b2,Front Door,2019-04-01 09:00:00',
  'a1,Kitchen,2019-04-02 23:59:59',
];
const PHYSIOLOGY = [
  'patient_id,date,device_type,value,unit',
  'a1,2019-04-01 10:00:00,Systolic blood pressure,120,mm[Hg]',
  'a1,2019-04-01 10:00:00,Diastolic blood pressure,80,mm[Hg]',
  'a1,2019-04-01 10:00:00,Heart rate,66,beats/min',
  'a1,2019-04-02 10:00:00,Body weight,61.5,kg',
];
const SLEEP = [
  'patient_id,date,state,heart_rate,respiratory_rate,snoring',
  'a1,2019-04-01 02:00:00,DEEP,52,13,False',
  'a1,2019-04-01 02:01:00,AWAKE,,,False',
];

async function linesOf(file: string, columns: string[]) {
  const rows: unknown[] = [];
  for await (const row of rowsOf(file, columns)) rows.push(row);
  return rows;
}

describe('CSV', () => {
  test('rows come with their line, from a plain file and from a gzip, whatever the line ends and the order of columns', async () => {
    write('x.csv', ['\uFEFFb,a', '1,2', '', '3']);
    expect(await linesOf(path.join(folder, 'x.csv'), ['a', 'b'])).toEqual([
      { line: 2, fields: { a: '2', b: '1' } },
      { line: 4, fields: null },
    ]);
    writeFileSync(path.join(folder, 'y.csv.gz'), gzipSync('a,b\r\n1,2\r\n'));
    expect(await linesOf(path.join(folder, 'y.csv.gz'), ['a', 'b'])).toEqual([{ line: 2, fields: { a: '1', b: '2' } }]);
  });

  test.each([
    ['a,c', 'line 1: the columns are a, b; missing: b; unknown: c'],
    ['a,b\n1,"2,3"', 'line 2: quoted fields'],
    ['', 'is empty'],
  ])('%j is refused in words', async (content, words) => {
    writeFileSync(path.join(folder, 'x.csv'), content);
    await expect(linesOf(path.join(folder, 'x.csv'), ['a', 'b'])).rejects.toThrow(words);
  });

  test('a file that only calls itself gzip is refused', async () => {
    writeFileSync(path.join(folder, 'x.csv.gz'), 'a,b\n1,2\n');
    await expect(linesOf(path.join(folder, 'x.csv.gz'), ['a', 'b'])).rejects.toThrow('cannot be read');
  });
});

describe('a recording', () => {
  test('becomes devices with profiles: events with both ends, one measurement one sample, mmHg as hPa', async () => {
    write('Activity.csv', ACTIVITY);
    write('Physiology.csv', PHYSIOLOGY);
    write('Sleep.csv', SLEEP);
    const { series, tally, days } = await readRecording(folder);
    expect(days).toBe(2);
    expect(tally).toMatchObject({ rows: 11, taken: 11, notAskedFor: 0, refused: {} });
    const of = (home: string, sensor: string) => {
      const { times, values, profile } = series.find(each => each.home === home && each.sensor === sensor)!;
      return { profile, samples: times.map((time, index) => [new Date(time).toISOString().slice(5, 19), values[index]]) };
    };
    expect(of('a1', 'kitchen')).toEqual({
      profile: 'presence',
      samples: [
        ['04-01T08:00:00', { present: 1 }],
        ['04-01T08:00:30', { present: 1 }],
        ['04-01T08:01:30', { present: 0 }],
        ['04-02T23:59:59', { present: 1 }],
        ['04-03T00:00:59', { present: 0 }],
      ],
    });
    expect(of('a1', 'fridge').profile).toBe('appliance');
    expect(of('b2', 'front-door')).toMatchObject({
      profile: 'door',
      samples: [
        [expect.anything(), { open: 1 }],
        [expect.anything(), { open: 0 }],
      ],
    });
    expect(of('a1', 'blood-pressure').samples).toEqual([['04-01T10:00:00', { systolic: 159.9864, diastolic: 106.6576, pulse_rate: 66 }]]);
    expect(of('a1', 'bed').samples).toEqual([
      ['04-01T02:00:00', { in_bed: 1, heart_rate: 52, respiration_rate: 13 }],
      ['04-01T02:01:00', { in_bed: 1 }],
    ]);
  });

  test('rows that cannot be taken are refused with file and line, by reason', async () => {
    write('Activity.csv', [
      ...ACTIVITY,
      'a1,Cellar,2019-04-01 08:00:00',
      'a1,Kitchen,yesterday',
      'a1,Kitchen',
      ',Kitchen,2019-04-01 08:00:00',
    ]);
    write('Physiology.csv', [
      ...PHYSIOLOGY,
      'a1,2019-04-01 10:00:00,Mood,3,1',
      'a1,2019-04-01 10:00:00,Body weight,135,lb',
      'a1,2019-04-01 10:00:00,Body weight,,kg',
      'a1,2019-04-01 10:00:00,Body weight,700,kg',
      'a1,2019-04-31 10:00:00,Body weight,70,kg',
    ]);
    const { tally } = await readRecording(folder);
    expect(tally.refused).toEqual({
      'place unknown': { rows: 1, lines: ['Activity.csv:7 "Cellar"'] },
      time: { rows: 2, lines: ['Activity.csv:8 "yesterday"', 'Physiology.csv:10 "2019-04-31 10:00:00"'] },
      columns: { rows: 1, lines: ['Activity.csv:9'] },
      home: { rows: 1, lines: ['Activity.csv:10'] },
      'kind unknown': { rows: 1, lines: ['Physiology.csv:6 "Mood"'] },
      unit: { rows: 1, lines: ['Physiology.csv:7 "Body weight lb"'] },
      number: { rows: 1, lines: ['Physiology.csv:8'] },
      'out of range': { rows: 1, lines: ['Physiology.csv:9 "Body weight 700"'] },
    });
    expect(tally.taken).toBe(9);
  });

  test('homes and days may be chosen; what is not there is said', async () => {
    write('Activity.csv', ACTIVITY);
    const one = await readRecording(folder, { homes: ['a1'], from: localTimeOf('2019-04-02 00:00:00'), days: 1 });
    expect(one.series.map(({ home, sensor }) => `${home} ${sensor}`)).toEqual(['a1 kitchen']);
    expect(one.tally).toMatchObject({ taken: 1, notAskedFor: 4 });
    expect((await readRecording(folder, { days: 1 })).tally).toMatchObject({ taken: 4, notAskedFor: 1 });
    await expect(readRecording(folder, { homes: ['c3'] })).rejects.toThrow('c3');
    await expect(readRecording(folder, { from: localTimeOf('2020-01-01 00:00:00') })).rejects.toThrow('no row');
    await expect(readRecording(path.join(folder, 'none'))).rejects.toThrow('--data');
  });
});

describe('played', () => {
  let broker: ListeningBroker;
  beforeAll(async () => {
    broker = await listeningBroker();
  });
  afterAll(() => broker.close());
  beforeEach(() => {
    broker.packs.length = 0;
  });
  const loginOf = (home: string, sensor: string) => ({ device: `${sensor}-${home}`, secret: 's' });
  async function playing(options: Partial<PlayOptions> = {}, selection = {}) {
    const recording = await readRecording(folder, selection);
    const player = play({ recording, facility: 'f1', brokerUrl: broker.url, loginOf, tell: () => {}, warn: () => {}, ...options });
    return player;
  }
  const samplesOf = (device: string) =>
    broker.packs
      .filter(pack => pack.device === device)
      .flatMap(({ readings }) => readings.map(({ name, value, time }) => ({ name, value, time })));
  const timeInJapan = (time: number) => new Date(time + 9 * HOUR).toISOString().slice(11, 19);
  const todayInJapan = () => Math.floor((Date.now() + 9 * HOUR) / DAY) * DAY - 9 * HOUR;

  test('until now: the last day is today, times of day are kept, everything is acknowledged, the rest is counted', async () => {
    write('Activity.csv', ACTIVITY);
    write('Physiology.csv', PHYSIOLOGY);
    const player = await playing({ untilNow: true });
    await player.done;
    const report = player.report();
    await player.close();
    const kitchen = samplesOf('kitchen-a1');
    expect(kitchen.slice(0, 3).map(({ time }) => timeInJapan(time))).toEqual(['08:00:00', '08:00:30', '08:01:30']);
    expect(kitchen[0]!.time).toBe(todayInJapan() - DAY + 8 * HOUR);
    for (const { time } of kitchen) expect(time).toBeLessThanOrEqual(Date.now());
    expect(samplesOf('blood-pressure-a1').map(({ name, value }) => [name, value])).toEqual([
      ['systolic', 159.9864],
      ['diastolic', 106.6576],
      ['pulse_rate', 66],
    ]);
    const { samples, packs } = report;
    expect(samples.sent + samples.laterThanNow).toBe(samples.recorded);
    expect(samples.laterThanNow).toBeGreaterThanOrEqual(1);
    expect(packs).toMatchObject({ sent: broker.packs.length, acknowledged: broker.packs.length, dropped: 0 });
    expect(inWords(report)).toContain(`${packs.sent} of ${packs.sent} packs acknowledged`);
  });

  test('as of today: what is over comes at once, what is still to come waits for its time; faster when asked', async () => {
    // It is noon in Japan, whatever the hour of the test.
    const shift = todayInJapan() + 12 * HOUR - Date.now();
    write('Activity.csv', ['patient_id,location_name,date', 'a1,Kitchen,2019-04-01 12:02:00', 'a1,Hallway,2019-04-01 12:03:40']);
    const player = await playing({ speed: 100, now: () => Date.now() + shift });
    expect(player.report().samples.sent).toBe(0);
    await player.done;
    await player.close();
    const [kitchen, hallway] = [samplesOf('kitchen-a1'), samplesOf('hallway-a1')];
    expect(kitchen.map(({ value }) => value)).toEqual([true, false]);
    // A hundred recorded seconds are one.
    expect(hallway[0]!.time - kitchen[0]!.time).toBe(1000);
    for (const { readings, at } of broker.packs) expect(at + shift).toBeGreaterThanOrEqual(readings[0]!.time);
  });

  test('sensors that nobody registered are counted; with none at all it says what to do; faults apply', async () => {
    write('Activity.csv', ACTIVITY);
    const player = await playing({ untilNow: true, loginOf: (home, sensor) => (home === 'b2' ? loginOf(home, sensor) : undefined) });
    await player.done;
    expect(player.report().samples).toMatchObject({ sent: 2, notRegistered: 7 });
    await player.close();
    await expect(playing({ loginOf: () => undefined })).rejects.toThrow('--link');
    const fault = { kind: 'lose' as const, target: 'cellar', fromSeconds: 0, forSeconds: 60, amount: 1 };
    await expect(playing({ faults: [fault] })).rejects.toThrow('"cellar"');
  });

  test('the command plays a plan and ends by itself with a report', async () => {
    write('Activity.csv', ACTIVITY);
    const plan = path.join(folder, 'plan.json');
    const device = (sensor: string, profile: string) => ({ sensor, profile, device: sensor, secret: 's' });
    const devices = [device('kitchen', 'presence'), device('fridge', 'appliance')];
    writeFileSync(plan, JSON.stringify({ facility: 'f1', homes: [{ home: 'a1', devices }] }));
    const main = path.resolve(import.meta.dirname, '../../simulator/main.ts');
    const run = (...args: string[]) =>
      new Promise<{ code: number | null; out: string; err: string }>(resolve => {
        const child = spawn(process.execPath, [main, 'replay', '--data', folder, '--plan', plan, ...args]);
        const printed = { out: '', err: '' };
        child.stdout.on('data', text => (printed.out += text));
        child.stderr.on('data', text => (printed.err += text));
        child.once('exit', code => resolve({ code, ...printed }));
      });
    const good = await run('--direct', broker.url, '--until-now', '--homes', 'a1');
    expect(good).toMatchObject({ code: 0 });
    const report = JSON.parse(good.out.trim().split('\n').at(-1)!) as { event: string; packs: { acknowledged: number } };
    expect(report).toMatchObject({ event: 'report', devices: 2, homes: 1, packs: { acknowledged: 2 } });
    expect(good.err).toContain('2 of 2 packs acknowledged');
    expect((await run('--until-now')).err).toContain('--direct mqtt://host:1883');
  });

  test.skipIf(!existsSync(TIHM))(`TIHM: three days of two homes keep to the profiles (skipped without ${TIHM})`, async () => {
    const recording = await readRecording(TIHM, { homes: ['16f4b', 'b9d58'], days: 3 });
    const player = play({ recording, facility: 'f1', brokerUrl: broker.url, loginOf, untilNow: true, tell: () => {}, warn: () => {} });
    await player.done;
    const { rows, taken, packs, samples } = player.report();
    await player.close();
    expect(rows).toBeGreaterThan(600_000);
    expect(taken).toBeGreaterThan(100);
    expect(packs.acknowledged).toBe(broker.packs.length);
    expect(samples.recorded).toBeGreaterThan(taken);
    expect(samples.sent + samples.laterThanNow).toBe(samples.recorded);
    const profiles = loadProfiles();
    const profileOf = new Map(recording.series.map(({ home, sensor, profile }) => [`${sensor}-${home}`, profiles.get(profile)!]));
    for (const pack of broker.packs)
      expect(checkReadings(profileOf.get(pack.device)!, pack, { receivedAt: Date.now() }).refusals).toEqual([]);
  });
});
