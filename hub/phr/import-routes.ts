// Imports over HTTP, for the patient alone.
import { Hono } from 'hono';
import { z } from 'zod';
import { giveFile } from '../http/index.ts';
import { checked, readBody } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { FILE_BYTES, openImports, PART_BYTES, type PhrDeps } from './imports.ts';

const Begin = z.object({ name: z.string().min(1).max(200), size: z.int().min(1).max(FILE_BYTES) });
const Take = z.object({ confirmed: z.literal(true) });
const part = z.coerce
  .number()
  .int()
  .min(0)
  .max(Math.ceil(FILE_BYTES / PART_BYTES));

/** Below /api/phr/imports. */
export function importRoutes(deps: PhrDeps): Hono<HubEnv> {
  const imports = openImports(deps);
  const app = new Hono<HubEnv>();
  const idIn = (text: string) => checked(z.uuid(), text);
  app.get('/', async context => context.json(await imports.list(context.var.actor)));
  app.post('/', async context => context.json(await imports.begin(context.var.actor, await readBody(context, Begin)), 201));
  app.get('/:id', async context => context.json(await imports.one(context.var.actor, idIn(context.req.param('id')))));
  app.put('/:id/parts/:number', async context => {
    const { actor } = context.var;
    const number = checked(part, context.req.param('number'));
    await imports.part(actor, idIn(context.req.param('id')), number, new Uint8Array(await context.req.arrayBuffer()));
    return context.json({});
  });
  app.post('/:id/check', async context => {
    await imports.check(context.var.actor, idIn(context.req.param('id')));
    return context.json({}, 202);
  });
  app.post('/:id/take', async context => {
    await readBody(context, Take);
    await imports.take(context.var.actor, idIn(context.req.param('id')));
    return context.json({}, 202);
  });
  app.post('/:id/stop', async context => {
    await imports.stop(context.var.actor, idIn(context.req.param('id')));
    return context.json({}, 202);
  });
  app.post('/:id/undo', async context => {
    await imports.undo(context.var.actor, idIn(context.req.param('id')));
    return context.json({}, 202);
  });
  app.get('/:id/file', async context => {
    const { name, size, content } = await imports.file(context.var.actor, idIn(context.req.param('id')));
    return giveFile(context, { content, size, name, type: 'application/octet-stream' });
  });
  return app;
}
