// The frame of every role process: configuration, log, stores, ending in order. The supervisor starts it with the role's name.
import pino, { type Logger } from 'pino';
import { loadProfiles } from '../../devices/index.ts';
import { type Config, type HubRole, readConfig } from '../config.ts';
import { readSecrets, type Secrets } from '../secrets.ts';
import { type Database, type Keeping, openDatabase, openSamples, type SampleStore } from '../store/index.ts';
import { announce } from './presence.ts';

export interface RoleContext {
  config: Config;
  log: Logger;
  database: Database;
  samples: SampleStore;
  secrets: Secrets;
}

export interface RunningRole {
  /** What works in this role, for `/health/ready`. */
  detail(): Record<string, unknown>;
  close(): Promise<void>;
}

/** Connections of one role process to PostgreSQL, beside its listener. */
const CONNECTIONS: Record<HubRole, number> = { care: 16, ingest: 6, predict: 6 };

/**
 * Runs a role in this process until the supervisor asks it to end (SIGTERM, or the channel to it is gone).
 * Ctrl-C in a terminal reaches every process of the group: the roles leave it to the supervisor.
 */
export async function runRole(role: HubRole, start: (context: RoleContext) => Promise<RunningRole>): Promise<void> {
  const config = readConfig();
  const log = pino({ level: config.logLevel, base: { role, pid: process.pid }, serializers: { err: plainError } });
  if (!config.databaseUrl || !config.influxUrl)
    throw new Error('A role is started by the hub, which gives it DATABASE_URL and INFLUX_URL: run `npm start`.');
  const database = openDatabase(config.databaseUrl, {
    connections: CONNECTIONS[role],
    onError: error => log.warn({ problem: error.message }, 'the database connection was lost'),
  });
  process.on('SIGINT', () => undefined);
  const samples = await openSamples(config.influxUrl, keepingOf(role, config, log));
  const running = await start({ config, log, database, samples, secrets: readSecrets(config) });
  const goodbye = await announce(database, role, () => ({ ...running.detail(), rssMb: Math.round(process.memoryUsage().rss / 1e6) }));
  let ending = false;
  const end = async (reason: string) => {
    if (ending) return;
    ending = true;
    log.info({ reason }, 'ending');
    setTimeout(() => process.exit(1), 8000).unref();
    try {
      await goodbye();
      await running.close();
      await database.close();
      process.exit(0);
    } catch (error) {
      log.error({ problem: (error as Error).message }, 'did not end cleanly');
      process.exit(1);
    }
  };
  process.on('SIGTERM', () => void end('asked to'));
  process.on('disconnect', () => void end('the supervisor is gone'));
  process.send?.({ ready: role });
  log.info('ready');
}

/** How long samples are kept: all roles read by it, ingest sees to it. */
function keepingOf(role: HubRole, { rawDays }: Config, log: Logger): Keeping | undefined {
  if (!rawDays) return undefined;
  const profiles = [...loadProfiles().values()].map(({ id, quantities }) => ({ id, quantities: quantities.map(({ name }) => name) }));
  const failed = (err: unknown) => log.warn({ err }, 'samples could not be aggregated; it is tried again');
  return { rawDays, profiles, maintain: role === 'ingest', failed };
}

/** An error without its other fields: PostgreSQL puts the failing row into `detail`, and rows speak of people. */
function plainError(error: unknown) {
  if (!(error instanceof Error)) return { type: typeof error };
  const { name: type, message, stack } = error;
  return { type, message, code: (error as NodeJS.ErrnoException).code, stack };
}
