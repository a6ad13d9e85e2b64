// The sample store in a backup: InfluxDB's own portable backup, taken while it runs, and its restore.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BackupProblem } from './manifest.ts';

const run = promisify(execFile);
const HOUR = 3_600_000;

/**
 * Has InfluxDB write its backup into `folder`.
 * @param server `host:port` of its backup service (its configuration's top `bind-address`)
 * @throws BackupProblem with what `influxd` says
 */
export const backUpSamples = (server: string, folder: string) => influxd('backup', server, folder);

/** Puts a backup into an InfluxDB that does not have its databases. @throws BackupProblem with what `influxd` says */
export const restoreSamples = (server: string, folder: string) => influxd('restore', server, folder);

async function influxd(what: 'backup' | 'restore', server: string, folder: string): Promise<void> {
  try {
    await run('influxd', [what, '-portable', '-host', server, folder], { timeout: 12 * HOUR, maxBuffer: 64 * 1024 * 1024 });
  } catch (cause) {
    const { stderr = '', stdout = '', message } = cause as Error & { stderr?: string; stdout?: string };
    const said = `${stdout}\n${stderr}`.trim().split('\n').at(-1) || message;
    throw new BackupProblem(`influxd ${what} at ${server} failed: ${said}`, { cause });
  }
}

/** Version of the `influxd` on this machine. @throws BackupProblem when there is none */
export async function influxdVersion(): Promise<string> {
  try {
    return (await run('influxd', ['version'])).stdout.split(' ')[1] ?? 'unknown';
  } catch (cause) {
    throw new BackupProblem('The program influxd is needed for the samples (Debian: apt-get install influxdb).', { cause });
  }
}
