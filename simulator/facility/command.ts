// The command line of the simulated facility.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type OrderedEpisode, startFacility } from './facility.ts';
import { parseFault } from './faults.ts';
import { faultHelp } from './fleet.ts';
import { type FacilityPlan, readPlan } from './plan.ts';
import { type Relay, startRelay } from './relay.ts';

const help = () => `npm run simulate -- facility --plan FILE [options]

Runs a facility's devices as real MQTT clients, in real time, until Ctrl-C.

  --plan FILE              who is there and how devices sign in (JSON, below; "npm run simulate -- register" makes one)
  --gateway URL            the gateway's broker, mqtt://host:1884, in place of the plan's brokerUrl
  --direct URL             the hub's own broker, mqtt://host:1883, in place of the plan's brokerUrl
  --ca FILE                PEM of the hub's authority, to trust the broker of an mqtts:// URL
  --cert FILE --key FILE   PEM, to sign in by certificate: of the one device that --devices and --residents leave in the plan
  --devices LIST           only these profiles of the plan, e.g. bed,wrist,call-button
  --residents N            only the first N residents of the plan
  --connect-rate N         connections opened a second (default 200)
  --speed N                the story runs N times as fast as the clock; samples keep real times and intervals (default 1)
  --history HOURS          first send the hours before the start, in packs of ten minutes (default 0)
  --episode I@S[:P]        resident I (from 0) has a strong episode S seconds after going live, with signs P seconds before (default 600);
                           may be given several times
  --no-spontaneous         no other episodes

Faults of all devices the whole time:
  --duplicates SHARE       share of packs sent twice, 0 … 1
  --lose SHARE             share of packs never sent
  --wrong-unit SHARE       share of packs with one wrong unit
  --out-of-range SHARE     share of packs with one impossible value
  --drop-out N             times an hour that each device loses its network for 1 to 5 minutes; its packs follow late

Faults on demand (may be given several times; the same plan, seed and faults go wrong in the same way):
  --fault KIND:WHICH:FROM:FOR[:AMOUNT]
                           WHICH is a device, a profile (bed) or * for all; FROM counts from going live; times are seconds or like 90s, 10m, 2h.
                           KIND, with its AMOUNT and what it is when left out:
${faultHelp()}
  --relay PORT=HOST:PORT   listens on a port of this machine and passes everything on; wan-cut cuts it. Let the gateway reach the hub through
                           it (EDGE_HUB_URL=mqtt://127.0.0.1:PORT), or, without a gateway, the devices (--direct mqtt://127.0.0.1:PORT)

The plan: {"facility","brokerUrl":"mqtt://host:port","ca"?,"seed"?,
  "residents":[{"seed","devices":[{"device","profile":"bed"|"wrist"|"room"|"door"|"toilet"|"blood-pressure"|"thermometer"|"spo2"|"scale"|
    "call-button"|"fall","secret" | "certificate":{"pem","key"}}]}],
  "presence":[{"device","secret","residents"?:[0,1]}]}

Standard output, one JSON object a line: {"event":"history-sent"}, {"event":"live"}, {"event":"prodrome"|"episode","resident","at"},
{"event":"wan-cut"|"wan-mended","at"}.
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

/** Reads `PORT=HOST:PORT`. @throws Error with the right form. */
export function parseRelay(text: string): { port: number; host: string; to: number } {
  const match = /^(\d{1,5})=(\[?[A-Za-z0-9.:-]+\]?):(\d{1,5})$/.exec(text);
  const [port, to] = [Number(match?.[1]), Number(match?.[3])];
  if (!match || port > 65_535 || to < 1 || to > 65_535)
    throw new Error(`--relay must look like 1893=127.0.0.1:1883 (port here=host:port of the hub), not "${text}"`);
  return { port, host: match[2]!.replace(/^\[|\]$/g, ''), to };
}

/** @throws Error when the number is missing or outside. */
export function numberIn(name: string, text: string, lowest: number, highest: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= lowest && value <= highest))
    throw new Error(`--${name} must be a number from ${lowest} to ${highest}, not "${text}"`);
  return value;
}

/** The plan with other devices, fewer residents or another broker, as the options say. @throws Error in words. */
export function narrowed(
  plan: FacilityPlan,
  { devices, residents, gateway, direct }: { devices?: string; residents?: string; gateway?: string; direct?: string },
): FacilityPlan {
  if (gateway && direct) throw new Error('give either --gateway or --direct, not both');
  const brokerUrl = gateway ?? direct ?? plan.brokerUrl;
  if (!/^mqtts?:\/\/[^/]+$/.test(brokerUrl)) throw new Error(`a broker is given like mqtt://host:1883, not "${brokerUrl}"`);
  const first = residents === undefined ? plan.residents.length : numberIn('residents', residents, 1, plan.residents.length);
  const wanted = devices?.split(',').map(name => name.trim());
  const has = new Set<string>([...plan.residents.flatMap(resident => resident.devices.map(({ profile }) => profile)), 'presence']);
  for (const name of wanted ?? [])
    if (!has.has(name)) throw new Error(`--devices: no device of the plan has the profile "${name}"; it has ${[...has].join(', ')}`);
  const kept = (profile: string) => !wanted || wanted.includes(profile);
  return {
    ...plan,
    brokerUrl,
    residents: plan.residents
      .slice(0, first)
      .map(resident => ({ ...resident, devices: resident.devices.filter(({ profile }) => kept(profile)) })),
    presence: kept('presence') ? plan.presence : [],
  };
}

/** @returns the text of a PEM file. @throws Error naming the option. */
export function pemIn(name: string, file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.includes('-----BEGIN ')) return text;
  } catch (cause) {
    throw new Error(`--${name} ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  throw new Error(`--${name} ${file} is no PEM file`);
}

/** The plan with the certificates that the options name. @throws Error in words. */
function trusted(plan: FacilityPlan, { ca, cert, key }: { ca?: string; cert?: string; key?: string }): FacilityPlan {
  const made = ca === undefined ? plan : { ...plan, ca: pemIn('ca', ca) };
  if (cert === undefined && key === undefined) return made;
  const devices = [...made.residents.flatMap(resident => resident.devices), ...made.presence];
  if (cert === undefined || key === undefined) throw new Error('--cert and --key belong together');
  if (devices.length !== 1)
    throw new Error(`--cert and --key are one device’s; the plan has ${devices.length}. Narrow it, or put "certificate" into the plan`);
  devices[0]!.certificate = { pem: pemIn('cert', cert), key: pemIn('key', key) };
  return made;
}

/** Runs the command until SIGINT or SIGTERM. @throws Error with the reason for the user. */
export async function runFacility(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      plan: { type: 'string' },
      gateway: { type: 'string' },
      direct: { type: 'string' },
      ca: { type: 'string' },
      cert: { type: 'string' },
      key: { type: 'string' },
      devices: { type: 'string' },
      residents: { type: 'string' },
      'connect-rate': { type: 'string', default: '200' },
      speed: { type: 'string', default: '1' },
      history: { type: 'string', default: '0' },
      episode: { type: 'string', multiple: true, default: [] },
      spontaneous: { type: 'boolean', default: true },
      duplicates: { type: 'string', default: '0' },
      lose: { type: 'string', default: '0' },
      'wrong-unit': { type: 'string', default: '0' },
      'out-of-range': { type: 'string', default: '0' },
      'drop-out': { type: 'string', default: '0' },
      fault: { type: 'string', multiple: true, default: [] },
      relay: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help());
    return;
  }
  if (!values.plan) throw new Error('--plan FILE is missing');
  const plan = trusted(narrowed(readPlan(values.plan), values), values);
  const share = (name: 'duplicates' | 'lose' | 'wrong-unit' | 'out-of-range') => numberIn(name, values[name], 0, 1);
  const options = {
    plan,
    speed: numberIn('speed', values.speed, 0.1, 1000),
    historyHours: numberIn('history', values.history, 0, 24 * 31),
    connectRate: numberIn('connect-rate', values['connect-rate'], 1, 10_000),
    episodes: values.episode.map(text => parseEpisode(text, plan.residents.length)),
    spontaneous: values.spontaneous,
    faults: {
      duplicates: share('duplicates'),
      lost: share('lose'),
      wrongUnit: share('wrong-unit'),
      outOfRange: share('out-of-range'),
      dropOut: numberIn('drop-out', values['drop-out'], 0, 3600),
    },
    orderedFaults: values.fault.map(parseFault),
    tell: (event: Record<string, unknown>) => void process.stdout.write(`${JSON.stringify(event)}\n`),
    warn: (text: string) => void process.stderr.write(`${text}\n`),
  };
  const relay: Relay | undefined = values.relay === undefined ? undefined : await startRelay(parseRelay(values.relay));
  try {
    const facility = startFacility({ ...options, relay });
    try {
      await Promise.race([untilAsked(), facility.live.then(untilAsked)]);
    } finally {
      await facility.close();
    }
  } finally {
    await relay?.close();
  }
}

let asked: Promise<void> | undefined;
/** Resolves at SIGINT or SIGTERM, or when the process that started this one is gone. */
export function untilAsked(): Promise<void> {
  asked ??= new Promise<void>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.once(signal, () => resolve());
  });
  return asked;
}
