// Runs another program for a set-up step: its lines become the step's news, its end becomes a value or an error with what it said last.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const KEPT_LINES = 40;

export class CommandFailed extends Error {
  constructor(command, args, outcome, output) {
    super(`${[command, ...args].join(' ')} ${outcome}`);
    this.name = 'CommandFailed';
    /** The last lines that the program printed. */
    this.output = output;
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal, timeout?: number, onLine?: (line: string) => void }} options
 *   `timeout` in milliseconds
 * @returns {Promise<string>} standard output and error, the last lines
 * @throws CommandFailed when it cannot start, ends with a status other than 0, or is stopped
 */
export function run(command, args, { cwd, env, signal, timeout, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const lines = [];
    let rest = '';
    const take = chunk => {
      const parts = (rest + chunk).split(/[\r\n]+/);
      rest = parts.pop() ?? '';
      for (const text of parts) {
        if (!text.trim()) continue;
        lines.push(text);
        if (lines.length > KEPT_LINES) lines.shift();
        onLine?.(text);
      }
    };
    const child = spawn(command, args, { cwd, env, signal, timeout, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    let failed;
    child.once('error', error => {
      failed = error;
      if (child.pid === undefined) reject(new CommandFailed(command, args, `could not start: ${error.message}`, ''));
    });
    child.once('close', (code, killed) => {
      take('\n');
      const output = lines.join('\n');
      if (code === 0 && !failed) return resolve(output);
      reject(new CommandFailed(command, args, killed ? `was stopped by ${killed}` : `ended with status ${code}`, output));
    });
  });
}

/** The file that `name` means on the PATH of `environment`, or undefined. */
export function findProgram(name, environment) {
  for (const folder of (environment.PATH ?? '').split(path.delimiter)) {
    if (!folder) continue;
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
