// Hand-overs and shifts over HTTP, mounted at /api/alerts/handover.
import { Hono } from 'hono';
import { z } from 'zod';
import { checked, readBody, resourceId } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { requireRole } from '../identity/actor.ts';
import type { Database } from '../store/index.ts';
import { ShiftsSchema } from './contract.ts';
import type { Handovers } from './handover.ts';
import { readShifts, writeShifts } from './shifts.ts';

const Take = z.object({ from: z.iso.datetime({ offset: true }) });

export function handoverRoutes({
  handovers,
  database,
  now = Date.now,
}: {
  handovers: Handovers;
  database: Database;
  now?: () => number;
}): Hono<HubEnv> {
  return new Hono<HubEnv>()
    .get('/:facility', async context =>
      context.json(await handovers.view(context.var.actor, checked(resourceId, context.req.param('facility')))),
    )
    .post('/:facility', async context => {
      const { from } = await readBody(context, Take);
      return context.json(await handovers.take(context.var.actor, checked(resourceId, context.req.param('facility')), from));
    })
    .get('/:facility/shifts', async context => {
      const facility = checked(resourceId, context.req.param('facility'));
      requireRole(context.var.actor, ['caregiver', 'manager'], facility);
      return context.json({ shifts: await readShifts(database.kysely, facility) });
    })
    .put('/:facility/shifts', async context => {
      const facility = checked(resourceId, context.req.param('facility'));
      requireRole(context.var.actor, ['manager'], facility);
      const { shifts } = await readBody(context, ShiftsSchema);
      await writeShifts(database.kysely, facility, shifts, context.var.actor.name, new Date(now()));
      return context.json({ shifts });
    });
}
