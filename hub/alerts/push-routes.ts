// A person's own devices for notifications, over HTTP, mounted at /api/alerts/push.
import { Hono } from 'hono';
import { z } from 'zod';
import { readBody } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { requireRole } from '../identity/actor.ts';
import { type Push, SubscriptionSchema } from './push.ts';

const Endpoint = z.object({ endpoint: z.url().max(1000) });

export function pushRoutes(push: Push): Hono<HubEnv> {
  return (
    new Hono<HubEnv>()
      .get('/key', context => context.json({ publicKey: push.publicKey }))
      .post('/', async context => {
        requireRole(context.var.actor, ['caregiver', 'manager']);
        await push.subscribe(context.var.actor.account, await readBody(context, SubscriptionSchema));
        return context.json({ on: true });
      })
      // The endpoint is a secret of the device: in the body, never in an address.
      .post('/state', async context =>
        context.json({ on: await push.has(context.var.actor.account, (await readBody(context, Endpoint)).endpoint) }),
      )
      .post('/end', async context => {
        await push.unsubscribe(context.var.actor.account, (await readBody(context, Endpoint)).endpoint);
        return context.json({ on: false });
      })
  );
}
