// Alerts from calls, falls, vital signs and silent devices: each cause once, heard again when it comes again, over when a person says so.
import type { Location } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import pino from 'pino';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Cause } from '../../hub/alerts/contract.ts';
import { openAlerts } from '../../hub/alerts/index.ts';
import { service } from '../../hub/identity/actor.ts';
import { openRecords } from '../../hub/records/index.ts';
import { freshDatabase, unique } from '../harness/index.ts';
import { type Home, home, person } from './people.ts';

const MINUTE = 60_000;
const log = pino({ level: 'silent' });
const database = await freshDatabase();
const records = await openRecords({ database, log });
let now = Date.parse('2026-01-10T10:00:00Z');
const setup = records.as(service('setup'));
const alerts = openAlerts({ database, records, log, now: () => now });
afterAll(() => database.close());

const words = { ja: 'ナースコールが押されました', en: 'The call button was pressed' };
let place: Home;
const cause = (kind: Cause['kind'], key = unique('cause')): Cause => ({
  patient: place.patients[0]!,
  facility: place.facility,
  kind,
  detail: words,
  at: now,
  key,
});
beforeEach(async () => {
  place = await home(records);
});
const list = () => alerts.list(place.caregiver, place.facility, ['open', 'acknowledged', 'resolved']);

describe('a cause', () => {
  test('told again and by several processes is one alert, with its reason and how pressing it is', async () => {
    const call = cause('call', 'call-1');
    const found = await Promise.all([alerts.raise(call), alerts.raise(call), alerts.raise(call)]);
    expect(found.filter(Boolean)).toHaveLength(1);
    expect(await alerts.raise(call)).toBeNull();
    expect(await list()).toMatchObject([{ kind: 'call', tier: 'urgent', prediction: null, detail: words, state: 'open', room: '201' }]);
  });

  test('of another kind is another alert; a second of the same kind joins the open one', async () => {
    const call = await alerts.raise(cause('call'));
    expect(await alerts.raise(cause('call'))).toBe(call);
    await alerts.raise(cause('fall'));
    expect((await list()).map(one => one.kind).sort()).toEqual(['call', 'fall']);
  });

  test('a resident who calls again after someone acknowledged is heard again', async () => {
    const call = (await alerts.raise(cause('call')))!;
    await alerts.acknowledge(place.caregiver, call);
    now += MINUTE;
    expect(await alerts.raise(cause('call'))).toBe(call);
    expect(await alerts.read(place.caregiver, call)).toMatchObject({
      state: 'open',
      acknowledgedBy: null,
      raisedAt: new Date(now).toISOString(),
    });
  });

  test('a vital sign that goes on does not undo an acknowledgement; one that comes back does', async () => {
    const vital = (await alerts.raise(cause('vital')))!;
    await alerts.acknowledge(place.caregiver, vital);
    await alerts.raise(cause('vital'));
    expect((await alerts.read(place.caregiver, vital)).state).toBe('acknowledged');
    await alerts.clear({ patient: place.patients[0]!, facility: place.facility, kind: 'vital', at: now });
    await alerts.raise(cause('vital'));
    expect((await alerts.read(place.caregiver, vital)).state).toBe('open');
  });

  test('that is over leaves the alert to a person, and notes when', async () => {
    const call = (await alerts.raise(cause('call')))!;
    await alerts.clear({ patient: place.patients[0]!, facility: place.facility, kind: 'call', at: now });
    expect(await alerts.read(place.caregiver, call)).toMatchObject({ state: 'open', riskFellAt: new Date(now).toISOString() });
  });

  test('of a silent device closes itself when the device is heard again, and may come again', async () => {
    const silent = (await alerts.raise(cause('uncovered')))!;
    await alerts.clear({ patient: place.patients[0]!, facility: place.facility, kind: 'uncovered', at: now });
    expect(await alerts.read(place.caregiver, silent)).toMatchObject({ state: 'resolved', outcome: null, resolvedBy: null });
    expect(await alerts.raise(cause('uncovered'))).not.toBe(silent);
  });
});

describe('the floor', () => {
  const tile = async () => (await alerts.floor(place.caregiver, place.facility, 60)).floors[0]!.residents[0]!;

  test('shows the most pressing alert of a resident and counts the others', async () => {
    await alerts.raise(cause('vital'));
    await alerts.raise(cause('fall'));
    await alerts.raise(cause('call'));
    const found = await tile();
    expect(found).toMatchObject({ state: 'act', alert: { kind: 'call' } });
    expect(found.alerts.map(one => one.kind)).toEqual(['call', 'fall', 'vital']);
    await alerts.acknowledge(place.caregiver, found.alert!.id);
    expect((await tile()).alert?.kind, 'what nobody has taken comes first').toBe('fall');
  });

  test('a resident whose devices are silent is not covered, and is nobody to run to', async () => {
    await alerts.raise(cause('uncovered'));
    expect(await tile()).toMatchObject({ state: 'not-covered', alert: { kind: 'uncovered', tier: 'watch' } });
  });
});

describe('an alert that concerns no resident', () => {
  const corridor = async () => (await setup.create<Location>({ resourceType: 'Location', status: 'active', name: '2階の廊下' })).id;
  const silence = () => ({ ...cause('uncovered'), patient: null });

  test('of a place is one alert of a kind there, shown above the tiles to those who care there, and ends as seen to', async () => {
    const where = await corridor();
    const id = (await alerts.raise({ ...cause('call'), patient: null, place: where }))!;
    expect(await alerts.raise({ ...cause('call'), patient: null, place: where })).toBe(id);
    expect(await alerts.raise({ ...cause('call'), patient: null, place: await corridor() })).not.toBe(id);
    await alerts.raise(silence());
    const floor = await alerts.floor(place.manager, place.facility, 60);
    expect(floor.places.map(one => one.kind)).toEqual(['call', 'call', 'uncovered']);
    expect(floor.floors[0]!.residents[0]!.alerts).toEqual([]);
    expect(await alerts.read(place.caregiver, id)).toMatchObject({
      patient: null,
      residentName: '',
      placeName: '2階の廊下',
      tier: 'urgent',
    });
    expect((await alerts.acknowledge(place.caregiver, id)).state).toBe('acknowledged');
    const end = (outcome: 'handled' | 'prevented') => alerts.recordOutcome(place.caregiver, id, { outcome, onset: null, comment: '' });
    await expect(end('prevented')).rejects.toMatchObject({ status: 422 });
    expect(await end('handled')).toMatchObject({ state: 'resolved', outcome: 'handled' });
    expect((await list()).length).toBe(3);
  });

  test('of the whole facility has its name, calls by the on-call list, and closes itself', async () => {
    const id = (await alerts.raise(silence()))!;
    expect(await alerts.read(place.caregiver, id)).toMatchObject({ placeName: 'しおさい苑', tier: 'watch' });
    expect((await alerts.history(place.caregiver, id)).map(one => one.what)).toContain('raised');
    await alerts.raise(cause('uncovered'));
    await alerts.clear({ patient: null, facility: place.facility, kind: 'uncovered', at: now });
    const [resident, whole] = (await list()).sort((a, b) => Number(b.patient !== null) - Number(a.patient !== null));
    expect(resident).toMatchObject({ state: 'open' });
    expect(whole).toMatchObject({ id, state: 'resolved', resolvedBy: null });
  });

  test('is nothing for a doctor or for another facility’s carers, and their try is in the audit trail', async () => {
    const id = (await alerts.raise({ ...cause('fall'), patient: null, place: await corridor() }))!;
    const stranger = person('他 人', { role: 'caregiver', organization: 'elsewhere', organizationName: '別の苑' });
    for (const someone of [place.doctor, stranger]) {
      await expect(alerts.read(someone, id)).rejects.toMatchObject({ status: 403 });
      await expect(alerts.acknowledge(someone, id)).rejects.toMatchObject({ status: 403 });
    }
    const { rows } = await sql<{ allowed: boolean }>`select allowed from audit_events where account = ${stranger.account}`.execute(
      database.kysely,
    );
    expect(rows).toEqual([{ allowed: false }, { allowed: false }]);
  });
});
