// Drafts of documents over HTTP: begun, changed with a version, confirmed.
import { Hono } from 'hono';
import { z } from 'zod';
import { checked, readBody, resourceId } from '../../http/request.ts';
import type { HubEnv } from '../../http/server-types.ts';
import { type ConfirmDeps, confirmDraft } from './confirm.ts';
import { Amend, Confirm, Correct, DraftChange, NewDraft } from './contract.ts';
import { correctInsuredNumber } from './correct.ts';
import { amendDocument, beginDraft, changeDraft, dropDraft, listDrafts, readDraft } from './drafts.ts';

/** Mounted at /api/records. */
export function draftRoutes(deps: ConfirmDeps): Hono<HubEnv> {
  const app = new Hono<HubEnv>();
  const id = (text: string) => checked(z.uuid(), text);

  app.get('/drafts', async context => {
    const { patient } = checked(z.object({ patient: resourceId.optional() }), context.req.query());
    return context.json(await listDrafts(deps, context.var.actor, patient));
  });
  app.post('/drafts', async context => context.json(await beginDraft(deps, context.var.actor, await readBody(context, NewDraft)), 201));
  app.get('/drafts/:id', async context => context.json(await readDraft(deps, context.var.actor, id(context.req.param('id')))));
  app.put('/drafts/:id', async context => {
    const change = await readBody(context, DraftChange);
    return context.json(await changeDraft(deps, context.var.actor, id(context.req.param('id')), change));
  });
  app.delete('/drafts/:id', async context => {
    await dropDraft(deps, context.var.actor, id(context.req.param('id')));
    return context.json({});
  });
  app.post('/drafts/:id/confirm', async context => {
    const { version } = await readBody(context, Confirm);
    return context.json({ document: await confirmDraft(deps, context.var.actor, id(context.req.param('id')), version) });
  });
  app.post('/documents/:id/amend', async context => {
    const { reason } = await readBody(context, Amend);
    return context.json(await amendDocument(deps, context.var.actor, checked(resourceId, context.req.param('id')), reason), 201);
  });
  app.post('/deliveries/:id/correct', async context => {
    const { insuredNumber } = await readBody(context, Correct);
    return context.json({ document: await correctInsuredNumber(deps, context.var.actor, id(context.req.param('id')), insuredNumber) });
  });
  return app;
}
