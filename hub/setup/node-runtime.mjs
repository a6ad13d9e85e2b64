// Set-up: the Node that runs the project's TypeScript, pinned as an npm package for the usual machines.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { SetupProblem } from './problem.mjs';

/** Type stripping without a flag. */
const LEAST_MAJOR = 24;

export const nodeRuntime = {
  title: 'Node runtime',

  check(context) {
    const pinned = pinnedNode(context.root);
    if (pinned) {
      const version = spawnSync(pinned.file, ['--version'], { encoding: 'utf8' }).stdout?.trim();
      if (version !== `v${pinned.version}`) {
        throw new SetupProblem(`${pinned.file} is ${version || 'not a Node that runs here'} instead of v${pinned.version}.`, {
          remedy: 'Remove the folder node_modules and run this again.',
        });
      }
      context.result.node = pinned.file;
      return { ready: version };
    }
    if (Number(process.versions.node.split('.')[0]) >= LEAST_MAJOR) {
      context.result.node = process.execPath;
      return { ready: `${process.version}, this machine's own` };
    }
    throw new SetupProblem(`There is no npm package of Node ${LEAST_MAJOR} for ${process.platform} ${process.arch}.`, {
      remedy: `Install Node ${LEAST_MAJOR} or newer (https://nodejs.org) and run this with it.`,
    });
  },
};

/** The Node among the installed packages that is for this machine, or undefined. */
function pinnedNode(root) {
  const { optionalDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const system = process.platform === 'win32' ? 'win' : process.platform;
  for (const name of [`node-${system}-${process.arch}`, `node-bin-${system}-${process.arch}`]) {
    const version = optionalDependencies?.[name];
    const file = path.join(root, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    if (version && existsSync(file)) return { version, file };
  }
  return undefined;
}
