// Set-up: the web application, built when its sources are not those of the last build.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './command.mjs';
import { tail } from './debian.mjs';
import { SetupProblem } from './problem.mjs';

export const webBuild = {
  title: 'web application',

  check(context) {
    if (!existsSync(path.join(context.root, 'web', 'index.html'))) return { skipped: 'there is no web/index.html' };
    if (!existsSync(path.join(context.root, 'web', 'dist', 'index.html'))) return undefined;
    return lastBuild(context) === sourcesHash(context.root) ? { ready: '' } : undefined;
  },

  async make(context) {
    const { root, step, signal } = context;
    const hash = sourcesHash(root);
    step.begin('vite build');
    // Built aside and moved: a hub that runs meanwhile goes on serving whole pages.
    const fresh = path.join(context.stateDirectory, 'web-new');
    const previous = path.join(context.stateDirectory, 'web-previous');
    const place = path.join(root, 'web', 'dist');
    try {
      const vite = path.join(root, 'node_modules', 'vite', 'bin', 'vite.js');
      await run(context.result.node, [vite, 'build', 'web', '--outDir', fresh, '--emptyOutDir'], {
        cwd: root,
        env: { ...context.environment, NODE_ENV: 'production' },
        signal,
        onLine: line => step.news(`vite build: ${line}`),
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw new SetupProblem(`The web application could not be built:\n${tail(cause, 30)}`, {
        remedy: 'Mend what the message above names in web/, then run this again (npm run build shows all of it).',
        cause,
      });
    }
    rmSync(previous, { recursive: true, force: true });
    if (existsSync(place)) renameSync(place, previous);
    renameSync(fresh, place);
    rmSync(previous, { recursive: true, force: true });
    writeFileSync(stampFile(context), hash);
    return '';
  },
};

const stampFile = context => path.join(context.stateDirectory, 'web-build');

function lastBuild(context) {
  try {
    return readFileSync(stampFile(context), 'utf8');
  } catch {
    mkdirSync(context.stateDirectory, { recursive: true });
    return undefined;
  }
}

/** A hash of everything that goes into the build: web/, what web may import of the hub, and the packages. */
function sourcesHash(root) {
  const hash = createHash('sha256');
  const add = file => hash.update(path.relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  const walk = (folder, take) => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.')) continue;
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) walk(file, take);
      else if (take(entry.name)) add(file);
    }
  };
  walk(path.join(root, 'web'), () => true);
  walk(path.join(root, 'hub'), name => ['contract.ts', 'problem.ts', 'actor.ts'].includes(name));
  add(path.join(root, 'package-lock.json'));
  return hash.digest('hex');
}
