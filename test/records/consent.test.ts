// Consent and audit: who sees whose data, what a patient's word changes at once, and that every access leaves its line.
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Person } from '../../hub/identity/index.ts';
import { CATEGORY_SYSTEM } from '../../hub/records/access/provisions.ts';
import type { Category } from '../../hub/records/index.ts';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { person, type SmallWorld, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
let now = new Date();
beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database, () => now);
});
afterAll(() => database?.close());

const WHAT = { ja: '試験', en: 'test' };
const categories: Category[] = ['demographics', 'consultation', 'document', 'vitals', 'risk', 'sharing'];
const audited = async () =>
  Number((await sql<{ count: string }>`select count(*) from audit_events`.execute(database.kysely)).rows[0]!.count);
async function readable(actor: Person, patient = world.patient.id): Promise<Category[]> {
  const open: Category[] = [];
  for (const category of categories) if ((await world.records.allowed(actor, [patient], category, 'read', WHAT)).size) open.push(category);
  return open;
}
const vital = (patient: string) =>
  world.seed.create({
    resourceType: 'Observation',
    status: 'final',
    code: { text: '心拍数' },
    subject: { reference: `Patient/${patient}` },
    valueQuantity: { value: 72, unit: '拍/分' },
  });
const deny = (organization: string, category?: Category) => ({
  resourceType: 'Consent' as const,
  status: 'active' as const,
  scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
  category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
  patient: { reference: `Patient/${world.patient.id}` },
  policyRule: { text: '本人の意思' },
  provision: {
    type: 'deny' as const,
    actor: [{ role: { text: '共有先' }, reference: { reference: `Organization/${organization}` } }],
    ...(category ? { class: [{ system: CATEGORY_SYSTEM, code: category }] } : {}),
  },
});

describe('without a word from the patient', () => {
  test('each role sees what its work needs', async () => {
    expect(await readable(world.doctor)).toEqual(categories);
    expect(await readable(world.caregiver)).toEqual(['demographics', 'vitals', 'risk']);
    expect(await readable(world.manager)).toEqual(['demographics', 'vitals', 'risk']);
    expect(await readable(world.self)).toEqual(categories);
    expect(await readable(world.specialist)).toEqual([]);
    expect(await readable(world.maker)).toEqual([]);
    expect(await readable(world.administrator)).toEqual([]);
  });

  test('a patient of another hospital stays closed, to reading, searching and writing', async () => {
    const observation = await vital(world.foreign.id);
    for (const actor of [world.doctor, world.caregiver, world.self]) {
      await expect(world.records.as(actor).read('Patient', world.foreign.id)).rejects.toMatchObject({ status: 403 });
      await expect(world.records.as(actor).read('Observation', observation.id)).rejects.toMatchObject({ status: 403 });
      await expect(world.records.as(actor).update(observation)).rejects.toMatchObject({ status: 403 });
      expect(await world.records.as(actor).search(`Observation?subject=Patient/${world.foreign.id}`)).toEqual([]);
      expect((await world.records.as(actor).search('Patient?')).map(({ id }) => id)).not.toContain(world.foreign.id);
    }
  });

  test('nobody lets themselves in: a consultation, a patient or a consent written by an outsider is refused', async () => {
    const outsider = world.records.as(world.specialist);
    const encounter = await world.consultation('in-progress', world.foreign.id, [world.doctor]);
    await expect(outsider.update({ ...encounter, subject: { reference: `Patient/${world.patient.id}` } })).rejects.toMatchObject({
      status: 403,
    });
    await expect(
      outsider.create({
        ...encounter,
        subject: { reference: `Patient/${world.patient.id}` },
        participant: [{ individual: { reference: world.specialist.reference! } }],
      }),
    ).rejects.toMatchObject({ status: 403 });
    await expect(world.records.as(world.doctor).create(deny(world.facility.id))).rejects.toMatchObject({ status: 403 });
    await expect(world.records.as(world.self).update({ ...world.patient, generalPractitioner: [] })).rejects.toMatchObject({ status: 403 });
  });

  test('a specialist sees a patient while consulted and 30 days after, then no more', async () => {
    const encounter = await world.consultation('in-progress');
    expect(await readable(world.specialist)).toEqual(['demographics', 'consultation', 'document', 'vitals', 'risk']);
    await world.seed.update({ ...encounter, status: 'finished', period: { ...encounter.period, end: now.toISOString() } });
    const before = now;
    now = new Date(before.getTime() + 29 * 86_400_000);
    expect(await readable(world.specialist)).toContain('document');
    now = new Date(before.getTime() + 31 * 86_400_000);
    expect(await readable(world.specialist)).toEqual([]);
    now = before;
    await world.seed.update({ ...(await world.seed.read('Encounter', encounter.id)), status: 'cancelled' });
  });

  test('a resource that names no patient is refused', async () => {
    await expect(
      world.records.as(world.doctor).create({ resourceType: 'Observation', status: 'final', code: { text: 'x' } }),
    ).rejects.toMatchObject({ status: 403 });
  });

  test('what the patient was not told yet is not shown to the patient', async () => {
    const untold = await world.seed.create({
      resourceType: 'Condition',
      meta: { tag: [{ system: 'http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication', code: 'UNINFORMED' }] },
      code: { text: '—' },
      subject: { reference: `Patient/${world.patient.id}` },
    });
    await expect(world.records.as(world.self).read('Condition', untold.id)).rejects.toMatchObject({ status: 403 });
    expect(await world.records.as(world.self).search('Condition?')).toEqual([]);
    expect(await world.records.as(world.doctor).search(`Condition?_id=${untold.id}`)).toHaveLength(1);
  });
});

describe('a patient’s denial', () => {
  test('closes at once and opens again when it ends, in reading and in searching', async () => {
    const observation = await vital(world.patient.id);
    const consent = await world.records.as(world.self).create(deny(world.facility.id, 'vitals'));
    expect(await readable(world.caregiver)).toEqual(['demographics', 'risk']);
    expect(await world.records.as(world.caregiver).search('Observation?')).toEqual([]);
    await expect(world.records.as(world.caregiver).read('Observation', observation.id)).rejects.toMatchObject({ status: 403 });
    expect(await readable(world.doctor)).toEqual(categories);
    await world.records.as(world.self).update({ ...consent, status: 'inactive' });
    expect(await readable(world.caregiver)).toEqual(['demographics', 'vitals', 'risk']);
    expect((await world.records.as(world.caregiver).search('Observation?')).map(({ id }) => id)).toContain(observation.id);
  });

  test('whatever the order of denials and their ends, nobody reads what the latest word denies', async () => {
    const step = fc.record({
      place: fc.constantFrom('hospital' as const, 'facility' as const),
      category: fc.constantFrom(undefined, 'vitals' as const, 'risk' as const),
      end: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async steps => {
        const mine = world.records.as(world.self);
        const active = new Map<string, Awaited<ReturnType<typeof mine.create<ReturnType<typeof deny>>>>[]>();
        const key = (place: string, category?: string) => `${place} ${category ?? ''}`;
        for (const { place, category, end } of steps) {
          if (end) {
            for (const consent of active.get(key(place, category)) ?? []) await mine.update({ ...consent, status: 'inactive' as never });
            active.delete(key(place, category));
          } else {
            const consent = await mine.create(deny(world[place].id, category));
            active.set(key(place, category), [...(active.get(key(place, category)) ?? []), consent]);
          }
          for (const [name, actor] of [
            ['hospital', world.doctor],
            ['facility', world.caregiver],
          ] as const) {
            const open = await readable(actor);
            for (const asked of ['vitals', 'risk'] as const) {
              const denied = active.has(key(name)) || active.has(key(name, asked));
              expect(open.includes(asked)).toBe(!denied);
            }
          }
          expect(await readable(world.self)).toEqual(categories);
        }
        for (const consents of active.values())
          for (const consent of consents) await mine.update({ ...consent, status: 'inactive' as never });
      }),
      { numRuns: 12 },
    );
  }, 60_000);
});

describe('the audit trail', () => {
  test('has exactly one line for each access, granted or not', async () => {
    const observation = await vital(world.patient.id);
    const doctor = world.records.as(world.doctor);
    const outsider = world.records.as(person('Practitioner/nobody', [['doctor', 'elsewhere']]));
    const accesses: (() => Promise<unknown>)[] = [
      () => doctor.read('Observation', observation.id),
      () => doctor.search(`Observation?subject=Patient/${world.patient.id}`),
      () => doctor.update(observation),
      () => doctor.create({ resourceType: 'Condition', code: { text: '不眠' }, subject: { reference: `Patient/${world.patient.id}` } }),
      () => outsider.read('Observation', observation.id),
      () => outsider.update(observation),
      () => outsider.create({ resourceType: 'Condition', code: { text: '不眠' }, subject: { reference: `Patient/${world.patient.id}` } }),
      () => outsider.search('Observation?'),
      () => doctor.read('Observation', 'not-there'),
      () => world.records.require(world.doctor, world.patient.id, 'vitals', 'read', WHAT),
      () => world.records.require(world.maker, world.patient.id, 'vitals', 'read', WHAT),
      () => world.records.allowed(world.doctor, [world.patient.id, world.foreign.id], 'risk', 'read', WHAT),
      () => world.records.residents(world.caregiver, world.facility.id),
    ];
    for (const access of accesses) {
      const before = await audited();
      await access().catch(() => undefined);
      expect(await audited(), access.toString()).toBe(before + 1);
    }
  });

  test('a write that cannot be audited does not happen', async () => {
    await sql`alter table audit_events add constraint broken check (role <> 'doctor') not valid`.execute(database.kysely);
    const count = async () => (await world.seed.search('Condition?code:missing=false&_count=1000')).length;
    const before = await count();
    const write = world.records
      .as(world.doctor)
      .create({ resourceType: 'Condition', code: { text: '不眠' }, subject: { reference: `Patient/${world.patient.id}` } });
    await expect(write).rejects.toThrow();
    await expect(world.records.as(world.doctor).read('Patient', world.patient.id)).rejects.toThrow();
    await sql`alter table audit_events drop constraint broken`.execute(database.kysely);
    expect(await count()).toBe(before);
  });

  test.each(['update audit_events set allowed = true', 'delete from audit_events', 'truncate audit_events'])(
    'refuses: %s',
    async statement => {
      await expect(sql.raw(statement).execute(database.kysely)).rejects.toThrow(/append-only/);
    },
  );
});
