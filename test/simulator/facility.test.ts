// The simulated facility against a real broker: what arrives can be decoded, the past joins the present, orders and faults take effect.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Aedes } from 'aedes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkReadings, decodePack, loadProfiles, type Pack, parseTopic } from '../../devices/index.ts';
import { StoryClock } from '../../simulator/facility/clock.ts';
import { parseEpisode } from '../../simulator/facility/command.ts';
import { type Facility, NO_FAULTS, parsePlan, startFacility } from '../../simulator/facility/index.ts';
import { Occupant } from '../../simulator/facility/occupant.ts';
import { drawBuilding, MINUTE, ResidentSimulation, TICK } from '../../simulator/residents/index.ts';

const PROFILES = ['bed', 'wrist', 'room', 'door', 'toilet'] as const;
let brokerUrl: string;
let received: { pack: Pack; profile: string }[];
let closeBroker: () => Promise<void>;

beforeAll(async () => {
  received = [];
  const aedes = await Aedes.createBroker({
    authorizePublish(_client, packet, done) {
      const topic = parseTopic(packet.topic);
      if (topic?.kind === 'device' && (topic.channel === 'json' || topic.channel === 'cbor'))
        received.push({ pack: decodePack(packet.payload as Buffer, topic.channel, Date.now()), profile: topic.device.split('-')[1]! });
      done();
    },
  });
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  brokerUrl = `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`;
  closeBroker = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>(resolve => aedes.close(() => resolve()));
    await new Promise(resolve => server.close(resolve));
  };
});
afterAll(() => closeBroker());

const planFor = (prefix: string, residents: number) =>
  parsePlan(
    {
      facility: 'f1',
      brokerUrl,
      residents: Array.from({ length: residents }, (_, index) => ({
        seed: index + 1,
        devices: PROFILES.map(profile => ({ device: `${prefix}-${profile}-${index}`, profile, secret: 's' })),
      })),
      presence: [{ device: `${prefix}-presence-0`, secret: 's' }],
    },
    'in the test',
  );
const of = (prefix: string) => received.filter(({ pack }) => pack.device.startsWith(`${prefix}-`));

test('the past comes in packs of ten minutes, then each device lives on without a gap, and all of it keeps to the profiles', async () => {
  const events: { event: string }[] = [];
  const began = Date.now();
  const facility: Facility = startFacility({
    plan: planFor('a', 4),
    speed: 1,
    historyHours: 2,
    episodes: [],
    spontaneous: false,
    faults: NO_FAULTS,
    tell: event => events.push(event),
    warn: text => expect.fail(text),
  });
  try {
    await facility.live;
    expect(events.map(({ event }) => event)).toEqual(['history-sent', 'live']);
    const past = of('a').length;
    expect(past).toBeLessThan(21 * 30);
    // Live: within half a minute each bed speaks; the first does much sooner.
    await expect.poll(() => of('a').length, { timeout: 35_000 }).toBeGreaterThan(past + 2);
    const profiles = loadProfiles();
    for (const { pack, profile } of of('a')) {
      expect(checkReadings(profiles.get(profile)!, pack, { receivedAt: Date.now() }).refusals).toEqual([]);
      for (const { time } of pack.readings) expect(time).toBeLessThanOrEqual(Date.now());
    }
    const times = of('a')
      .filter(({ profile }) => profile === 'bed')
      .flatMap(({ pack }) => pack.readings.filter(({ name }) => name === 'in_bed').map(({ time }) => ({ device: pack.device, time })));
    for (let index = 0; index < 4; index++) {
      const own = times.filter(({ device }) => device === `a-bed-${index}`).map(({ time }) => time);
      expect(own[0]).toBeLessThan(began - 2 * 3_600_000 + TICK);
      expect(own.at(-1)).toBeGreaterThan(began - 2 * TICK);
      for (const [at, time] of own.entries()) if (at) expect(time - own[at - 1]!).toBe(TICK);
    }
  } finally {
    await facility.close();
  }
});

test('packs sent twice and wrong units arrive as ordered', async () => {
  const facility = startFacility({
    plan: planFor('b', 2),
    speed: 1,
    historyHours: 1,
    episodes: [],
    spontaneous: false,
    faults: { ...NO_FAULTS, duplicates: 0.5, wrongUnit: 0.3 },
    tell: () => {},
    warn: () => {},
  });
  try {
    await facility.live;
    const packs = of('b').map(({ pack }) => JSON.stringify([pack.device, pack.readings]));
    expect(new Set(packs).size).toBeLessThan(packs.length);
    expect(of('b').some(({ pack }) => pack.readings.some(({ unit }) => unit === 'K'))).toBe(true);
  } finally {
    await facility.close();
  }
});

test('a faster story keeps real intervals, and the ordered prodrome is compressed with it', () => {
  const wall = Math.floor(Date.now() / TICK) * TICK;
  const clock = new StoryClock(wall, 60);
  const simulation = new ResidentSimulation({ seed: 1, building: drawBuilding(1), start: wall - 20 * MINUTE, spontaneous: false });
  const occupant = new Occupant(simulation, clock);
  for (let time = wall - 20 * MINUTE; time < wall; time += TICK) occupant.span(time);
  const onset = clock.story(wall + 5 * MINUTE);
  simulation.force({ onset, end: onset + 30 * MINUTE, prodrome: onset - clock.story(wall + 2 * MINUTE), intensity: 1 });
  const spans = Array.from({ length: 12 }, (_, index) => occupant.span(wall + index * TICK));
  const beds = spans.flatMap(({ samples }) => samples.filter(({ profile }) => profile === 'bed').map(({ time }) => time));
  expect(beds).toHaveLength(12);
  for (const [index, time] of beds.entries()) if (index) expect(time - beds[index - 1]!).toBe(TICK);
  expect(spans.findIndex(({ prodrome }) => prodrome !== null)).toBe(4);
  expect(spans.findIndex(({ onset }) => onset !== null)).toBe(10);
  const late = spans.flatMap(({ samples }, index) =>
    samples.filter(({ time }) => time < wall + index * TICK || time >= wall + (index + 1) * TICK),
  );
  expect(late).toEqual([]);
});

describe('the command line', () => {
  test('an episode is read from its short form, or refused with the right form', () => {
    expect(parseEpisode('3@240:200', 12)).toEqual({ resident: 3, seconds: 240, prodromeSeconds: 200 });
    expect(parseEpisode('0@60', 1).prodromeSeconds).toBe(600);
    expect(() => parseEpisode('soon', 12)).toThrow('0@240:200');
    expect(() => parseEpisode('12@60', 12)).toThrow('12 residents');
  });

  test('runs a plan until it is asked to end, says live on standard output, and fails with words on a bad plan', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'facility-'));
    const run = (plan: unknown) => {
      const file = path.join(folder, 'plan.json');
      writeFileSync(file, JSON.stringify(plan));
      const main = path.resolve(import.meta.dirname, '../../simulator/main.ts');
      const child = spawn(process.execPath, [main, 'facility', '--plan', file], { stdio: ['ignore', 'pipe', 'pipe'] });
      const printed = { out: '', err: '' };
      child.stdout.on('data', text => {
        printed.out += text;
      });
      child.stderr.on('data', text => {
        printed.err += text;
      });
      return { child, printed, ended: new Promise<number | null>(resolve => child.once('exit', resolve)) };
    };
    try {
      const good = run(planFor('c', 1));
      await expect.poll(() => good.printed.out, { timeout: 15_000 }).toContain('"event":"live"');
      good.child.kill('SIGTERM');
      expect(await good.ended).toBe(0);
      const bad = run({ facility: 'f 1', brokerUrl, residents: [] });
      expect(await bad.ended).toBe(1);
      expect(bad.printed.err).toContain('facility');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
