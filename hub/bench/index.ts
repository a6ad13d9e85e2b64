// The bench: a maker lets the hub check a device at its own broker, and gets a signed report.
//
// What is checked, and the report, are of `devices/conformance`, which a maker can run without a hub too. Here it gets the hub's own broker
// (`hub-line.ts`), runs that pages follow and can stop (`runs.ts`, `live.ts`, `store.ts`), and the contract with code to begin with.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { Hono } from 'hono';
import type { MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import type { Namespace } from 'socket.io';
import type { HubEnv } from '../http/server-types.ts';
import { openRegistry } from '../ingest/index.ts';
import type { Records } from '../records/records.ts';
import type { Database } from '../store/index.ts';
import type { ContractConfig } from './contract-view.ts';
import { attachRuns } from './live.ts';
import { benchRoutes } from './routes.ts';
import { openRuns, type RunsOptions } from './runs.ts';
import { runStore } from './store.ts';

export { benchRoutes } from './routes.ts';

export interface BenchDependencies {
  database: Database;
  records: Pick<Records, 'audit'>;
  /** Namespace /live. */
  namespace: Namespace;
  /** The care role's own connection. */
  mqtt: MqttClient;
  config: RunsOptions['config'] & ContractConfig;
  /** 32 bytes, base64url: the same on every node of a hub, and after every start. */
  secret: string;
  log: Logger;
  profiles?: RunsOptions['registry']['profiles'];
  timing?: RunsOptions['timing'];
}

export interface Bench {
  routes: Hono<HubEnv>;
  /** Ends runs that go on, with words. */
  close(): Promise<void>;
}

/** Opens the bench in the care role. @throws Error when the secret is not one of 32 bytes */
export async function openBench({
  database,
  records,
  namespace,
  mqtt,
  config,
  secret,
  log,
  profiles,
  timing,
}: BenchDependencies): Promise<Bench> {
  const store = runStore(database);
  const key = signingKeyOf(secret);
  const registry = openRegistry({ database, mqttUrl: config.mqtt.url, profiles });
  const runs = await openRuns({ database, store, registry, mqtt, config, key, log, timing });
  const stopLive = await attachRuns({ namespace, database, store, log });
  return {
    routes: benchRoutes({ runs, store, records, key, registry, config }),
    async close() {
      await runs.close();
      await stopLive();
    },
  };
}

/** PKCS #8 of an Ed25519 key is this and the 32 bytes of its seed (RFC 8410 section 7). */
const ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
function signingKeyOf(secret: string): KeyObject {
  const seed = Buffer.from(secret, 'base64url');
  if (seed.length !== 32) throw new Error('the secret of the signing key must be 32 bytes');
  return createPrivateKey({ key: Buffer.concat([ED25519, seed]), format: 'der', type: 'pkcs8' });
}
