// What pages ask of the record besides FHIR and documents: the audit trail, a patient's timeline, sharing.
import { Hono } from 'hono';
import { z } from 'zod';
import { checked, resourceId } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import type { Database } from '../store/index.ts';
import { sharingRoutes } from './access/sharing-routes.ts';
import { auditRoutes } from './audit/audit-routes.ts';
import type { OpenRecords } from './open.ts';
import { isTimelineKind, timelineOf } from './timeline/timeline.ts';

/** Days are of Asia/Tokyo, both of them inside. */
const TimelineAsked = z.object({
  before: z.string().max(1000).optional(),
  kinds: z
    .string()
    .transform(text => text.split(',').filter(isTimelineKind))
    .optional(),
  from: z.iso.date().optional(),
  to: z.iso.date().optional(),
  words: z.string().max(500).optional(),
  count: z.coerce.number().int().min(1).max(200).optional(),
});

/** Mounted at /api/records. */
export function recordRoutes({ records }: { records: OpenRecords; database: Database }): Hono<HubEnv> {
  const app = new Hono<HubEnv>();

  app.get('/timeline/:patient', async context => {
    const { from, to, kinds, ...asked } = checked(TimelineAsked, context.req.query());
    const midnight = (day: string | undefined) => (day ? new Date(`${day}T00:00:00+09:00`) : undefined);
    const end = midnight(to);
    return context.json(
      await timelineOf(records, context.var.actor, checked(resourceId, context.req.param('patient')), {
        ...asked,
        kinds,
        from: midnight(from),
        to: end && new Date(end.getTime() + 86_400_000),
      }),
    );
  });

  app.route('/', auditRoutes({ records }));
  app.route('/', sharingRoutes({ records }));
  return app;
}
