// What pages ask of the record besides FHIR and documents: the audit trail, a patient's timeline, sharing.
import { Hono } from 'hono';
import { sql } from 'kysely';
import { z } from 'zod';
import { notAllowed, Problem } from '../http/problem.ts';
import { checked, readBody, resourceId } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { hasRole, type Person } from '../identity/actor.ts';
import type { Database } from '../store/index.ts';
import type { AuditView } from './contract.ts';
import type { OpenRecords } from './open.ts';
import { setSharing, sharingOf } from './sharing.ts';
import type { RecordTables } from './tables.ts';
import { timelineOf } from './timeline.ts';

const AuditQuery = z.object({
  patient: resourceId.optional(),
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
});
const Sharing = z.object({ organization: resourceId, allow: z.boolean() });

/** Mounted at /api/records. */
export function recordRoutes({ records, database }: { records: OpenRecords; database: Database }): Hono<HubEnv> {
  const tables = database.kysely.withTables<RecordTables>();
  const app = new Hono<HubEnv>();

  app.get('/audit', async context => {
    const { actor } = context.var;
    const { patient, from, to, limit } = checked(AuditQuery, context.req.query());
    const own = actor.reference?.startsWith('Patient/') ? actor.reference.slice('Patient/'.length) : undefined;
    if (!hasRole(actor, ['administrator']) && (!own || (patient ?? own) !== own)) throw notAllowed();
    const about = hasRole(actor, ['administrator']) ? patient : own;
    let query = tables.selectFrom('audit_events').selectAll().orderBy('id', 'desc').limit(limit);
    if (about) query = query.where(sql<boolean>`patients @> array[${about}]::text[]`);
    if (from) query = query.where('at', '>=', new Date(from));
    if (to) query = query.where('at', '<', new Date(to));
    const rows = await query.execute();
    // Administrators look into what is about others: that is an access too. A patient reads what is their own.
    if (hasRole(actor, ['administrator']))
      await records.audit({ actor, action: 'read', what: { ja: '監査記録を見る', en: 'read the audit trail' }, patient, allowed: true });
    return context.json(
      rows.map(
        (row): AuditView => ({
          id: row.id,
          at: row.at.toISOString(),
          who: row.who,
          role: row.role,
          organizationName: row.organization_name,
          action: row.action as AuditView['action'],
          what: row.what,
          patient: about ?? row.patients[0] ?? null,
          allowed: row.allowed && !(about && row.refused.includes(about)),
        }),
      ),
    );
  });

  app.get('/timeline/:patient', async context =>
    context.json(await timelineOf(records, database, context.var.actor, checked(resourceId, context.req.param('patient')))),
  );

  app.get('/sharing', async context => context.json(await sharingOf(records, patientIn(context.var.actor))));
  app.post('/sharing', async context => {
    const person = patientIn(context.var.actor);
    const { organization, allow } = await readBody(context, Sharing);
    await setSharing(records, person, organization, allow);
    return context.json(await sharingOf(records, person));
  });
  return app;
}

/** @throws Problem 403 unless the actor is a patient */
function patientIn(actor: Person): Person {
  if (actor.reference?.startsWith('Patient/')) return actor;
  throw new Problem(403, 'patients-only', {
    ja: '共有を決められるのは患者さん本人だけです。',
    en: 'Only the patient decides what is shared.',
  });
}
