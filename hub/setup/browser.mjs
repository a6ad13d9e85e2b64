// Set-up for tests: Chromium, and letters for Japanese text on its screenshots.
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { findProgram, run } from './command.mjs';
import { installPackages, missingPackages, tail } from './debian.mjs';
import { SetupProblem } from './problem.mjs';

const FONTS = ['fonts-noto-cjk'];

export const browser = {
  title: 'Chromium for tests',

  check(context) {
    const found = findChromium(context.environment);
    if (!found) return undefined;
    if (lacksFonts(context)) return undefined;
    context.result.chromium = found;
    return { ready: found };
  },

  async make(context) {
    const { root, environment, step, signal, isRoot } = context;
    if (findChromium(environment)) {
      await installPackages(context, FONTS, 'for Japanese text in screenshots');
    } else if (isRoot && findProgram('apt-get', environment)) {
      await installPackages(context, ['chromium', ...FONTS], 'for the tests in a browser', 'set CHROMIUM_BIN to a Chromium');
    } else {
      step.begin('playwright install chromium');
      try {
        await run(context.result.node, [path.join(root, 'node_modules', 'playwright', 'cli.js'), 'install', 'chromium'], {
          cwd: root,
          env: environment,
          signal,
          timeout: 600_000,
          onLine: line => step.news(`playwright install: ${line}`),
        });
      } catch (cause) {
        signal?.throwIfAborted();
        throw new SetupProblem(`There is no Chromium for the tests, and playwright could not fetch one:\n${tail(cause, 5)}`, {
          remedy: 'sudo apt-get install chromium fonts-noto-cjk\nOr set CHROMIUM_BIN to a Chromium.',
          packages: ['chromium', ...FONTS],
          cause,
        });
      }
    }
    context.result.chromium = findChromium(environment);
    return context.result.chromium;
  },
};

/** CHROMIUM_BIN, else Debian's, else playwright's own. */
function findChromium(environment) {
  if (environment.CHROMIUM_BIN) {
    if (existsSync(environment.CHROMIUM_BIN)) return environment.CHROMIUM_BIN;
    throw new SetupProblem(`CHROMIUM_BIN names ${environment.CHROMIUM_BIN}, which is not there.`, {
      remedy: 'Correct CHROMIUM_BIN, or unset it to let set-up find or fetch a Chromium.',
    });
  }
  return findProgram('chromium', environment) ?? playwrightChromium(environment);
}

const CACHES = { darwin: 'Library/Caches', win32: 'AppData/Local', linux: '.cache' };
const PROGRAMS = [
  'chrome-linux/chrome',
  'chrome-linux64/chrome',
  'chrome-mac/Chromium.app/Contents/MacOS/Chromium',
  'chrome-mac-arm64/Google Chrome for Testing.app/Contents/MacOS/Google Chrome for Testing',
  'chrome-win/chrome.exe',
  'chrome-win64/chrome.exe',
];

function playwrightChromium(environment) {
  const folder = environment.PLAYWRIGHT_BROWSERS_PATH ?? path.join(homedir(), CACHES[process.platform] ?? CACHES.linux, 'ms-playwright');
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder)
    .filter(name => /^chromium-\d+$/.test(name))
    .sort((a, b) => Number(b.slice(9)) - Number(a.slice(9)))
    .flatMap(name => PROGRAMS.map(program => path.join(folder, name, program)))
    .find(existsSync);
}

/** Only where we can do something about it: squares instead of letters spoil screenshots, not tests. */
function lacksFonts({ isRoot, environment }) {
  return (
    isRoot &&
    Boolean(findProgram('apt-get', environment)) &&
    !existsSync('/usr/share/doc/fonts-noto-cjk') &&
    missingPackages(FONTS, environment).length > 0
  );
}
