// Starts one real PostgreSQL and one real InfluxDB for all tests of a run; each test file takes a database of its own.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedInflux, startEmbeddedPostgres } from '../../hub/store/index.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgresUrl: string;
    influxUrl: string;
  }
}

export default async function setup(project: TestProject) {
  const folder = mkdtempSync(path.join(tmpdir(), 'hub-test-'));
  chmodSync(folder, 0o755);
  const [postgres, influx] = await Promise.all([
    startEmbeddedPostgres(path.join(folder, 'postgres'), { connections: 200, durable: false }),
    startEmbeddedInflux(path.join(folder, 'influx')),
  ]);
  project.provide('postgresUrl', postgres.url);
  project.provide('influxUrl', influx.url);
  return async () => {
    await Promise.all([postgres.stop(), influx.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
}
