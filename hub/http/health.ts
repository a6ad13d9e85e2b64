// Health: `/health` (this process is up) and `/health/ready` (each part by name, with its backend).
import { Hono } from 'hono';
import type { HubEnv } from './server-types.ts';

export interface PartHealth {
  ok: boolean;
  /** What does the work: `PostgreSQL 18.4`, `InfluxDB 1.6.7`, `aedes`, `wasm` … */
  backend: string;
  /** What is wrong, when something is. */
  problem?: string;
}

/** Each part's check; one that throws is not ok, with its error as the problem. */
export type Checks = Record<'database' | 'samples' | 'broker' | 'mediaWorkers' | 'modelBackend', () => Promise<PartHealth>>;

const CHECK_MS = 3000;

export function healthRoutes(checks: Checks): Hono<HubEnv> {
  return new Hono<HubEnv>()
    .get('/', context => context.json({ status: 'up' }))
    .get('/ready', async context => {
      const names = Object.keys(checks) as (keyof Checks)[];
      const parts = await Promise.all(names.map(name => bounded(checks[name])));
      const ready = parts.every(part => part.ok);
      return context.json(
        { status: ready ? 'ready' : 'not-ready', parts: Object.fromEntries(names.map((name, index) => [name, parts[index]])) },
        ready ? 200 : 503,
      );
    });
}

async function bounded(check: () => Promise<PartHealth>): Promise<PartHealth> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<PartHealth>(resolve => {
    timer = setTimeout(() => resolve({ ok: false, backend: 'unknown', problem: `no answer within ${CHECK_MS} ms` }), CHECK_MS);
  });
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    return { ok: false, backend: 'unknown', problem: (error as Error).message };
  } finally {
    clearTimeout(timer);
  }
}
