// Chromium for tests: where set-up found it, the flags a closed network needs, a pretended camera, and what every page must pass.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, chromium, type Page } from 'playwright';
import { expect } from 'vitest';

const SETUP = path.resolve(import.meta.dirname, '../../node_modules/.cache/remote-care-hub/setup.json');
const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

function chromiumBinary(): string | undefined {
  const found = existsSync(SETUP) ? (JSON.parse(readFileSync(SETUP, 'utf8')) as { chromium?: string }).chromium : undefined;
  return process.env.CHROMIUM_BIN ?? found ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(file => existsSync(file));
}

/** `devices`: how many cameras are pretended; with 0, a computer whose camera and microphone are refused. */
export function openBrowser({ devices = 1 } = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumBinary(),
    args: [...FLAGS, ...(devices ? [`--use-fake-device-for-media-stream=device-count=${devices}`, '--use-fake-ui-for-media-stream'] : [])],
  });
}

/** What on the page would shut somebody out, as far as axe can see (WCAG 2.2 A and AA). */
export async function barriersOf(page: Page) {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze();
  return violations;
}

export async function expectNoBarrier(page: Page): Promise<void> {
  expect((await barriersOf(page)).map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(' ')}`)).toEqual([]);
}
