// Chromium with a pretended camera and microphone, and pages of a built application in it, each signed in as somebody.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright';
import { build } from 'vite';
import type { Person } from '../../hub/identity/actor.ts';

/** Opens `url` in a context of its own, signed in as `someone` for a test server. */
export async function openAs(
  browser: Browser,
  someone: Person,
  url: string,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Page> {
  const context = await browser.newContext({ permissions: ['camera', 'microphone'], ...options });
  await context.addCookies([{ name: 'as', value: (someone.reference ?? '').replace('/', '~'), url: new URL(url).origin }]);
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  if (process.env.TEST_LOG) {
    page.on('console', message => console.log(someone.name, message.text()));
    page.on('pageerror', error => console.log(someone.name, error));
  }
  await page.goto(url);
  return page;
}

/** Builds an application into a folder that goes away. `configFile` is its vite configuration, if it has one. */
export async function buildPages(root: string, configFile: string | false): Promise<{ folder: string; remove(): void }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'consult-page-'));
  await build({ root, configFile, logLevel: 'error', build: { outDir: folder, emptyOutDir: true, target: 'es2022' } });
  return { folder: path.relative(process.cwd(), folder), remove: () => rmSync(folder, { recursive: true, force: true }) };
}
