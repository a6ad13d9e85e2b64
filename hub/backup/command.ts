// The frame of the backup commands: help, steps on standard error, words instead of stack traces, and the exit status.
import { BackupProblem } from './manifest.ts';

/** Runs a command; `usage` shows the help, with status 0 when it was asked for. */
export async function runCommand(help: string, work: (step: (words: string) => void) => Promise<'done' | 'usage'>): Promise<void> {
  const asked = process.argv.includes('--help') || process.argv.includes('-h');
  if (asked) return console.log(help);
  try {
    if ((await work(words => console.error(`… ${words}`))) === 'done') return;
    console.error(help);
    process.exitCode = 2;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('ERR_PARSE_ARGS')) {
      console.error(`${message}\n\n${help}`);
      process.exitCode = 2;
      return;
    }
    console.error(error instanceof BackupProblem || process.env.HUB_LOG !== 'debug' ? message : error);
    process.exitCode = 1;
  }
}
