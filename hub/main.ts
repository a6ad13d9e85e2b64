// The hub: starts the stores it was not given, brings the tables up to date, runs each role as a process and restarts what dies.
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { RESTORING } from './backup/index.ts';
import { type Config, type HubRole, readConfig } from './config.ts';
import { openLinks, openPeople } from './identity/index.ts';
import { migrate, openDatabase, type StoreProcess, startEmbeddedInflux, startEmbeddedPostgres } from './store/index.ts';

const HELP = `npm start: the remote-care hub.

Runs the roles of HUB_ROLES (default all), with its data below HUB_DATA (default .data).
The first start prints a link that makes the first administrator.
Configuration is by environment variables; the README lists them.`;

const RESTART_MS = [50, 200, 500, 1000, 2000];
/** How often a store that ended is tried to be started before the hub gives up. */
const STORE_ATTEMPTS = 8;
/** A process that ran this long had started well: its next restart begins at the first delay again. */
const STEADY_MS = 30_000;

interface Part {
  name: string;
  stop(): Promise<void>;
}

async function main() {
  if (process.argv.includes('--help')) return console.log(HELP);
  const begun = performance.now();
  const config = readConfig();
  const log = pino({ level: config.logLevel, base: { role: 'hub', pid: process.pid } });
  const parts: Part[] = [];
  let ending = false;

  const end = async (code: number) => {
    if (ending) return;
    ending = true;
    console.log('Ending …');
    for (const part of parts.reverse())
      await part.stop().catch(error => log.error({ part: part.name, problem: error.message }, 'did not end cleanly'));
    process.exit(code);
  };
  process.on('SIGINT', () => void end(0));
  process.on('SIGTERM', () => void end(0));
  process.on('SIGHUP', () => void end(0));

  /** Keeps a store running on its port: the roles reconnect to the same address. */
  async function keep(name: string, start: (port?: number) => Promise<StoreProcess>): Promise<string> {
    let store = await start();
    const port = Number(new URL(store.url).port);
    const watch = () =>
      void store.ended.then(async code => {
        if (ending) return;
        log.error({ part: name, code }, 'ended; starting again');
        // What a killed store leaves (its own children, its port, a lock) may be there for some moments longer.
        for (let attempt = 1; !ending; attempt++) {
          try {
            store = await start(port);
            if (ending) await store.stop();
            else watch();
            return;
          } catch (error) {
            const problem = (error as Error).message;
            if (attempt === STORE_ATTEMPTS) {
              log.fatal({ part: name, problem }, 'cannot be started again');
              return end(1);
            }
            log.error({ part: name, problem, attempt }, 'could not be started; trying again');
            await sleep(RESTART_MS[Math.min(attempt, RESTART_MS.length) - 1]);
          }
        }
      });
    watch();
    if (ending) await store.stop();
    parts.unshift({ name, stop: () => store.stop() });
    return store.url;
  }

  try {
    if (existsSync(path.join(config.dataDirectory, RESTORING)))
      throw new Error(`a restore was interrupted in ${config.dataDirectory}: run npm run restore again, with --replace`);
    const embedded = [config.databaseUrl ? '' : 'database', config.influxUrl ? '' : 'influx'].filter(Boolean);
    const [databaseUrl, influxUrl] = await Promise.all([
      config.databaseUrl ?? keep('PostgreSQL', port => startEmbeddedPostgres(path.join(config.dataDirectory, 'postgres'), { port })),
      config.influxUrl ?? keep('InfluxDB', port => startEmbeddedInflux(path.join(config.dataDirectory, 'influx'), { port })),
    ]);
    if (ending) return;
    const firstLink = await prepare(databaseUrl, config);
    const environment = {
      ...process.env,
      ...{ DATABASE_URL: databaseUrl, DATABASE_URL_FILE: '', INFLUX_URL: influxUrl, INFLUX_URL_FILE: '' },
      HUB_EMBEDDED: embedded.join(),
    };
    await Promise.all(
      config.roles.map(async role => {
        const running = runRole(role, environment, log, () => ending);
        parts.push(running.part);
        await running.ready;
      }),
    );
    if (ending) return;
    if (firstLink) console.log(`First administrator (once, within 24 hours): ${firstLink}`);
    console.log(`The hub is ready after ${((performance.now() - begun) / 1000).toFixed(1)} s: ${config.http.publicUrl}`);
  } catch (error) {
    console.error(`The hub cannot start: ${(error as Error).message}`);
    if (config.logLevel === 'debug') console.error(error);
    await end(1);
  }
}

/** Brings the tables up to date; on a hub without accounts makes the link of the first administrator. */
async function prepare(databaseUrl: string, config: Config): Promise<string | null> {
  const database = openDatabase(databaseUrl, { connections: 2 });
  try {
    await migrate(database, import.meta.dirname);
    const none = await openPeople(database, async () => new Map()).none();
    if (!none) return null;
    const links = openLinks(database);
    await links.end(null);
    const { token } = await links.make({ account: null, hours: 24, uses: 1, createdBy: null });
    return `${config.http.publicUrl}/first#${token}`;
  } finally {
    await database.close();
  }
}

/** Runs one role as a process of its own, and again whenever it dies. `ready` settles with the first start. */
function runRole(
  role: HubRole,
  environment: NodeJS.ProcessEnv,
  log: pino.Logger,
  isEnding: () => boolean,
): { part: Part; ready: Promise<void> } {
  let child: ChildProcess;
  let attempt = 0;
  const ready = Promise.withResolvers<void>();
  const start = () => {
    const started = Date.now();
    let wasReady = false;
    child = fork(path.join(import.meta.dirname, 'roles', `${role}.ts`), {
      env: environment,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    child.on('message', message => {
      if ((message as { ready?: string }).ready !== role) return;
      wasReady = true;
      ready.resolve();
    });
    let over = false;
    const gone = (code: number | null, signal: string | null) => {
      if (isEnding() || over) return;
      over = true;
      attempt = Date.now() - started > STEADY_MS ? 0 : attempt + 1;
      if (!wasReady && attempt > RESTART_MS.length) ready.reject(new Error(`the role ${role} does not start; see its messages above`));
      const delay = RESTART_MS[Math.min(attempt, RESTART_MS.length) - 1] ?? RESTART_MS[0]!;
      log.error({ part: role, code, signal, delay }, 'ended; starting again');
      setTimeout(() => !isEnding() && start(), delay);
    };
    child.once('exit', gone);
    // A process that could not even be made (out of memory, too many processes) says `error` and no `exit`.
    child.on('error', error => {
      log.error({ part: role, problem: error.message }, 'trouble with a process');
      if (child.pid === undefined) gone(null, null);
    });
  };
  start();
  return {
    ready: ready.promise,
    part: {
      name: role,
      async stop() {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
        const ended = new Promise(resolve => child.once('exit', resolve));
        child.kill('SIGTERM');
        const late = setTimeout(() => child.kill('SIGKILL'), 9000);
        await ended;
        clearTimeout(late);
      },
    },
  };
}

await main();
