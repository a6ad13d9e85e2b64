// The simulator's command line: `npm run simulate -- COMMAND …`.
import { runExport } from './export.ts';
import { runFacility } from './facility/command.ts';
import { runRegister } from './register.ts';
import { runReplay } from './replay/command.ts';

const HELP = `npm run simulate -- COMMAND [options]

  register   registers residents and devices at a hub, and writes the plan for "facility"
  facility   runs a facility's devices against a gateway or hub, live
  replay     plays recorded sensor data (TIHM) as if it were today
  export     writes simulated residents' samples and episodes as NDJSON

npm run simulate -- COMMAND --help says more.
`;

const COMMANDS: Record<string, (args: string[]) => Promise<void>> = {
  register: runRegister,
  facility: runFacility,
  replay: runReplay,
  export: runExport,
};

// A reader that has seen enough closes the pipe; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
const [name = '', ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (name === '--help' || name === '-h') process.stdout.write(HELP);
else if (!command) {
  process.stderr.write(`${name ? `There is no command "${name}".\n` : ''}${HELP}`);
  process.exitCode = 2;
} else {
  try {
    await command(args);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nnpm run simulate -- ${name} --help says more.\n`);
    process.exitCode = 1;
  }
}
