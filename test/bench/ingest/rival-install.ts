// Gets what the ingest bench compares the hub with, Node-RED with its InfluxDB nodes, by the lock file in `../rival`, into the project's cache
// folder: never among the project's own packages.
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

/** As the project's `.npmrc` has it for its own packages: no package's scripts are run. */
const NPM = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=dev'];
const LIMIT = 600_000;
const RIVAL = path.resolve(import.meta.dirname, '../rival');

/** The folder that holds `node_modules` with Node-RED. @throws Error that says why it cannot be had. */
export async function installNodeRed(): Promise<string> {
  const lock = readFileSync(path.join(RIVAL, 'package-lock.json'));
  const hash = createHash('sha256').update(lock).digest('hex').slice(0, 12);
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'remote-care-hub');
  const folder = path.join(cache, `bench-rival-${hash}`);
  const complete = path.join(folder, 'complete');
  if (existsSync(complete)) return folder;
  process.stderr.write(`installing Node-RED into ${folder}\n`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(path.join(RIVAL, file), path.join(folder, file));
  try {
    await promisify(execFile)('npm', NPM, { cwd: folder, timeout: LIMIT });
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim().split('\n').slice(-3).join(' ');
    throw new Error(`npm ci of Node-RED failed: ${said || (cause as Error).message}`, { cause });
  }
  writeFileSync(complete, '');
  return folder;
}

/** @throws Error when it is not installed. */
export function findMosquitto(): string {
  const found = ['mosquitto', '/usr/sbin/mosquitto'].find(command => !spawnSync(command, ['-h']).error);
  if (!found) throw new Error('Mosquitto is not installed (Debian: apt-get install mosquitto)');
  return found;
}
