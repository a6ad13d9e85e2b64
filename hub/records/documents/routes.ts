// Documents over HTTP: as FHIR, as a page reads them, as PDF; and where their delivery stands.
import { Hono } from 'hono';
import { z } from 'zod';
import { checked, readBody, resourceId } from '../../http/request.ts';
import type { HubEnv } from '../../http/server-types.ts';
import { GiveUp } from './contract.ts';
import { deliveriesFor, giveUp, sendAgain } from './deliveries.ts';
import { documentPdf } from './pdf.ts';
import { readDocument } from './read.ts';
import { documentView, type ViewDeps } from './view.ts';

/** Mounted at /api/records, before what else is there: `/documents/:id.pdf` is no id. */
export function documentRoutes(deps: ViewDeps): Hono<HubEnv> {
  const { records, database } = deps;
  const app = new Hono<HubEnv>();

  app.get('/documents/:file{[A-Za-z0-9.-]+\\.pdf}', async context => {
    const id = checked(resourceId, context.req.param('file').slice(0, -'.pdf'.length));
    const { name, bytes } = await documentPdf(records, database, context.var.actor, id);
    return context.body(new Uint8Array(bytes), 200, {
      'content-type': 'application/pdf',
      'content-disposition': `inline; filename="document.pdf"; filename*=UTF-8''${encodeURIComponent(name)}`,
      // A document of a person stays in no shared cache.
      'cache-control': 'private, no-store',
    });
  });

  app.get('/documents/:id/view', async context =>
    context.json(await documentView(deps, context.var.actor, checked(resourceId, context.req.param('id')))),
  );

  app.get('/documents/:id', async context => {
    const { bundle } = await readDocument(records, context.var.actor, checked(resourceId, context.req.param('id')));
    return context.body(JSON.stringify(bundle), 200, { 'content-type': 'application/fhir+json; charset=utf-8' });
  });

  app.get('/deliveries', async context => context.json(await deliveriesFor(database, context.var.actor)));

  app.post('/deliveries/:id/retry', async context => {
    await sendAgain(records, database, context.var.actor, checked(z.uuid(), context.req.param('id')));
    return context.json({});
  });

  app.post('/deliveries/:id/give-up', async context => {
    const id = checked(z.uuid(), context.req.param('id'));
    const { reason } = await readBody(context, GiveUp);
    await giveUp(records, database, context.var.actor, id, reason);
    return context.json({});
  });
  return app;
}
