// The patient's own record: what is brought along, links, copies, erasing. One set of routes for the signed-in, one for holders of links, one worker.
import { Hono } from 'hono';
import type { HubEnv } from '../http/server-types.ts';
import { downloadRoutes } from './download-routes.ts';
import { erasureRoutes } from './erasure-routes.ts';
import { importRoutes } from './import-routes.ts';
import type { PhrDeps } from './imports.ts';
import { requestRoutes } from './request-routes.ts';
import { shareRoutes } from './share-routes.ts';

export type { PhrDeps } from './imports.ts';
export { sharedRoutes } from './share-routes.ts';
export { startPhr } from './worker.ts';

/** Mounted at /api/phr. */
export function phrRoutes(deps: PhrDeps & { publicUrl: string }): Hono<HubEnv> {
  return new Hono<HubEnv>()
    .route('/imports', importRoutes(deps))
    .route('/requests', requestRoutes(deps))
    .route('/shares', shareRoutes(deps))
    .route('/downloads', downloadRoutes(deps))
    .route('/erasures', erasureRoutes(deps));
}
