// The whole hub, its people, a foreign facility, and a neighbour who behaves well: what all tests of bad input share.
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { DeviceClient } from '../../../devices/index.ts';
import { startHub, type TestHub } from '../../harness/hub.ts';
import { makeWorld, type TestWorld } from '../../harness/world.ts';
import { type ForeignFacility, makeForeignFacility } from '../foreign-facility.ts';
import { ROLES, type Role } from '../route-rights.ts';
import { say, Visitor } from '../visitor.ts';

export let hub: TestHub;
export let world: TestWorld;
export let foreign: ForeignFacility;
export let people: Record<Role, Visitor>;
export let nobody: Visitor;
export const neighbour = {
  device: undefined as DeviceClient | undefined,
  sending: undefined as NodeJS.Timeout | undefined,
  heard: 0,
  patient: '',
};
export const mqttUrl = () => `mqtt://127.0.0.1:${hub.mqttPort}`;

/** Starts it all for the test file that calls this, and looks behind each test that the neighbour noticed nothing. */
export function useStand(): void {
  beforeAll(async () => {
    hub = await startHub({ environment: { HUB_LOG: 'info', HUB_MEDIA_WORKERS: '1' } });
    world = await makeWorld(hub, 2);
    foreign = await makeForeignFacility(hub, world);
    nobody = new Visitor(hub.url);
    people = Object.fromEntries(
      await Promise.all(
        ROLES.map(async role => {
          const account =
            role === 'administrator'
              ? (await world.administrator.send<{ account: string }>('GET', '/api/session')).account
              : world.accounts[role]!;
          const { url } = await world.administrator.send<{ url: string }>('POST', `/api/people/${account}/link`, {});
          return [role, await new Visitor(hub.url).signIn(url)];
        }),
      ),
    ) as Record<Role, Visitor>;

    // A good device of the second resident, and a caregiver who watches that resident.
    const resident = world.residents[1]!;
    neighbour.patient = resident.patient;
    const bed = resident.devices.find(({ profile }) => profile === 'bed')!;
    const device = new DeviceClient({ url: mqttUrl(), facility: world.organizations.home, device: bed.device, secret: bed.secret });
    neighbour.device = device;
    neighbour.sending = setInterval(() => device.publish([{ name: 'heart_rate', unit: 'beat/min', value: 64, time: Date.now() }]), 100);
    const page = await people.caregiver.socket('/live');
    page.on('vitals', () => neighbour.heard++);
    expect(await say(page, 'vitals:watch', { patient: resident.patient })).toEqual({ ok: true });
    expect(await say(page, 'floor:follow', { facility: world.organizations.home })).toEqual({ ok: true });
  });
  afterAll(async () => {
    clearInterval(neighbour.sending);
    for (const visitor of Object.values(people ?? {})) visitor.close();
    await neighbour.device?.close();
    await hub?.stop();
  });

  /** The good device is acknowledged, the caregiver hears of it live, the doctor reads; and every role is the process it was. */

  /** The good device is acknowledged, the caregiver hears of it live, the doctor reads; and every role is the process it was. */
  afterEach(async () => {
    const before = { acknowledged: neighbour.device!.counts().acknowledged, heard: neighbour.heard };
    await expect.poll(() => neighbour.device!.counts().acknowledged).toBeGreaterThan(before.acknowledged + 1);
    await expect.poll(() => neighbour.heard).toBeGreaterThan(before.heard);
    expect((await people.doctor.ask('GET', `/fhir/R4/Patient/${neighbour.patient}`)).status).toBe(200);
    expect(hub.lines.filter(line => line.includes('ended; starting again'))).toEqual([]);
  });
}
