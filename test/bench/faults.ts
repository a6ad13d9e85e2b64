// Random kills under load: the ingest process, influxd, the gateway, the wide-area network. Every acknowledged sample must be in the store
// exactly once. `npm run bench faults -- --minutes N --seed S`; ends with status 1 when one is lost or doubled.
import { parseArgs } from 'node:util';
import { KINDS, type Route, runFaults } from './faults/run.ts';
import { print } from './figure.ts';

const HELP =
  'npm run bench faults [-- --minutes N (default 5) --seed S (default by chance) --devices N (default 20) --pace PACKS_A_SECOND (default 10)]';

const { values } = parseArgs({
  args: process.argv.slice(2).filter(argument => argument !== 'faults'),
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    devices: { type: 'string', default: '20' },
    pace: { type: 'string', default: '10' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stderr.write(`${HELP}\n`);
  process.exit(0);
}
const [minutes, seed, devices, pace] = [Number(values.minutes), Number(values.seed), Number(values.devices), Number(values.pace)];
if (!(minutes > 0 && Number.isInteger(seed) && devices >= 1 && pace > 0)) {
  process.stderr.write(`Each of them is a number.\n${HELP}\n`);
  process.exit(2);
}
const result = await runFaults({
  ...{ seconds: minutes * 60, seed, devices, pace, pause: [3, 12] },
  say: text => void process.stderr.write(`${text}\n`),
});

const figure = (name: string, value: number, unit: string, goal?: string, met?: boolean) => {
  print({ bench: 'faults', figure: name, value, unit, ...(goal === undefined ? {} : { goal, met }) });
  if (met === false) process.exitCode = 1;
};
figure('seed', seed, '');
for (const kind of KINDS) figure(`faults: ${kind}`, result.kills[kind], '', '≥ 1', result.kills[kind] >= 1);
const routes: [string, Route][] = [
  ['straight to the hub', result.direct],
  ['through the gateway', result.edge],
];
for (const [name, route] of routes) {
  figure(`${name}: acknowledged`, route.acknowledged, 'samples', '> 0', route.acknowledged > 0);
  figure(`${name}: acknowledged and lost`, route.lost, 'samples', '= 0', route.lost === 0);
  figure(`${name}: acknowledged and stored more than once`, route.doubled, 'samples', '= 0', route.doubled === 0);
  figure(`${name}: stored with another value`, route.altered, 'samples', '= 0', route.altered === 0);
  figure(`${name}: never acknowledged`, route.unanswered, 'samples', '= 0', route.unanswered === 0);
  figure(`${name}: longest wait for an acknowledgement`, route.longestWait, 's');
}
figure('stored, of both', result.stored, 'samples');
figure('stored and never sent', result.strange, 'samples', '= 0', result.strange === 0);
figure('until everything had arrived after the load', result.drained, 's');
