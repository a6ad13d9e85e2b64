// Whatever patients decide, in whatever order: what the record gives is what a pure reading of the Consents says, and each access is audited once.
import type { Consent, ConsentProvision } from '@medplum/fhirtypes';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Person } from '../../hub/identity/index.ts';
import { mayDo, type PatientFacts } from '../../hub/records/access/evaluate.ts';
import { CATEGORY_SYSTEM, consentWith, PURPOSE_SYSTEM } from '../../hub/records/access/provisions.ts';
import { type Relation, relationsOf } from '../../hub/records/access/relations.ts';
import { CATEGORIES, type Category } from '../../hub/records/records.ts';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { person, type SmallWorld, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
let now = new Date('2026-11-22T00:00:00Z');
const HOUR = 3_600_000;
const WHAT = { ja: '試験', en: 'test' };

/** One resource of each kind, of the one patient; `withheld`: not told to the patient yet. */
let kept: { type: string; id: string; category: Category; withheld: boolean }[];
let actors: Record<string, Person>;
let parties: (string | null)[];
beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database, () => now);
  const subject = { reference: `Patient/${world.patient.id}` };
  const code = { text: 'x' };
  const untold = { tag: [{ system: 'http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication', code: 'UNINFORMED' }] };
  const of = async (category: Category, made: Promise<{ resourceType: string; id: string }>, withheld = false) => {
    const { resourceType, id } = await made;
    return { type: resourceType, id, category, withheld };
  };
  const condition = { resourceType: 'Condition' as const, subject, code };
  const document = {
    resourceType: 'DocumentReference' as const,
    status: 'current' as const,
    subject,
    content: [{ attachment: { title: 'x' } }],
  };
  kept = [
    { type: 'Patient', id: world.patient.id, category: 'demographics', withheld: false },
    await of('summary', world.seed.create(condition)),
    await of('summary', world.seed.create({ ...condition, meta: untold }), true),
    await of('consultation', world.seed.create({ resourceType: 'Procedure', status: 'completed', subject, code })),
    await of('document', world.seed.create(document)),
    await of('document', world.seed.create({ ...document, contained: [{ ...condition, id: 'c', meta: untold }] }), true),
    await of('vitals', world.seed.create({ resourceType: 'Observation', status: 'final', code, subject })),
    await of('risk', world.seed.create({ resourceType: 'RiskAssessment', status: 'final', subject })),
  ];
  const related = await world.seed.create({ resourceType: 'RelatedPerson', active: true, patient: subject, name: [{ text: '娘' }] });
  const proxy: Person = { ...person(`RelatedPerson/${related.id}`, [], '田中 良子'), actsFor: world.patient.id };
  const { doctor, specialist, caregiver, manager, self, maker, administrator } = world;
  actors = { doctor, specialist, caregiver, manager, self, maker, administrator, proxy };
  parties = [
    null,
    ...[world.hospital, world.facility, world.centre].map(({ id }) => `Organization/${id}`),
    ...[doctor, specialist, caregiver, proxy].map(({ reference }) => reference),
  ];
});
afterAll(() => database?.close());

/** A provision with up to two levels within; parties by their place in `parties`, times in hours from now. */
interface Plan {
  effect: 'permit' | 'deny';
  party: number | null;
  categories: Category[] | null;
  purpose: string | null;
  from: number | null;
  until: number | null;
  odd: boolean;
  inner: Plan[];
}
const plan = (depth: number): fc.Arbitrary<Plan> =>
  fc.record({
    effect: fc.constantFrom('permit' as const, 'deny' as const),
    party: fc.option(fc.nat(7), { freq: 4 }),
    categories: fc.option(fc.uniqueArray(fc.constantFrom(...CATEGORIES), { minLength: 1, maxLength: 3 })),
    purpose: fc.option(fc.constantFrom('TREAT', 'PATRQT', 'HRESCH', 'ETREAT'), { freq: 1 }),
    from: fc.option(fc.integer({ min: -5, max: 5 }), { freq: 1 }),
    until: fc.option(fc.integer({ min: -2, max: 10 }), { freq: 1 }),
    odd: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
    inner: depth > 0 ? fc.array(plan(depth - 1), { maxLength: 2 }) : fc.constant([]),
  });
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('decide' as const), plan: plan(2), rooted: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('end' as const, 'again' as const), which: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), hours: fc.integer({ min: 1, max: 6 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('treats' as const, 'lives' as const, 'consults' as const), on: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('role' as const),
      who: fc.constantFrom('doctor', 'specialist', 'caregiver'),
      on: fc.boolean(),
    }),
  },
);

function provisionOf({ effect, party, categories, purpose, from, until, odd, inner }: Plan): ConsentProvision {
  const reference = party === null ? null : parties[party % parties.length];
  const at = (hours: number) => new Date(now.getTime() + hours * HOUR).toISOString();
  const [first, last] = from !== null && until !== null && until < from ? [until, from] : [from, until];
  return {
    type: effect,
    ...(reference ? { actor: [{ role: { text: '相手' }, reference: { reference } }] } : {}),
    ...(categories ? { class: categories.map(code => ({ system: CATEGORY_SYSTEM, code })) } : {}),
    ...(purpose ? { purpose: [{ system: PURPOSE_SYSTEM, code: purpose }] } : {}),
    ...(first !== null || last !== null
      ? { period: { ...(first !== null ? { start: at(first) } : {}), ...(last !== null ? { end: at(last) } : {}) } }
      : {}),
    // What this hub does not understand must close, never open.
    ...(odd ? { securityLabel: [{ code: 'R' }] } : {}),
    ...(inner.length ? { provision: inner.map(provisionOf) } : {}),
  };
}

const audited = async () =>
  Number((await sql<{ count: string }>`select count(*) as count from audit_events`.execute(database.kysely)).rows[0]!.count);

test('no sequence of grants, revocations, expiries, role and relation changes lets anyone read what the latest consent denies', async () => {
  let consultation = await world.consultation('in-progress');
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 7 }), fc.infiniteStream(fc.nat(1_000_000)), async (steps, random) => {
      runs++;
      const draw = (most: number) => random.next().value! % most;
      const mine = world.records.as(world.self);
      const consents: (Consent & { id: string })[] = [];
      const working: Record<string, Person> = { ...actors };
      let patient = await world.seed.read('Patient', world.patient.id);
      let residence = (await world.seed.search(`Encounter?subject=Patient/${world.patient.id}&type=residence`))[0]!;
      try {
        for (const asked of steps) {
          switch (asked.kind) {
            case 'decide': {
              const made = consentWith(world.patient.id, world.self.reference!, now.toISOString(), [provisionOf(asked.plan)], '本人の意思');
              // Other systems put the type at the root.
              const consent = asked.rooted ? { ...made, provision: made.provision!.provision![0]! } : made;
              consents.push(await mine.create(consent));
              break;
            }
            case 'end':
            case 'again': {
              if (!consents.length) break;
              const at = asked.which % consents.length;
              consents[at] = await mine.update({ ...consents[at]!, status: asked.kind === 'end' ? 'inactive' : 'active' });
              break;
            }
            case 'time':
              now = new Date(now.getTime() + asked.hours * HOUR);
              break;
            case 'treats':
              patient = await world.seed.update({
                ...patient,
                generalPractitioner: asked.on ? [{ reference: `Organization/${world.hospital.id}` }] : undefined,
              });
              break;
            case 'lives':
              residence = await world.seed.update({ ...residence, status: asked.on ? 'in-progress' : 'finished' } as typeof residence);
              break;
            case 'consults':
              consultation = await world.seed.update({
                ...consultation,
                status: asked.on ? 'in-progress' : 'cancelled',
              } as typeof consultation);
              break;
            case 'role':
              working[asked.who] = asked.on ? actors[asked.who]! : { ...actors[asked.who]!, roles: [] };
              break;
          }
          const relations: Relation[] = [patient, residence, consultation].flatMap(resource => relationsOf(resource, now));
          const facts: PatientFacts = { patient: world.patient.id, consents, relations };
          for (let n = 0; n < 5; n++) {
            const [name, actor] = Object.entries(working)[draw(Object.keys(working).length)]!;
            const { type, id, category, withheld } = kept[draw(kept.length)]!;
            const view = world.records.guarded(actor);
            const may = (action: 'read' | 'search') => mayDo(facts, { actor, action, category, withheld, now });
            const words = `${name} ${type} ${category} after ${JSON.stringify(asked)}`;
            const before = await audited();
            const found = await world.records.as(actor).search(`${type}?_id=${id}`);
            expect(found.length === 1, `search: ${words}`).toBe(may('search'));
            const opened = async (work: Promise<unknown>) =>
              work.then(() => true).catch((error: { status?: number }) => error.status !== 403);
            expect(await opened(view.read(type, id)), `read: ${words}`).toBe(may('read'));
            expect(await opened(view.versions({ types: [type], id, count: 10 })), `history: ${words}`).toBe(may('read'));
            expect(await opened(view.readVersion(type, id, '1')), `vread: ${words}`).toBe(may('read'));
            const allowed = await world.records.allowed(actor, [world.patient.id], category, 'read', WHAT);
            expect(allowed.size === 1, `allowed: ${words}`).toBe(mayDo(facts, { actor, action: 'read', category, now }));
            expect(await audited(), words).toBe(before + 5);
          }
        }
      } finally {
        // As before, also for the runs that make a failure smaller.
        for (const consent of consents) if (consent.status === 'active') await mine.update({ ...consent, status: 'inactive' });
        await world.seed.update({ ...patient, generalPractitioner: [{ reference: `Organization/${world.hospital.id}` }] });
        await world.seed.update({ ...residence, status: 'in-progress' } as typeof residence);
        if (consultation.status !== 'in-progress') consultation = await world.seed.update({ ...consultation, status: 'in-progress' });
      }
    }),
    { numRuns: 40 },
  );
  expect(runs).toBeGreaterThanOrEqual(40);
}, 120_000);

test('what is carried inside is held back with what carries it, and older versions with it', async () => {
  const tag = [{ system: 'http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication', code: 'UNDELIVERED' }];
  const subject = { reference: `Patient/${world.patient.id}` };
  const observation = await world.seed.create({ resourceType: 'Observation', status: 'final', code: { text: '検査' }, subject });
  const self = world.records.guarded(world.self);
  expect(await self.readVersion('Observation', observation.id, '1')).toMatchObject({ id: observation.id });
  await world.seed.update({ ...observation, meta: { tag } });
  for (const work of [
    () => self.read('Observation', observation.id),
    () => self.readVersion('Observation', observation.id, '1'),
    () => self.readVersion('Observation', observation.id, '2'),
    () => self.versions({ types: ['Observation'], id: observation.id, count: 10 }),
  ])
    await expect(work()).rejects.toMatchObject({ status: 403 });
  const told = await world.seed.update({ ...(await world.seed.read('Observation', observation.id)), meta: { tag: [] } });
  expect(await self.read('Observation', told.id)).toMatchObject({ id: told.id });
  // It was held back then: that version stays so.
  await expect(self.readVersion('Observation', observation.id, '2')).rejects.toMatchObject({ status: 403 });
  expect((await self.versions({ types: ['Observation'], id: observation.id, count: 10 })).versions.map(({ version }) => version)).toEqual([
    '3',
    '1',
  ]);
  const bundle = {
    resourceType: 'Bundle' as const,
    type: 'collection' as const,
    entry: [
      { fullUrl: `Patient/${world.patient.id}`, resource: world.patient },
      { fullUrl: 'Condition/x', resource: { resourceType: 'Condition' as const, id: 'x', meta: { tag }, code: { text: '—' }, subject } },
    ],
  };
  const stored = await world.seed.create(bundle);
  await expect(self.read('Bundle', stored.id)).rejects.toMatchObject({ status: 403 });
  expect(await world.records.as(world.self).search('Bundle?')).toEqual([]);
  expect(await world.records.as(world.doctor).read('Bundle', stored.id)).toMatchObject({ id: stored.id });
});
