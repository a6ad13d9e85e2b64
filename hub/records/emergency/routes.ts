// HTTP of emergency access, at /api/emergency: opening a record outside consent, areas in disaster, and the review of both.
import { Hono } from 'hono';
import { sql } from 'kysely';
import { z } from 'zod';
import { Problem } from '../../http/problem.ts';
import { checked, readBody } from '../../http/request.ts';
import type { HubEnv } from '../../http/server-types.ts';
import { hasRole, type Person, requireRole } from '../../identity/actor.ts';
import type { OpenRecords } from '../open.ts';
import { activate, activeArea, areas, endArea, viewsOf } from './areas.ts';
import { Entitle, Find, NewArea, NewGrant, type Notices, Review } from './contract.ts';
import { findPeople, personView } from './find.ts';
import { endGrant, isEntitled, openedOf, openGrant, REVIEW_HOURS, requireEntitled, review, reviews } from './grants.ts';
import type { Journal } from './journal.ts';
import { entitle, entitledStaff } from './staff.ts';
import { emergencySummary } from './summary.ts';

export interface EmergencyDeps {
  records: OpenRecords;
  journal: Journal;
  /** The fresh second factor. @throws Problem 403 `confirm-needed` when it is missing or too old */
  requireFresh: (actor: Person) => Promise<void>;
  /** Called after a record was opened: people are told at once. */
  opened?: () => Promise<void>;
}

const STAFF = ['doctor', 'specialist', 'caregiver', 'manager', 'administrator'] as const;
const idIn = (text: string | undefined) => checked(z.uuid(), text);

/** Mounted at /api/emergency. */
export function emergencyRoutes({ records, journal, requireFresh, opened }: EmergencyDeps): Hono<HubEnv> {
  const { connection, now } = records?.context ?? {};
  return new Hono<HubEnv>()
    .get('/notices', async context => {
      const { actor } = context.var;
      const patient = patientOf(actor);
      const { rows } = await sql<{ opened: number; waiting: number; late: number }>`select
        count(*) filter (where patient = ${patient} and seen_at is null)::int as opened,
        count(*) filter (where reviewed_at is null)::int as waiting,
        count(*) filter (where reviewed_at is null and since <= ${new Date(now().getTime() - REVIEW_HOURS * 3_600_000)})::int as late
        from emergency_grants where reviewed_at is null or patient = ${patient}`.execute(connection);
      const administrator = hasRole(actor, ['administrator']);
      const staff = hasRole(actor, STAFF);
      const notices: Notices = {
        disasters: staff ? (await areas(records, 'active')).map(({ id, name, until }) => ({ id, name, until: until.toISOString() })) : [],
        opened: patient ? rows[0]!.opened : 0,
        waiting: administrator ? rows[0]!.waiting : 0,
        late: administrator ? rows[0]!.late : 0,
        entitled: staff && (await isEntitled(records, actor)),
      };
      return context.json(notices);
    })
    .get('/areas', async context => {
      const { actor } = context.var;
      requireRole(actor, STAFF);
      return context.json(await viewsOf(records, actor, await areas(records, hasRole(actor, ['administrator']) ? 'all' : 'active')));
    })
    .post('/areas', async context => {
      const { actor } = context.var;
      requireRole(actor, ['administrator']);
      const id = await activate(records, actor, await readBody(context, NewArea));
      return context.json({ id }, 201);
    })
    .post('/areas/:id/end', async context => {
      requireRole(context.var.actor, ['administrator']);
      await endArea(records, context.var.actor, idIn(context.req.param('id')));
      return context.json({});
    })
    .post('/find', async context => {
      const { actor } = context.var;
      const asked = await readBody(context, Find);
      await requireEntitled(records, actor, asked.area !== null);
      if (!asked.area) await requireFresh(actor);
      const found = await findPeople(records, asked);
      const what = { ja: '緊急のために人をさがす', en: 'look for a person in an emergency' };
      const acting: Person = { ...actor, via: 'break-glass', emergency: { grant: '' } };
      await journal.write([
        { actor: acting, action: 'search', what, resource: 'Patient', patients: found.map(({ id }) => id!), allowed: true },
      ]);
      return context.json(found.map(personView));
    })
    .post('/grants', async context => {
      const { actor } = context.var;
      const asked = await readBody(context, NewGrant);
      await requireEntitled(records, actor, asked.area !== null);
      await requireFresh(actor);
      if (asked.area) await activeArea(records, asked.area);
      const grant = await openGrant({ records, journal }, actor, asked);
      await opened?.().catch(() => context.var.log?.warn('an emergency access could not be told of at once; it is tried again'));
      return context.json(grant, 201);
    })
    .get('/grants/:id', async context =>
      context.json(await emergencySummary({ records, journal }, context.var.actor, idIn(context.req.param('id')))),
    )
    .post('/grants/:id/end', async context => {
      await endGrant(records, context.var.actor, idIn(context.req.param('id')));
      return context.json({});
    })
    .get('/reviews', async context => {
      const { actor } = context.var;
      requireRole(actor, ['administrator']);
      await records.audit({
        actor,
        action: 'read',
        what: { ja: '緊急閲覧の一覧を見る', en: 'read the list of emergency accesses' },
        allowed: true,
      });
      return context.json(await reviews(records, actor));
    })
    .post('/reviews/:id', async context => {
      const { actor } = context.var;
      requireRole(actor, ['administrator']);
      await review(records, actor, idIn(context.req.param('id')), await readBody(context, Review));
      return context.json(await reviews(records, actor));
    })
    .get('/staff', async context => {
      requireRole(context.var.actor, ['administrator']);
      return context.json(await entitledStaff(records, context.var.actor));
    })
    .post('/staff/:role', async context => {
      const { actor } = context.var;
      requireRole(actor, ['administrator']);
      const { entitled } = await readBody(context, Entitle);
      await entitle(records, actor, idIn(context.req.param('role')), entitled);
      return context.json(await entitledStaff(records, actor));
    })
    .get('/mine', async context => context.json(await openedOf(records, ownPatient(context.var.actor))))
    .post('/mine/seen', async context => {
      const patient = ownPatient(context.var.actor);
      await sql`update emergency_grants set seen_at = ${now()} where patient = ${patient} and seen_at is null`.execute(connection);
      return context.json(await openedOf(records, patient));
    });
}

const patientOf = (actor: Person): string | null =>
  actor.reference?.startsWith('Patient/') ? actor.reference.slice('Patient/'.length) : null;

/** @throws Problem 403 unless the actor is a patient */
function ownPatient(actor: Person): string {
  const patient = patientOf(actor);
  if (patient) return patient;
  throw new Problem(403, 'patients-only', { ja: '患者さん本人だけが見られます。', en: 'Only the patient sees this.' });
}
