// A patient with a hub's record and files around: brings a file as the page would, and lets the worker do its part at once.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Hono } from 'hono';
import { afterAll, beforeAll } from 'vitest';
import { problemOf } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/actor.ts';
import type { ImportView } from '../../hub/phr/contract.ts';
import { openMaking } from '../../hub/phr/download/make.ts';
import { openImports, PART_BYTES } from '../../hub/phr/imports.ts';
import { phrRoutes, sharedRoutes } from '../../hub/phr/index.ts';
import { openTaking } from '../../hub/phr/take.ts';
import { recordRoutes } from '../../hub/records/index.ts';
import { type Database, openFiles } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type SmallWorld, silent, smallWorld } from '../records/people.ts';

export type Stand = Awaited<ReturnType<typeof stand>>;
export const PUBLIC_URL = 'http://hub.example';

async function stand(database: Database, folder: string) {
  const clock = { ms: Date.parse('2026-11-22T03:00:00Z') };
  const now = () => new Date(clock.ms);
  const world: SmallWorld = await smallWorld(database, now);
  const { records } = world;
  const files = await openFiles({ dataDirectory: folder, area: 'phr', key: Buffer.alloc(32, 7) });
  const deps = { database, records, files, now };
  const imports = openImports(deps);
  const taking = openTaking(deps);
  const making = openMaking(deps);
  let actor: Person | null = world.self;
  const guarded = new Hono<HubEnv>();
  guarded.use(async (context, next) => {
    context.set('actor', actor!);
    context.set('log', silent);
    await next();
  });
  guarded.onError((error, context) => {
    const told = problemOf(error);
    if (!told) throw error;
    return context.json(told.body(), told.status);
  });
  guarded.route('/api/phr', phrRoutes({ ...deps, publicUrl: PUBLIC_URL }));
  guarded.route('/api/records', recordRoutes({ records, database } as never));
  guarded.route('/api/shared', sharedRoutes({ ...deps, publicUrl: PUBLIC_URL }));
  return {
    ...world,
    ...{ database, files, imports, taking, making, clock, now, folder },
    /** Asks as somebody. */
    async ask<T>(as: Person | null, method: string, address: string, body?: unknown): Promise<{ status: number; json: T }> {
      actor = as;
      clock.ms += 1000;
      const answer = await guarded.request(address, { method, body: body === undefined ? undefined : JSON.stringify(body) });
      const text = await answer.text();
      return { status: answer.status, json: (text ? JSON.parse(text) : null) as T };
    },
    /** The bytes of an answer. */
    async raw(as: Person, address: string): Promise<Buffer> {
      actor = as;
      return Buffer.from(await (await guarded.request(address)).arrayBuffer());
    },
    /** Sends a file and has it looked through. */
    async bring(name: string, content: string | Uint8Array, as: Person = world.self): Promise<ImportView> {
      const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
      clock.ms += 1000;
      const { id } = await imports.begin(as, { name, size: bytes.length });
      for (let number = 0; number * PART_BYTES < bytes.length; number++)
        await imports.part(as, id, number, bytes.subarray(number * PART_BYTES, (number + 1) * PART_BYTES));
      await imports.check(as, id);
      await taking.work(id);
      return imports.one(as, id);
    },
    async take(id: string, as: Person = world.self): Promise<ImportView> {
      await imports.take(as, id);
      await taking.work(id);
      return imports.one(as, id);
    },
  };
}

/** One stand for a test file. */
export function useStand(): () => Stand {
  let it: Stand;
  let database: Database;
  const folder = mkdtempSync(path.join(tmpdir(), 'phr-test-'));
  beforeAll(async () => {
    database = await freshDatabase();
    it = await stand(database, folder);
  });
  afterAll(async () => {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return () => it;
}
