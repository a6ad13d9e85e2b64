// Writes simulated residents' samples and episodes as NDJSON, for training and for trying out: `node simulator/export.ts --help`.
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { parseArgs } from 'node:util';
import { DAY, drawBuilding, ResidentSimulation } from './residents/index.ts';

const HELP = `node simulator/export.ts [options]   (also: npm run simulate -- export [options])

  --residents N       how many residents (default 10)
  --days D            days each (default 7; may be a fraction)
  --seed S            seed of the residents; resident i has the seed "S-i" (default 1)
  --facility-seed F   seed of the building and its sensors (default 1)
  --start ISO         first moment (default 2025-10-01T00:00:00+09:00)
  --out FILE          where to (default -, standard output)
  --no-spontaneous    no episodes

Output, one JSON object a line, resident after resident, each in order of time:
  {"resident":"r001","seed":"1-1","facility":"1","start":ms,"end":ms}
  {"r":"r001","p":"bed","t":ms,"v":{"heart_rate":61.2,"respiration_rate":14.1,"movement":0.02,"in_bed":1}}
  {"r":"r001","label":"episode","onset":ms,"end":ms,"prodrome":ms,"intensity":0..1.2}   (stands at its onset)
Profiles: bed (30 s), wrist and room (60 s), door and toilet (changes, and their state every 600 s). Booleans are 0 or 1. Out of bed, the bed
sensor has no heart_rate and respiration_rate. Sensors are silent now and then: gaps are part of the data.
`;

export interface ExportOptions {
  residents: number;
  days: number;
  seed: string;
  facilitySeed: string;
  /** Milliseconds since 1970. */
  start: number;
  spontaneous?: boolean;
}

/** Yields the lines of an export in chunks, each ending with a line break. */
export function* exportChunks({ residents, days, seed, facilitySeed, start, spontaneous = true }: ExportOptions): Generator<string> {
  const building = drawBuilding(facilitySeed);
  for (let index = 1; index <= residents; index++) {
    const r = `r${String(index).padStart(3, '0')}`;
    const resident = new ResidentSimulation({ seed: `${seed}-${index}`, building, start, spontaneous });
    const from = resident.time;
    const end = from + days * DAY;
    let chunk = `${JSON.stringify({ resident: r, seed: `${seed}-${index}`, facility: facilitySeed, start: from, end })}\n`;
    while (resident.time < end) {
      const { samples, begins } = resident.tick();
      for (const { profile, time, values } of samples) chunk += `{"r":"${r}","p":"${profile}","t":${time},"v":${JSON.stringify(values)}}\n`;
      if (begins) chunk += `${JSON.stringify({ r, label: 'episode', ...begins, intensity: Math.round(begins.intensity * 100) / 100 })}\n`;
      if (chunk.length > 262_144) {
        yield chunk;
        chunk = '';
      }
    }
    yield chunk;
  }
}

/** Runs the command. @throws Error with the reason for the user. */
export async function runExport(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      residents: { type: 'string', default: '10' },
      days: { type: 'string', default: '7' },
      seed: { type: 'string', default: '1' },
      'facility-seed': { type: 'string', default: '1' },
      start: { type: 'string', default: '2025-10-01T00:00:00+09:00' },
      out: { type: 'string', default: '-' },
      spontaneous: { type: 'boolean', default: true },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const residents = Number(values.residents);
  const days = Number(values.days);
  const start = Date.parse(values.start);
  if (!Number.isInteger(residents) || residents < 1)
    throw new Error(`--residents must be a whole number from 1, not "${values.residents}"`);
  if (!(days > 0) || !Number.isFinite(days)) throw new Error(`--days must be a number above 0, not "${values.days}"`);
  if (Number.isNaN(start)) throw new Error(`--start must be a time such as 2025-10-01T00:00:00+09:00, not "${values.start}"`);
  const output = values.out === '-' ? process.stdout : createWriteStream(values.out);
  const options = { residents, days, seed: values.seed, facilitySeed: values['facility-seed'], start, spontaneous: values.spontaneous };
  for (const chunk of exportChunks(options)) {
    if (!output.write(chunk)) await once(output, 'drain');
  }
  if (output !== process.stdout) {
    output.end();
    await once(output, 'finish');
  }
}

if (import.meta.main) {
  // A reader that has seen enough closes the pipe; that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  await runExport(process.argv.slice(2)).catch((error: Error) => {
    process.stderr.write(`${error.message}\nSee --help.\n`);
    process.exitCode = 1;
  });
}
