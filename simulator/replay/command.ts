// The command line of the replay.
import { parseArgs } from 'node:util';
import { numberIn, pemIn, untilAsked } from '../facility/command.ts';
import { parseFault } from '../facility/faults.ts';
import { faultHelp } from '../facility/fleet.ts';
import { signInAsManager } from '../registration.ts';
import { DAY, HOUR } from '../residents/index.ts';
import { readReplayPlan, registerHomes } from './plan.ts';
import { type PlayReport, play } from './player.ts';
import { readRecording } from './recording.ts';
import { localTimeOf } from './sources.ts';

const help = () => `npm run simulate -- replay --data DIR --link URL --direct mqtt://localhost:1883 [options]

Plays recorded sensor data (TIHM: Activity.csv[.gz], and Physiology.csv, Sleep.csv if they are there) through real MQTT as if it were today: the
recorded time of day is kept, the days are moved. What lies before now is sent at once, the rest at its time, until everything is sent or Ctrl-C.

  --data DIR        folder of the recording
  --homes ID,ID     only these homes (default: all)
  --from DATE       first recorded day (default: the first there is)
  --days N          so many days (default: all there are; the hub takes 90)
  --until-now       the last recorded day is today, and what would lie after now is left out (default: the first recorded day is today)
  --speed X         from now on recorded time runs X times as fast, and times shrink with it (default 1)
  --utc-offset H    hours that the recorded clock is ahead of UTC (default 9: 08:00 in the file is 08:00 in Japan)
  --link URL        sign-in link of a facility manager: homes that are not in the plan are registered as residents with their devices
  --facility ID     which facility, for a manager of several
  --plan FILE       where devices and secrets are kept; used again by later runs (default replay-plan.json)
  --gateway URL     the gateway's broker, mqtt://host:1884
  --direct URL      the hub's own broker, mqtt://host:1883
  --ca FILE         PEM of the hub's authority, to trust the broker of an mqtts:// URL
  --connect-rate N  connections opened a second (default 200)
  --fault …         faults on demand, as "npm run simulate -- facility --help" says; times count from the start:
${faultHelp()}

The plan: {"facility","brokerUrl"?,"homes":[{"home","devices":[{"sensor","profile","device","secret"}]}]}. It may be written by hand.
Sensors: hallway, bathroom, bedroom, kitchen, lounge (presence), front-door, back-door (door), fridge, kettle (appliance), blood-pressure,
thermometer, skin-thermometer, scale, body-composition, bed.

Rows that cannot be taken are refused with file and line, and counted. Standard output, one JSON object a line: {"event":"read"},
{"event":"past-sent"}, {"event":"report", …}. The exit status is 0 when all that was sent was acknowledged.
`;

/** Runs until everything is sent, or SIGINT or SIGTERM. @throws Error with the reason for the user. */
export async function runReplay(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: 'string' },
      homes: { type: 'string' },
      from: { type: 'string' },
      days: { type: 'string' },
      'until-now': { type: 'boolean', default: false },
      speed: { type: 'string', default: '1' },
      'utc-offset': { type: 'string', default: '9' },
      link: { type: 'string' },
      facility: { type: 'string' },
      plan: { type: 'string', default: 'replay-plan.json' },
      gateway: { type: 'string' },
      direct: { type: 'string' },
      ca: { type: 'string' },
      'connect-rate': { type: 'string', default: '200' },
      fault: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help());
    return;
  }
  if (!values.data) throw new Error('--data DIR is missing');
  if (values.gateway && values.direct) throw new Error('give either --gateway or --direct, not both');
  const from = values.from === undefined ? undefined : localTimeOf(`${values.from} 00:00:00`);
  if (Number.isNaN(from)) throw new Error(`--from takes a date such as 2019-04-01, not "${values.from}"`);
  const days = values.days === undefined ? undefined : numberIn('days', values.days, 1, 3660);
  if (days !== undefined && !Number.isInteger(days)) throw new Error(`--days takes a whole number, not "${values.days}"`);
  const speed = numberIn('speed', values.speed, 0.1, 100_000);
  if (values['until-now'] && speed !== 1)
    throw new Error('--speed is for what is still to come; with --until-now everything is in the past');
  const offset = numberIn('utc-offset', values['utc-offset'], -12, 14);
  const connectRate = numberIn('connect-rate', values['connect-rate'], 1, 10_000);
  const faults = values.fault.map(parseFault);

  const tell = (event: Record<string, unknown>) => void process.stdout.write(`${JSON.stringify(event)}\n`);
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  const recording = await readRecording(values.data, { homes: values.homes?.split(',').map(home => home.trim()), from, days });
  tell({ event: 'read', ...recording.tally, days: recording.days, sensors: recording.series.length });

  let plan = readReplayPlan(values.plan);
  if (values.link) {
    const manager = await signInAsManager(values.link, values.facility);
    plan ??= { facility: manager.facility, homes: [] };
    // Assigned since the recorded first day, so that what lies in the past belongs to the resident too.
    const since = new Date(
      Math.min(Date.now(), Math.floor((Date.now() + offset * HOUR) / DAY) * DAY - offset * HOUR) - Math.min(90, recording.days) * DAY,
    );
    await registerHomes(manager, recording.series, plan, values.plan, { from: since, progress: home => say(`registered ${home}`) });
  }
  if (!plan)
    throw new Error(`There is no plan ${values.plan}. Give --link with a facility manager’s sign-in link, so that devices are registered`);
  const brokerUrl = values.gateway ?? values.direct ?? plan.brokerUrl;
  if (!brokerUrl || !/^mqtts?:\/\/[^/]+$/.test(brokerUrl))
    throw new Error('--direct mqtt://host:1883 (the hub) or --gateway mqtt://host:1884 (the gateway) is missing');
  const logins = new Map(plan.homes.flatMap(({ home, devices }) => devices.map(device => [`${home} ${device.sensor}`, device] as const)));
  const player = play({
    ...{
      recording,
      facility: plan.facility,
      brokerUrl,
      speed,
      untilNow: values['until-now'],
      offset,
      faults,
      connectRate,
      tell,
      warn: say,
    },
    ca: values.ca === undefined ? undefined : pemIn('ca', values.ca),
    loginOf: (home, sensor) => logins.get(`${home} ${sensor}`),
  });
  try {
    await Promise.race([untilAsked(), player.done]);
  } finally {
    const report = player.report();
    await player.close();
    tell({ event: 'report', ...report });
    say(inWords(report));
    if (report.packs.acknowledged < report.packs.sent) process.exitCode = 1;
  }
}

/** The report as a person reads it. */
export function inWords({ rows, files, taken, notAskedFor, refusedRows, homes, devices, samples, packs }: PlayReport): string {
  const lines = [
    `${rows} rows read (${Object.entries(files)
      .map(([file, count]) => `${file} ${count}`)
      .join(', ')}): ${taken} taken, ${notAskedFor} of other homes or days`,
  ];
  for (const [reason, { rows, lines: examples }] of Object.entries(refusedRows))
    lines.push(`  refused, ${reason}: ${rows} rows, e.g. ${examples.join(', ')}`);
  lines.push(`${samples.sent} of ${samples.recorded} samples sent, of ${devices} devices in ${homes} homes`);
  for (const [count, why] of [
    [samples.notRegistered, 'of sensors that are not in the plan'],
    [samples.tooOld, 'older than the 90 days the hub takes'],
    [samples.laterThanNow, 'later than now'],
    [samples.stillToCome, 'still to come'],
  ] as const)
    if (count) lines.push(`  ${count} ${why}`);
  lines.push(
    `${packs.acknowledged} of ${packs.sent} packs acknowledged${packs.dropped ? `, ${packs.dropped} dropped by full buffers` : ''}`,
  );
  for (const [reason, count] of Object.entries(packs.refusedByHub)) lines.push(`  refused by the hub, ${reason}: ${count}`);
  return lines.join('\n');
}
