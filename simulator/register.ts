// Registers a simulated facility's residents and devices at a hub and writes the plan that `facility` runs: `npm run simulate -- register`.
import { existsSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { numberIn } from './facility/command.ts';
import type { FacilityPlan } from './facility/index.ts';
import { eachOf, type Manager, makeHouse, registerHallway, registerResident, signInAsManager } from './registration.ts';
import { RESIDENT_PROFILES, type ResidentProfile } from './residents/index.ts';

const HELP = `npm run simulate -- register --link URL --direct mqtt://localhost:1883 [options]

Registers residents with their rooms and devices at a hub, as the facility's manager does on the pages, and writes the plan for
"npm run simulate -- facility --plan FILE".

  --link URL             sign-in link of a facility manager
  --facility ID          which facility, for a manager of several
  --residents N          how many (default 12)
  --devices LIST         devices of every resident (default bed,wrist,room,door,toilet,call-button); there are
                         ${RESIDENT_PROFILES.join(',')}
  --devices-of I:LIST    further devices of resident I (from 0), e.g. 0:spo2,blood-pressure; may be given several times
  --hallway-for N        one hallway sensor for so many residents (default 10; 0: none)
  --gateway URL          the broker in the plan: the gateway's, mqtt://host:1884
  --direct URL           or the hub's own, mqtt://host:1883
  --history HOURS        devices have watched since so many hours ago, for "facility --history HOURS" (default 6)
  --seed S               seed of building and residents (default 1)
  --plan FILE            where to write it (default plan.json); it holds the devices' secrets
`;

export interface Wanted {
  residents: number;
  devices: readonly ResidentProfile[];
  devicesOf: ReadonlyMap<number, readonly ResidentProfile[]>;
  hallwayFor: number;
  historyHours: number;
  seed: string;
  brokerUrl: string;
}

/** @param progress Residents made so far. */
export async function registerFacility(manager: Manager, wanted: Wanted, progress: (residents: number) => void): Promise<FacilityPlan> {
  const from = new Date(Date.now() - wanted.historyHours * 3_600_000 - 60_000);
  const house = await makeHouse(manager, `シミュレーション ${wanted.seed}`);
  let made = 0;
  const residents = await eachOf(
    Array.from({ length: wanted.residents }, (_, index) => index),
    8,
    async index => {
      const profiles = [...new Set([...wanted.devices, ...(wanted.devicesOf.get(index) ?? [])])];
      const number = String(index + 1);
      const devices = profiles.map(profile => ({ key: profile, profile }));
      const name = { family: '模擬', given: `${number}号`, familyKana: 'モギ', givenKana: `${number}ゴウ`, room: `模擬 ${number}` };
      const resident = await registerResident(manager, house, { ...name, devices }, from);
      made++;
      if (made % 50 === 0 || made === wanted.residents) progress(made);
      return {
        seed: `${wanted.seed}-${number}`,
        devices: resident.devices.map(({ device, secret, profile }) => ({ device, secret, profile: profile as ResidentProfile })),
      };
    },
  );
  const hallways = wanted.hallwayFor ? Math.ceil(wanted.residents / wanted.hallwayFor) : 0;
  const presence = await eachOf(
    Array.from({ length: hallways }, (_, index) => index),
    8,
    index => registerHallway(manager, house, `模擬の廊下 ${index + 1}`, from),
  );
  return { facility: manager.facility, brokerUrl: wanted.brokerUrl, seed: wanted.seed, residents, presence };
}

/** Reads a list of profiles that residents may have. @throws Error naming those there are. */
export function profilesIn(name: string, list: string): ResidentProfile[] {
  return list.split(',').map(text => {
    const profile = RESIDENT_PROFILES.find(each => each === text.trim());
    if (!profile) throw new Error(`--${name}: "${text.trim()}" is no device of a resident; there are ${RESIDENT_PROFILES.join(', ')}`);
    return profile;
  });
}

/** Runs the command. @throws Error with the reason for the user. */
export async function runRegister(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      link: { type: 'string' },
      facility: { type: 'string' },
      residents: { type: 'string', default: '12' },
      devices: { type: 'string', default: 'bed,wrist,room,door,toilet,call-button' },
      'devices-of': { type: 'string', multiple: true, default: [] },
      'hallway-for': { type: 'string', default: '10' },
      gateway: { type: 'string' },
      direct: { type: 'string' },
      history: { type: 'string', default: '6' },
      seed: { type: 'string', default: '1' },
      plan: { type: 'string', default: 'plan.json' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (!values.link) throw new Error('--link URL is missing: a sign-in link of a facility manager');
  const brokerUrl = values.gateway ?? values.direct;
  if (!brokerUrl || !/^mqtts?:\/\/[^/]+$/.test(brokerUrl) || (values.gateway && values.direct))
    throw new Error('give either --gateway mqtt://host:1884 or --direct mqtt://host:1883');
  if (existsSync(values.plan)) throw new Error(`${values.plan} is there already, with devices that are registered. Give another --plan`);
  const whole = (name: 'residents' | 'hallway-for', low: number, high: number) => {
    const value = numberIn(name, values[name], low, high);
    if (!Number.isInteger(value)) throw new Error(`--${name} takes a whole number, not "${values[name]}"`);
    return value;
  };
  const residents = whole('residents', 1, 20_000);
  const devicesOf = new Map(
    values['devices-of'].map(text => {
      const match = /^(\d+):(.+)$/.exec(text);
      if (!match || Number(match[1]) >= residents)
        throw new Error(`--devices-of must look like 0:spo2,scale (residents are counted from 0 to ${residents - 1}), not "${text}"`);
      return [Number(match[1]), profilesIn('devices-of', match[2]!)] as const;
    }),
  );
  const wanted: Wanted = {
    ...{ residents, devicesOf, brokerUrl, seed: values.seed },
    devices: profilesIn('devices', values.devices),
    hallwayFor: whole('hallway-for', 0, 10_000),
    historyHours: numberIn('history', values.history, 0, 24 * 31),
  };
  const manager = await signInAsManager(values.link, values.facility);
  const say = (count: number) => void process.stderr.write(`${count} of ${residents} residents registered at ${manager.facilityName}\n`);
  const plan = await registerFacility(manager, wanted, say);
  writeFileSync(values.plan, `${JSON.stringify(plan, null, 1)}\n`, { mode: 0o600 });
  process.stdout.write(`${JSON.stringify({ event: 'registered', plan: values.plan, residents, hallways: plan.presence.length })}\n`);
}
