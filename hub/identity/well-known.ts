// What anyone may know of this hub's sign-in: `/.well-known/jwks.json`, its public keys.
import { Hono } from 'hono';
import type { HubEnv } from '../http/server-types.ts';
import type { Identity } from './identity.ts';

export function wellKnownRoutes(identity: Identity): Hono<HubEnv> {
  return new Hono<HubEnv>().get('/jwks.json', context => {
    context.header('cache-control', 'public, max-age=300');
    return context.json({ keys: identity.keys });
  });
}
