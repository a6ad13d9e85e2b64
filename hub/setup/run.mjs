// Runs one of the project's programs: set-up if needed, then the program with the pinned Node, its input, output and signals untouched.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import path from 'node:path';
import { explain, ROOT, setUp, stopOnSignals, takeOptions } from './setup.mjs';

const HELP = `Usage: node hub/setup/run.mjs [--for run|test|foundation] [--with-tensorflow] FILE [ARGUMENT]…

Sets up what is missing, then runs FILE with the project's Node.
`;

/** The same signal again within this time (ms) is the same wish: on Ctrl-C npm and the terminal each send one. */
const ECHO = 500;

const args = process.argv.slice(2);
const stop = stopOnSignals();
let ready;
let file;
try {
  const options = takeOptions(args);
  file = args.shift();
  if (options.help || !file) {
    process.stdout.write(HELP);
    process.exit(options.help ? 0 : 2);
  }
  // Help needs no stores.
  const asksHelp = args.includes('--help') || args.includes('-h');
  ready = await setUp({ ...options, purpose: asksHelp ? 'foundation' : options.purpose, quiet: true, signal: stop.signal });
} catch (error) {
  process.exit(explain(error, stop.signal));
}
stop.forget();

// A process group of its own: Ctrl-C in the terminal then reaches it once, through us, and it may stop its children in its own order.
const child = spawn(ready.node, [file, ...args], {
  stdio: 'inherit',
  detached: process.platform !== 'win32',
  env: {
    ...process.env,
    ...(ready.mediasoupWorkerBin ? { MEDIASOUP_WORKER_BIN: ready.mediasoupWorkerBin } : {}),
    PATH: [path.join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(path.delimiter),
  },
});

const last = {};
const forward = (received, sent = received) => {
  process.on(received, () => {
    const now = Date.now();
    if (now - (last[sent] ?? 0) > ECHO) child.kill(sent);
    last[sent] = now;
  });
};
forward('SIGINT');
forward('SIGTERM');
// A closed terminal: an orderly end.
forward('SIGHUP', 'SIGTERM');

child.once('error', error => {
  process.stderr.write(`${file} could not be started: ${error.message}\n`);
  process.exit(1);
});
child.once('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
