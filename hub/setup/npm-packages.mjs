// Set-up: the npm packages that package-lock.json names, by `npm ci`.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './command.mjs';
import { tail } from './debian.mjs';
import { SetupProblem } from './problem.mjs';

export const npmPackages = {
  title: 'npm packages',

  check(context) {
    const lock = readLock(context.root);
    if (stampOf(context) === lock.hash) return { ready: '' };
    if (!installedAsLocked(context.root, lock.text)) return undefined;
    writeStamp(context, lock.hash);
    return { ready: '' };
  },

  async make(context) {
    const { root, step, signal } = context;
    const lock = readLock(root);
    step.begin('npm ci');
    // The npm on the PATH with the Node on the PATH, not the one in the node_modules that npm is about to replace.
    const env = { ...context.environment, PATH: withoutProjectPrograms(context.environment.PATH ?? '') };
    try {
      await run('npm', ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'], {
        cwd: root,
        env,
        signal,
        // Its warnings about the Node that only installs would hide what it does.
        onLine: line => line.startsWith('npm warn') || step.news(`npm ci: ${line}`),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new SetupProblem(`npm ci failed:\n${tail(cause)}`, {
        remedy:
          'Check that the npm registry can be reached (npm ping), that there are 2 GB of free space, and that package.json and package-lock.json belong together; then run this again.',
        cause,
      });
    }
    writeStamp(context, lock.hash);
    return '';
  },
};

function readLock(root) {
  const text = readFileSync(path.join(root, 'package-lock.json'), 'utf8');
  return { text, hash: createHash('sha256').update(`${process.platform} ${process.arch} ${text}`).digest('hex') };
}

const stampFile = context => path.join(context.stateDirectory, 'npm-ci');

function stampOf(context) {
  try {
    return readFileSync(stampFile(context), 'utf8');
  } catch {
    return undefined;
  }
}

function writeStamp(context, hash) {
  mkdirSync(context.stateDirectory, { recursive: true });
  writeFileSync(stampFile(context), hash);
}

/** Whether node_modules, by npm's own list of what is in it, is what the lock asks for; optional packages may be for other machines. */
function installedAsLocked(root, lockText) {
  let installed;
  try {
    installed = JSON.parse(readFileSync(path.join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
  } catch {
    return false;
  }
  return Object.entries(JSON.parse(lockText).packages).every(([place, wanted]) => {
    if (place === '') return true;
    const found = installed[place];
    return found ? found.version === wanted.version : Boolean(wanted.optional || wanted.devOptional || wanted.peer);
  });
}

function withoutProjectPrograms(search) {
  return search
    .split(path.delimiter)
    .filter(folder => !folder.endsWith(path.join('node_modules', '.bin')))
    .join(path.delimiter);
}
