// What a user does in two minutes: a manager's link, one command, and the recording is a resident's data in the hub.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CoverageView } from '../../hub/ingest/contract.ts';
import { DAY, HOUR } from '../../simulator/residents/index.ts';
import { startHub, type TestHub } from '../harness/hub.ts';
import { makeWorld, type TestWorld } from '../harness/world.ts';

let hub: TestHub;
let world: TestWorld;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'registered-'));
  hub = await startHub();
  world = await makeWorld(hub, 1);
}, 120_000);
afterAll(async () => {
  await hub?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const main = path.resolve(import.meta.dirname, '../../simulator/main.ts');
function run(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, [main, ...args], { cwd: folder });
    const printed = { out: '', err: '' };
    child.stdout.on('data', text => {
      printed.out += text;
    });
    child.stderr.on('data', text => {
      printed.err += text;
    });
    child.once('exit', code => resolve({ code, ...printed }));
  });
}
const linkOf = async (person: string) =>
  (await world.administrator.send<{ url: string }>('POST', `/api/people/${world.accounts[person]}/link`, { uses: 5 })).url;

test('a recorded home becomes a resident whose devices the hub has heard; a second run uses the same devices', async () => {
  const yesterday = '2019-04-01';
  const lines = Array.from({ length: 24 }, (_, hour) => `a1,Kitchen,${yesterday} ${String(hour).padStart(2, '0')}:05:00`);
  writeFileSync(
    path.join(folder, 'Activity.csv'),
    ['patient_id,location_name,date', ...lines, 'a1,Hallway,2019-04-02 00:00:00'].join('\n'),
  );
  writeFileSync(
    path.join(folder, 'Physiology.csv'),
    `patient_id,date,device_type,value,unit\na1,${yesterday} 10:00:00,Systolic blood pressure,120,mm[Hg]\na1,${yesterday} 10:00:00,Diastolic blood pressure,80,mm[Hg]\n`,
  );
  const broker = `mqtt://127.0.0.1:${hub.mqttPort}`;
  const args = ['replay', '--data', folder, '--until-now', '--direct', broker];
  const first = await run(...args, '--link', await linkOf('manager'));
  expect(first.err).toContain('registered a1');
  expect(first.code, first.err).toBe(0);
  const report = JSON.parse(first.out.trim().split('\n').at(-1)!) as { packs: unknown };
  expect(report.packs).toMatchObject({ dropped: 0, refusedByHub: {} });

  const facility = world.organizations.home;
  const manager = await world.as('manager');
  const plan = path.join(folder, 'replay-plan.json');
  expect(statSync(plan).mode & 0o077).toBe(0);
  const { homes } = JSON.parse(readFileSync(plan, 'utf8')) as { homes: { devices: { device: string; sensor: string }[] }[] };
  const meter = homes[0]!.devices.find(({ sensor }) => sensor === 'blood-pressure')!.device;
  const todayInJapan = Math.floor((Date.now() + 9 * HOUR) / DAY) * DAY - 9 * HOUR;
  const viewOf = async (device: string) => {
    const { devices } = await manager.send<CoverageView>('GET', `/api/devices/coverage?facility=${facility}`);
    return devices.find(each => each.device === device);
  };
  // The hub notes what it has heard in batches.
  await expect.poll(async () => (await viewOf(meter))?.accepted, { timeout: 10_000 }).toBeGreaterThan(0);
  expect(await viewOf(meter)).toMatchObject({ refused: 0, lastSample: new Date(todayInJapan - DAY + 10 * HOUR).toISOString() });

  const again = await run(...args);
  expect(again.code, again.err).toBe(0);
  expect(again.err).not.toContain('registered');
  expect(again.err).toContain('packs acknowledged');
});

test('residents of a facility are registered and the plan runs', async () => {
  const args = ['register', '--residents', '2', '--devices', 'bed,call-button', '--devices-of', '0:spo2', '--history', '1'];
  const made = await run(...args, '--direct', `mqtt://127.0.0.1:${hub.mqttPort}`, '--link', await linkOf('manager'));
  expect(made.code, made.err).toBe(0);
  expect(JSON.parse(made.out)).toMatchObject({ event: 'registered', residents: 2, hallways: 1 });
  const child = spawn(process.execPath, [main, 'facility', '--plan', 'plan.json', '--history', '1'], { cwd: folder });
  let out = '';
  child.stdout.on('data', text => {
    out += text;
  });
  try {
    await expect.poll(() => out, { timeout: 20_000 }).toContain('"event":"live"');
  } finally {
    child.kill('SIGTERM');
  }
  const live = JSON.parse(out.split('\n').find(line => line.includes('"live"'))!) as Record<string, number>;
  expect(live).toMatchObject({ devices: 6, connected: 6, dropped: 0 });
});

test('who may not, is told so: a caregiver’s link, a used link, no link', async () => {
  const args = ['register', '--direct', 'mqtt://127.0.0.1:1', '--plan', 'other.json'];
  expect((await run(...args, '--link', await linkOf('caregiver'))).err).toContain('no manager');
  expect((await run(...args, '--link', `${hub.url}/sign-in#${'x'.repeat(40)}`)).err).toContain('cannot be used');
  expect((await run(...args)).err).toContain('--link URL is missing');
  expect(existsSync(path.join(folder, 'other.json'))).toBe(false);
});
