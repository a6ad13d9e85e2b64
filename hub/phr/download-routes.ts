// A patient's own copy of everything over HTTP: asked for, made by a job, got by a link that ends.
import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { z } from 'zod';
import { giveFile, notFound, Problem } from '../http/index.ts';
import { checked } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import type { DownloadView } from './contract.ts';
import { OWNER_BYTES, ownId, PHR_CHANNEL, type PhrDeps } from './imports.ts';
import type { PhrTables } from './tables.ts';

/** Below /api/phr/downloads. */
export function downloadRoutes({ database, records, files, now = () => new Date() }: PhrDeps): Hono<HubEnv> {
  const tables = database.kysely.withTables<PhrTables>();
  const app = new Hono<HubEnv>();
  const list = async (patient: string) =>
    (
      await tables.selectFrom('phr_downloads').selectAll().where('patient', '=', patient).orderBy('created_at', 'desc').limit(20).execute()
    ).map(
      (row): DownloadView => ({
        id: row.id,
        state: row.state === 'ready' && row.until && row.until <= now() ? 'over' : row.state,
        size: row.size === null ? null : Number(row.size),
        entries: row.entries,
        createdAt: row.created_at.toISOString(),
        until: row.until?.toISOString() ?? null,
      }),
    );
  app.get('/', async context => context.json(await list(ownId(context.var.actor))));
  app.post('/', async context => {
    const { actor } = context.var;
    const patient = ownId(actor);
    const making = await tables
      .selectFrom('phr_downloads')
      .select('id')
      .where('patient', '=', patient)
      .where('state', '=', 'making')
      .executeTakeFirst();
    if (making)
      throw new Problem(409, 'making', {
        ja: '今、つくっています。少し待ってください。',
        en: 'A copy is being made. Please wait a little.',
      });
    await records.audit({
      actor,
      action: 'export',
      what: { ja: '自分の記録を全部受け取る', en: 'get a copy of the whole own record' },
      patient,
      allowed: true,
    });
    await tables
      .insertInto('phr_downloads')
      .values({
        ...{ id: randomUUID(), patient, account: actor.account, actor: JSON.stringify(actor), state: 'making', created_at: now() },
        ...{ hash: null, size: null, entries: null, until: null },
      })
      .execute();
    await database.notify(PHR_CHANNEL, {});
    return context.json(await list(patient), 202);
  });
  app.get('/:id/file', async context => {
    const { actor } = context.var;
    const patient = ownId(actor);
    const id = checked(z.uuid(), context.req.param('id'));
    const row = await tables.selectFrom('phr_downloads').selectAll().where('id', '=', id).where('patient', '=', patient).executeTakeFirst();
    if (row?.state !== 'ready' || !row.hash || !row.until || row.until <= now()) throw notFound();
    await records.audit({
      actor,
      action: 'export',
      what: { ja: '記録の写しを保存する', en: 'save a copy of the own record' },
      patient,
      allowed: true,
    });
    const content = await files.open(row.hash, { start: OWNER_BYTES, end: Number.MAX_SAFE_INTEGER });
    return giveFile(context, {
      content,
      size: Number(row.size),
      type: 'application/zip',
      name: `record-${row.created_at.toISOString().slice(0, 10)}.zip`,
    });
  });
  return app;
}
