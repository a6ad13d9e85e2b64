// `/api/state`: the role processes that live now, for administrators.
import { Hono } from 'hono';
import { ROLES } from '../config.ts';
import type { HubEnv } from '../http/index.ts';
import { requireRole } from '../identity/index.ts';
import type { Database } from '../store/index.ts';
import { present } from './presence.ts';

/** GET /api/state/roles → `{ role, node, pid, detail }[]`; `detail` is what the role says of itself (backends, memory). */
export function stateRoutes(database: Database): Hono<HubEnv> {
  return new Hono<HubEnv>().get('/roles', async context => {
    requireRole(context.var.actor, ['administrator']);
    const living = await Promise.all(ROLES.map(async role => (await present(database, role)).map(each => ({ role, ...each }))));
    return context.json(living.flat());
  });
}
