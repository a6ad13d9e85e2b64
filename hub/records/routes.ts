// What pages ask of the record besides FHIR and documents: the audit trail, a patient's timeline, sharing.
import { Hono } from 'hono';
import { checked, resourceId } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import type { Database } from '../store/index.ts';
import { auditRoutes } from './audit-routes.ts';
import type { OpenRecords } from './open.ts';
import { sharingRoutes } from './sharing-routes.ts';
import { timelineOf } from './timeline.ts';

/** Mounted at /api/records. */
export function recordRoutes({ records, database }: { records: OpenRecords; database: Database }): Hono<HubEnv> {
  const app = new Hono<HubEnv>();

  app.get('/timeline/:patient', async context =>
    context.json(await timelineOf(records, database, context.var.actor, checked(resourceId, context.req.param('patient')))),
  );

  app.route('/', auditRoutes({ records }));
  app.route('/', sharingRoutes({ records }));
  return app;
}
