// A doctor asks for what the patient keeps elsewhere; the patient says yes for a time, or no; a yes is a Consent and can be ended at once.
import { randomUUID } from 'node:crypto';
import type { Consent } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { z } from 'zod';
import { notAllowed, notFound, Problem, readBody } from '../http/index.ts';
import { checked, resourceId } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { hasRole, requireRole } from '../identity/actor.ts';
import { CATEGORY_SYSTEM } from '../records/index.ts';
import type { RequestView } from './contract.ts';
import { ownId, type PhrDeps } from './imports.ts';
import type { PhrTables } from './tables.ts';

const Ask = z.object({ patient: resourceId, organization: resourceId, what: z.string().trim().min(1).max(500) });
const Answer = z.object({ allow: z.boolean(), days: z.int().min(1).max(730).default(90) });
const DAY_MS = 86_400_000;

/** Below /api/phr/requests. */
export function requestRoutes({ database, records, now = () => new Date() }: Omit<PhrDeps, 'files'>): Hono<HubEnv> {
  const tables = database.kysely.withTables<PhrTables>();
  const app = new Hono<HubEnv>();
  const view = (row: PhrTables['phr_requests']): RequestView => ({
    id: row.id,
    doctorName: row.doctor_name,
    organizationName: row.organization_name,
    what: row.what,
    askedAt: row.asked_at.toISOString(),
    answer: row.answer === 'yes' && row.until && row.until <= now() ? 'over' : row.answer,
    answeredAt: row.answered_at?.toISOString() ?? null,
    until: row.until?.toISOString() ?? null,
  });
  const of = (patient: string) =>
    tables.selectFrom('phr_requests').selectAll().where('patient', '=', patient).orderBy('asked_at', 'desc').limit(50).execute();

  app.get('/', async context => {
    const { actor } = context.var;
    const asked = context.req.query('patient');
    if (asked === undefined) return context.json((await of(ownId(actor))).map(view));
    requireRole(actor, ['doctor']);
    const patient = checked(resourceId, asked);
    await records.require(actor, patient, 'demographics', 'read', { ja: 'PHR の依頼を見る', en: 'read requests for health data' });
    const mine = actor.roles.filter(({ role }) => role === 'doctor').map(({ organization }) => organization);
    return context.json((await of(patient)).filter(({ organization }) => mine.includes(organization)).map(view));
  });

  app.post('/', async context => {
    const { actor } = context.var;
    const { patient, organization, what } = await readBody(context, Ask);
    const held = actor.roles.find(role => role.role === 'doctor' && role.organization === organization);
    if (!held || !hasRole(actor, ['doctor'], organization)) throw notAllowed();
    // Whoever treats the patient may ask; to be answered is the patient's.
    await records.require(actor, patient, 'consultation', 'create', { ja: 'PHR を見せてほしいと頼む', en: 'ask for health data' });
    const open = (await of(patient)).find(row => row.organization === organization && row.answer === null);
    if (open)
      throw new Problem(409, 'asked-already', {
        ja: 'もう頼んであります。患者さんの返事を待っています。',
        en: 'It was asked already; the patient has not answered yet.',
      });
    const row: PhrTables['phr_requests'] = {
      ...{
        id: randomUUID(),
        patient,
        organization,
        doctor: actor.reference ?? '',
        doctor_name: actor.name,
        organization_name: held.organizationName,
      },
      ...{ what, asked_at: now(), answer: null, answered_at: null, consent: null, until: null },
    };
    await tables.insertInto('phr_requests').values(row).execute();
    return context.json(view(row), 201);
  });

  app.post('/:id/answer', async context => {
    const { actor } = context.var;
    const patient = ownId(actor);
    const { allow, days } = await readBody(context, Answer);
    const id = checked(z.uuid(), context.req.param('id'));
    const until = new Date(now().getTime() + days * DAY_MS);
    await records.guarded(actor).within(async inside => {
      const connection = inside.connection.withTables<PhrTables>();
      const row = await connection
        .selectFrom('phr_requests')
        .selectAll()
        .where('id', '=', id)
        .where('patient', '=', patient)
        .forUpdate()
        .executeTakeFirst();
      if (!row) throw notFound();
      if (row.answer) throw new Problem(409, 'answered', { ja: 'もう返事をしています。', en: 'It was answered already.' });
      const consent = allow ? await inside.create(consentOf(patient, row, now(), until)) : null;
      await connection
        .updateTable('phr_requests')
        .set({ answer: allow ? 'yes' : 'no', answered_at: now(), consent: consent?.id ?? null, until: allow ? until : null })
        .where('id', '=', id)
        .execute();
    });
    return context.json({});
  });

  app.post('/:id/end', async context => {
    const { actor } = context.var;
    const id = checked(z.uuid(), context.req.param('id'));
    const row = await tables
      .selectFrom('phr_requests')
      .selectAll()
      .where('id', '=', id)
      .where('patient', '=', ownId(actor))
      .executeTakeFirst();
    if (!row?.consent) throw notFound();
    await records.guarded(actor).within(async inside => {
      const consent = (await inside.read('Consent', row.consent!)) as Consent & { id: string };
      if (consent.status === 'active') await inside.update({ ...consent, status: 'inactive' });
      await inside.connection
        .withTables<PhrTables>()
        .updateTable('phr_requests')
        .set({ answer: 'over', until: now() })
        .where('id', '=', id)
        .execute();
    });
    return context.json({});
  });
  return app;
}

function consentOf(patient: string, { organization, what }: PhrTables['phr_requests'], from: Date, until: Date): Consent {
  return {
    resourceType: 'Consent',
    status: 'active',
    scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
    category: [
      {
        coding: [{ system: 'http://loinc.org', code: '59284-0', display: 'Consent Document' }],
        text: 'PHR を見せる (health data brought along)',
      },
    ],
    patient: { reference: `Patient/${patient}` },
    dateTime: from.toISOString(),
    performer: [{ reference: `Patient/${patient}` }],
    policyRule: { text: `本人の意思 (the patient’s wish): ${what}` },
    provision: {
      type: 'permit',
      period: { start: from.toISOString(), end: until.toISOString() },
      actor: [
        {
          role: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' }] },
          reference: { reference: `Organization/${organization}` },
        },
      ],
      class: [{ system: CATEGORY_SYSTEM, code: 'phr' }],
    },
  };
}
