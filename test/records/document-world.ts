// The small world with the routes of notes, documents and drafts, for tests of documents.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Hono } from 'hono';
import { expect } from 'vitest';
import { readConfig } from '../../hub/config.ts';
import type { NoteView } from '../../hub/consult/contract.ts';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/index.ts';
import type { DeliveryView, DocumentView, DraftView } from '../../hub/records/documents/contract.ts';
import { documentRoutes, draftRoutes, noteRoutes, openSigning, type ReportSources } from '../../hub/records/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { silent, smallWorld } from './people.ts';

export const WORDS = { subjective: '夜に眠れない', objective: '脈拍 72 整', assessment: '不眠症', plan: '照明を調整する' };

/** @param options environment of the hub, its clock, and what other areas tell for summaries */
export async function documentWorld(
  options: { environment?: Record<string, string>; now?: () => Date; sources?: Omit<ReportSources, 'careHint'> } = {},
) {
  const folder = mkdtempSync(path.join(tmpdir(), 'hub-documents-'));
  const database = await freshDatabase();
  const world = await smallWorld(database, options.now);
  const { records } = world;
  const config = readConfig({ HUB_DATA: folder, ...options.environment });
  const signing = await openSigning({ config, seed: Buffer.alloc(32, 7), log: silent });
  let actor: Person;
  const app = new Hono<HubEnv>();
  app.use(async (context, next) => {
    context.set('actor', actor);
    await next();
  });
  app.onError((error, context) =>
    error instanceof Problem ? context.json(error.body(), error.status) : context.json({ error: String(error.stack) }, 500),
  );
  app.route('/api/consult', noteRoutes({ records, database, config, ...signing }));
  app.route('/api/records', documentRoutes({ records, database, ...signing }));
  app.route('/api/records', draftRoutes({ records, database, ...signing, sources: options.sources }));

  const fetchAs = (as: Person, address: string, init?: RequestInit) => {
    actor = as;
    return app.request(address, init);
  };
  async function ask<T>(as: Person, method: string, address: string, body?: unknown): Promise<{ status: number; json: T }> {
    const response = await fetchAs(as, address, { method, body: body === undefined ? undefined : JSON.stringify(body) });
    return { status: response.status, json: (await response.json()) as T };
  }
  /** As `ask`, for what must work. */
  async function must<T>(as: Person, method: string, address: string, body?: unknown): Promise<T> {
    const { status, json } = await ask<T>(as, method, address, body);
    expect(status, JSON.stringify(json)).toBeLessThan(300);
    return json;
  }
  return {
    ...{ database, world, config, ask, must, fetchAs },
    /** A signed note, typed by one and confirmed by another where they differ. @returns the DocumentReference's id */
    async signed(typist: Person, confirmer: Person, note: object = WORDS): Promise<string> {
      const encounter = await world.consultation();
      const address = `/api/consult/encounters/${encounter.id}/note`;
      await must(typist, 'PUT', address, { ...note, version: 0 });
      return (await must<NoteView>(confirmer, 'POST', `${address}/sign`, {})).document!.id;
    },
    view: (as: Person, id: string) => must<DocumentView>(as, 'GET', `/api/records/documents/${id}/view`),
    /** Fills a draft and confirms it. @returns the DocumentReference's id */
    async confirmed(
      as: Person,
      draft: DraftView,
      change: { content?: object; to?: string | null; withheld?: string | null } = {},
    ): Promise<string> {
      const filled = await must<DraftView>(as, 'PUT', `/api/records/drafts/${draft.id}`, {
        version: draft.version,
        content: { ...draft.content, ...change.content },
        to: change.to === undefined ? draft.to : change.to,
        withheld: change.withheld ?? null,
      });
      const { document } = await must<{ document: string }>(as, 'POST', `/api/records/drafts/${draft.id}/confirm`, {
        version: filled.version,
      });
      return document;
    },
    deliveries: () => must<DeliveryView[]>(world.administrator, 'GET', '/api/records/deliveries'),
    async close() {
      await database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
export type DocumentWorld = Awaited<ReturnType<typeof documentWorld>>;
