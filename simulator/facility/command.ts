// The command line of the simulated facility.
import { parseArgs } from 'node:util';
import { type OrderedEpisode, startFacility } from './facility.ts';
import { readPlan } from './plan.ts';

const HELP = `npm run simulate -- facility --plan FILE [options]

Runs a facility's devices as real MQTT clients, in real time, until Ctrl-C.

  --plan FILE              who is there and how devices sign in (JSON, below)
  --speed N                the story runs N times as fast as the clock; samples keep real times and intervals (default 1)
  --history HOURS          first send the hours before the start, in packs of ten minutes (default 0)
  --episode I@S[:P]        resident I (from 0) has a strong episode S seconds after going live, with signs P seconds before (default 600);
                           may be given several times
  --no-spontaneous         no other episodes
  --duplicates SHARE       share of packs sent twice, 0 … 1
  --lose SHARE             share of packs never sent
  --wrong-unit SHARE       share of packs with one wrong unit
  --out-of-range SHARE     share of packs with one impossible value
  --drop-out N             times an hour that each device loses its network for 1 to 5 minutes; its packs follow late

The plan: {"facility","brokerUrl":"mqtt://host:port","seed"?,
  "residents":[{"seed","devices":[{"device","profile":"bed"|"wrist"|"room"|"door"|"toilet","secret"}]}],
  "presence":[{"device","secret","residents"?:[0,1]}]}

Standard output, one JSON object a line: {"event":"history-sent"}, {"event":"live"}, {"event":"prodrome"|"episode","resident","at"}.
`;

/** Reads `I@S[:P]`. @throws Error with the right form. */
export function parseEpisode(text: string, residents: number): OrderedEpisode {
  const match = /^(\d+)@(\d+)(?::(\d+))?$/.exec(text);
  if (!match) throw new Error(`--episode must look like 0@240:200 (resident@seconds:prodrome seconds), not "${text}"`);
  const [resident, seconds, prodromeSeconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 600)];
  if (resident >= residents) throw new Error(`--episode ${text}: there are ${residents} residents, counted from 0`);
  if (prodromeSeconds < 1) throw new Error(`--episode ${text}: the prodrome takes at least 1 second`);
  return { resident, seconds, prodromeSeconds };
}

function numberIn(name: string, text: string, lowest: number, highest: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= lowest && value <= highest))
    throw new Error(`--${name} must be a number from ${lowest} to ${highest}, not "${text}"`);
  return value;
}

/** Runs the command until SIGINT or SIGTERM. @throws Error with the reason for the user. */
export async function runFacility(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      plan: { type: 'string' },
      speed: { type: 'string', default: '1' },
      history: { type: 'string', default: '0' },
      episode: { type: 'string', multiple: true, default: [] },
      spontaneous: { type: 'boolean', default: true },
      duplicates: { type: 'string', default: '0' },
      lose: { type: 'string', default: '0' },
      'wrong-unit': { type: 'string', default: '0' },
      'out-of-range': { type: 'string', default: '0' },
      'drop-out': { type: 'string', default: '0' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (!values.plan) throw new Error('--plan FILE is missing');
  const plan = readPlan(values.plan);
  const share = (name: 'duplicates' | 'lose' | 'wrong-unit' | 'out-of-range') => numberIn(name, values[name], 0, 1);
  const facility = startFacility({
    plan,
    speed: numberIn('speed', values.speed, 0.1, 1000),
    historyHours: numberIn('history', values.history, 0, 24 * 31),
    episodes: values.episode.map(text => parseEpisode(text, plan.residents.length)),
    spontaneous: values.spontaneous,
    faults: {
      duplicates: share('duplicates'),
      lost: share('lose'),
      wrongUnit: share('wrong-unit'),
      outOfRange: share('out-of-range'),
      dropOut: numberIn('drop-out', values['drop-out'], 0, 3600),
    },
    tell: event => process.stdout.write(`${JSON.stringify(event)}\n`),
    warn: text => process.stderr.write(`${text}\n`),
  });
  const asked = new Promise<void>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.once(signal, () => resolve());
  });
  try {
    await Promise.race([asked, facility.live.then(() => asked)]);
  } finally {
    await facility.close();
  }
}
