// `npm test` after set-up: types, lint, unit and integration tests, tests in a browser; stops at the first step that fails.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '..');
const RESULTS = path.join(ROOT, 'test', 'results');

interface Step {
  name: string;
  title: string;
  /** Programs of node_modules/.bin with their arguments, one after the other. */
  commands: string[][];
  /** Where vitest writes what came of its tests. */
  results?: string;
}

const vitest = (project: string): Pick<Step, 'commands' | 'results'> => {
  const results = path.join(RESULTS, `${project}.json`);
  return {
    commands: [['vitest', 'run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${results}`]],
    results,
  };
};

const hasPages = existsSync(path.join(ROOT, 'web', 'tsconfig.json'));
const LINTED = ['hub', 'edge', 'web/src', 'models', 'devices', 'simulator'].filter(folder => existsSync(path.join(ROOT, folder)));
const STEPS: Step[] = [
  {
    name: 'types',
    title: 'type check',
    commands: [
      ['tsc', '-p', 'tsconfig.json'],
      ...(hasPages ? [['svelte-check', '--tsconfig', 'web/tsconfig.json', '--fail-on-warnings', '--output', 'human']] : []),
    ],
  },
  {
    name: 'lint',
    title: 'lint and import rules',
    commands: [
      ['biome', 'check', '.'],
      ['depcruise', '--config', '.dependency-cruiser.mjs', ...LINTED],
    ],
  },
  { name: 'unit', title: 'unit and integration tests', ...vitest('unit') },
  { name: 'e2e', title: 'tests in a browser', ...vitest('e2e') },
];

const HELP = `Usage: npm test [-- STEP…]

Runs, in this order, and stops at the first that fails:
${STEPS.map(step => `  ${step.name.padEnd(6)} ${step.title}`).join('\n')}

With names of steps only those. The last line says how many tests passed and failed.
Parts of the tests: npm run test:unit -- FILTER, npm run test:e2e -- FILTER.
`;

let running: ChildProcess | undefined;
let stopped: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stopped = signal;
    running?.kill(signal);
  });
}

/** Runs a program to its end. */
function run([program, ...args]: string[]): Promise<number> {
  return new Promise(resolve => {
    // The programs' own first line asks for "node": it shall be the one that runs this.
    const env = { ...process.env, PATH: [path.dirname(process.execPath), process.env.PATH].join(path.delimiter) };
    running = spawn(path.join(ROOT, 'node_modules', '.bin', program!), args, { cwd: ROOT, env, stdio: 'inherit' });
    running.once('error', error => {
      console.error(`${program} could not be started: ${error.message}`);
      resolve(1);
    });
    running.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** What vitest's JSON says. A file that could not even be loaded counts as one failed test. */
function count(file: string): Counts {
  const report = JSON.parse(readFileSync(file, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
    numTodoTests: number;
    testResults: { status: string; assertionResults: { status: string }[] }[];
  };
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some(test => test.status === 'failed'),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const duration = (from: number) => {
  const seconds = (Date.now() - from) / 1000;
  return seconds < 100 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
};

async function main(names: string[]): Promise<number> {
  if (names.includes('--help') || names.includes('-h')) {
    console.log(HELP);
    return 0;
  }
  const unknown = names.filter(name => !STEPS.some(step => step.name === name));
  if (unknown.length) {
    console.error(`There is no step ${unknown.join(', ')}.\n\n${HELP}`);
    return 2;
  }
  const steps = STEPS.filter(step => names.length === 0 || names.includes(step.name));
  mkdirSync(RESULTS, { recursive: true });
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const times: string[] = [];
  let status = 0;
  for (const [index, step] of steps.entries()) {
    const started = Date.now();
    console.log(`\n── ${index + 1}/${steps.length} ${step.title}`);
    if (step.results) rmSync(step.results, { force: true });
    for (const command of step.commands) {
      status ||= stopped ? 130 : await run(command);
      if (status) break;
    }
    if (step.results && existsSync(step.results)) {
      const counts = count(step.results);
      for (const key of ['passed', 'failed', 'skipped'] as const) total[key] += counts[key];
      // A run that ends badly with every test passed is not a passed run.
      if (counts.failed) status ||= 1;
    }
    const verdict = status ? (stopped ? 'stopped' : 'FAILED') : 'passed';
    times.push(`${step.title}: ${verdict} (${duration(started)})`);
    console.log(`── ${times.at(-1)}`);
    if (status) break;
  }

  console.log(`\n${times.join('\n')}`);
  const left = steps.slice(times.length).map(step => step.title);
  if (left.length) console.log(`not run: ${left.join(', ')}`);
  if (total.skipped) console.log(`${total.skipped} skipped`);
  // A step without tests, or a run that broke without a failed test, is a failure too.
  if (status && !total.failed) total.failed = 1;
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return status;
}

process.exitCode = await main(process.argv.slice(2));
