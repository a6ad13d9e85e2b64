// Runs Mosquitto and a headless Node-RED with the flow of `rival-flow.ts`, as processes of their own, and says what CPU time they used.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../../../hub/store/index.ts';
import { flow } from './rival-flow.ts';

export interface Rival {
  /** Mosquitto's. */
  port: number;
  /** CPU time of both processes so far, seconds; 0 where /proc is not. */
  cpu(): number;
  stop(): Promise<void>;
}

const READY_MS = 60_000;
/** Ticks of /proc/…/stat a second (Linux: always 100 towards programs). */
const TICKS = 100;

/**
 * @param mosquittoLines Further lines of Mosquitto's configuration, which otherwise only says where it listens and lets everyone in.
 * @throws Error with the last lines that Node-RED printed when it does not come up.
 */
export async function startRival(options: {
  mosquitto: string;
  nodeRed: string;
  folder: string;
  influxUrl: string;
  database: string;
  mosquittoLines?: string[];
}): Promise<Rival> {
  const { folder, influxUrl, database } = options;
  const port = await freePort();
  const children: ChildProcess[] = [];
  const stop = async () => {
    await Promise.all(children.map(child => ended(child)));
  };
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
  const config = path.join(folder, 'mosquitto.conf');
  writeFileSync(config, [`listener ${port} 127.0.0.1`, 'allow_anonymous true', ...(options.mosquittoLines ?? []), ''].join('\n'));
  writeFileSync(path.join(folder, 'flows.json'), JSON.stringify(flow({ mqttPort: port, influxUrl, database })));
  writeFileSync(
    path.join(folder, 'settings.js'),
    // Headless: the flow runs, no editor is served.
    `module.exports = { flowFile: 'flows.json', uiHost: '127.0.0.1', uiPort: ${await freePort()}, httpAdminRoot: false, httpNodeRoot: false };`,
  );
  try {
    children.push(spawn(options.mosquitto, ['-c', config], { stdio: 'ignore' }));
    const nodeRed = spawn(
      process.execPath,
      [path.join(options.nodeRed, 'node_modules/node-red/red.js'), '-u', folder, '-s', 'settings.js'],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    children.push(nodeRed);
    await connected(nodeRed);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, cpu: () => children.reduce((sum, { pid }) => sum + cpuSeconds(pid!), 0), stop };
}

/** Resolves when Node-RED says that its flow is connected to Mosquitto. */
function connected(nodeRed: ChildProcess): Promise<void> {
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (what: string) => reject(new Error(`Node-RED ${what}:\n${lines.slice(-8).join('\n')}`));
    const late = setTimeout(() => fail('did not connect to Mosquitto'), READY_MS);
    nodeRed.once('exit', code => fail(`ended with ${code}`));
    for (const stream of [nodeRed.stdout!, nodeRed.stderr!])
      createInterface({ input: stream }).on('line', line => {
        lines.push(line);
        if (lines.length > 100) lines.shift();
        if (!line.includes('Connected to broker')) return;
        clearTimeout(late);
        resolve();
      });
  });
}

async function ended(child: ChildProcess) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise(resolve => child.once('exit', resolve));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 5000);
  await gone;
  clearTimeout(late);
}

/** CPU time of a process with all its threads so far. */
export function cpuSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}
