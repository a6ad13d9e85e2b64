// Simulated residents as a stream: runs the simulator's export as a process and feeds each line to a dataset.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { DatasetBuilder } from './dataset.ts';

/** A line of the export. Other lines (a resident's heading) are passed over. */
interface SampleLine {
  r: string;
  p: string;
  t: number;
  v: Record<string, number>;
}
interface EpisodeLine {
  r: string;
  label: 'episode';
  onset: number;
  end: number;
}

/** What takes the stream: a dataset, or several that each see a part of it. */
export type Taker = Pick<DatasetBuilder, 'sample' | 'episode'>;

/** Feeds one line (`simulator/export.ts --help` says which there are). `facility` keeps residents of several exports apart. */
export function takeLine(builder: Taker, facility: string, line: string): void {
  if (!line) return;
  const one = JSON.parse(line) as Partial<SampleLine & EpisodeLine>;
  if (!one.r) return;
  const resident = `${facility}/${one.r}`;
  if (one.label === 'episode') builder.episode(resident, { onset: one.onset!, end: one.end! });
  else if (one.p) builder.sample(resident, { profile: one.p, time: one.t!, values: one.v! });
}

export interface SimulatedFacility {
  residents: number;
  days: number;
  seed: string;
  facilitySeed: string;
  /** ISO */
  start: string;
}

/** Runs `simulator/export.ts` and feeds what it prints. @throws Error with its last words when it fails. */
export async function simulate(builder: Taker, facility: SimulatedFacility, onResident?: () => void): Promise<void> {
  const script = path.resolve(import.meta.dirname, '../simulator/export.ts');
  const options = {
    residents: facility.residents,
    days: facility.days,
    seed: facility.seed,
    'facility-seed': facility.facilitySeed,
    start: facility.start,
  };
  const child = spawn(process.execPath, [script, ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-2000);
  });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  try {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
      takeLine(builder, facility.facilitySeed, line);
      if (line.startsWith('{"resident"')) onResident?.();
    }
  } finally {
    if (child.exitCode === null) child.kill('SIGTERM');
  }
  const code = await ended;
  if (code !== 0) throw new Error(`The simulator's export ended with ${code}: ${words.trim()}`);
}
