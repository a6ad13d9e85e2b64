// Debian packages, installed when set-up runs as root; otherwise the command that the person can give.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { findProgram, run } from './command.mjs';
import { SetupProblem } from './problem.mjs';

const POLICY = '/usr/sbin/policy-rc.d';
const OPTIONS = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=600', '-o', 'Acquire::Retries=2'].concat(
  ['http', 'https'].flatMap(scheme => ['-o', `Acquire::${scheme}::Timeout=20`]),
);

/** Those of `names` that are not installed; all of them where there is no dpkg. */
export function missingPackages(names, environment) {
  if (!findProgram('dpkg-query', environment)) return names;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholders
  const format = '${Package} ${db:Status-Status}\n';
  const known = spawnSync('dpkg-query', ['-W', '-f', format, ...names], { encoding: 'utf8', env: environment });
  const installed = new Set(
    (known.stdout ?? '')
      .split('\n')
      .filter(line => line.endsWith(' installed'))
      .map(line => line.split(' ')[0]),
  );
  return names.filter(name => !installed.has(name));
}

/**
 * Installs Debian packages without starting the services that they bring.
 * @param {object} context of the set-up
 * @param {string[]} names
 * @param {string} purpose what they are for, as in "to build the mediasoup worker"
 * @param {string} [otherwise] what else would do
 * @throws SetupProblem when not root, not on Debian, or apt-get cannot
 */
export async function installPackages(context, names, purpose, otherwise = '') {
  const { environment, isRoot, step, signal } = context;
  const command = `apt-get install ${names.join(' ')}`;
  const or = otherwise ? ` Or ${otherwise}.` : '';
  if (!findProgram('apt-get', environment)) {
    throw new SetupProblem(`${names.join(', ')} ${purpose}: this machine has no apt-get.`, {
      remedy: `Install what the Debian package${names.length > 1 ? 's' : ''} ${names.join(', ')} would bring.${or}`,
    });
  }
  if (!isRoot) {
    throw new SetupProblem(`${names.join(', ')} ${purpose}: only root may install Debian packages.`, {
      remedy: `sudo ${command}${or ? `\n${or.trim()}` : ''}`,
      packages: names,
    });
  }
  const env = { ...environment, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = args => run('apt-get', args, { env, signal, onLine: line => step.news(`apt-get: ${line}`) });
  const guard = holdServices();
  try {
    step.begin(command);
    if (!context.packageListsAreFresh && !canInstall(names, env)) await refreshLists(context, apt);
    try {
      await apt([...OPTIONS, 'install', ...names]);
    } catch (error) {
      if (context.packageListsAreFresh) throw error;
      // Lists of another day name versions that the mirror no longer has.
      await refreshLists(context, apt);
      await apt([...OPTIONS, 'install', ...names]);
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw new SetupProblem(`apt-get could not install ${names.join(', ')} (${purpose}):\n${tail(cause)}`, {
      remedy: `See why "apt-get update && ${command}" fails (network, sources, space), then run this again.${or}`,
      packages: names,
      cause,
    });
  } finally {
    guard.release();
  }
}

/** The last lines of a failed command. */
export const tail = (error, lines = 12) => (error.output || error.message).split('\n').slice(-lines).join('\n');

function canInstall(names, env) {
  return spawnSync('apt-get', ['-s', '-qq', 'install', ...names], { env, stdio: 'ignore' }).status === 0;
}

async function refreshLists(context, apt) {
  context.packageListsAreFresh = true;
  // One source out of reach must not stop the others: the installation tells whether enough came.
  await apt([...OPTIONS, 'update']).catch(() => undefined);
}

/** A package's service must not start (InfluxDB's would take port 8086): Debian asks policy-rc.d first, and 101 forbids. */
function holdServices() {
  if (existsSync(POLICY)) return { release() {} };
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const release = () => rmSync(POLICY, { force: true });
  process.once('exit', release);
  return {
    release() {
      process.off('exit', release);
      release();
    },
  };
}
