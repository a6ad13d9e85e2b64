// Alerts and the floor over HTTP, mounted at /api/alerts.
import { Hono } from 'hono';
import { z } from 'zod';
import type { Config } from '../config.ts';
import { notFound } from '../http/problem.ts';
import { checked, readBody, resourceId } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import type { Records } from '../records/records.ts';
import type { Alerts } from './alerts.ts';
import type { AskDoctor } from './ask-doctor.ts';
import { Acknowledge, CareHint, RecordOutcome } from './contract.ts';

const STATES = ['open', 'acknowledged', 'resolved'] as const;
const FloorQuery = z.object({ facility: resourceId });
const ListQuery = z.object({
  facility: resourceId,
  state: z
    .string()
    .default('open,acknowledged')
    .transform(text => text.split(','))
    .pipe(z.array(z.enum(STATES))),
});

export function alertRoutes({
  alerts,
  config,
  askDoctor,
}: {
  alerts: Alerts;
  /** Without it no consultation can be asked for. */
  askDoctor?: AskDoctor;
  records: Records;
  config: Pick<Config, 'predictSeconds'>;
}): Hono<HubEnv> {
  const routes = new Hono<HubEnv>();
  routes.get('/', async context => {
    const { facility, state } = checked(ListQuery, context.req.query());
    return context.json(await alerts.list(context.var.actor, facility, state));
  });
  routes.get('/floor', async context => {
    const { facility } = checked(FloorQuery, context.req.query());
    return context.json(await alerts.floor(context.var.actor, facility, config.predictSeconds));
  });
  routes.get('/hint/:patient', async context =>
    context.json({ text: await alerts.careHint(context.var.actor, checked(resourceId, context.req.param('patient'))) }),
  );
  routes.put('/hint/:patient', async context => {
    const { text } = await readBody(context, CareHint);
    await alerts.setCareHint(context.var.actor, checked(resourceId, context.req.param('patient')), text);
    return context.json({ text });
  });
  routes.get('/:id', async context => context.json(await alerts.read(context.var.actor, context.req.param('id'))));
  routes.get('/:id/history', async context => context.json(await alerts.history(context.var.actor, context.req.param('id'))));
  routes.post('/:id/acknowledge', async context => {
    await readBody(context, Acknowledge);
    return context.json(await alerts.acknowledge(context.var.actor, context.req.param('id')));
  });
  routes.post('/:id/consult', async context => {
    if (!askDoctor) throw notFound();
    return context.json(await askDoctor(context.var.actor, context.req.param('id')), 201);
  });
  routes.post('/:id/outcome', async context => {
    const outcome = await readBody(context, RecordOutcome);
    return context.json(await alerts.recordOutcome(context.var.actor, context.req.param('id'), outcome));
  });
  return routes;
}
