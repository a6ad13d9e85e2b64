// The browser, the stand-in hub and the built application that all tests of pages share, and what they do with a page.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { barriersOf, openBrowser } from '../../harness/browser.ts';
import { type FixtureHub, startFixtureHub } from '../fixture-server.ts';

const root = path.resolve(import.meta.dirname, '../../..');
/** Where pictures of the pages go, when someone wants to look at them. */
export const shots = process.env.WEB_SHOTS;
export const DESK = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };

/** Folder of the built application. */
export let built: string;
export let hub: FixtureHub;
export let context: BrowserContext;
/** A new one for each test. */
export let page: Page;
let browser: Browser;
/** Errors that the page wrote to its console, refused requests apart. */
let complaints: string[];

/** Opens all this once for the test file that calls it, and a page for each of its tests, which must not complain. */
export function useStand(): void {
  beforeAll(async () => {
    // A build of its own: web/dist may be served by a running hub.
    built = mkdtempSync(path.join(tmpdir(), 'web-'));
    await build({ configFile: path.join(root, 'web/vite.config.ts'), logLevel: 'error', build: { outDir: built } });
    hub = await startFixtureHub(built);
    browser = await openBrowser();
    if (shots) mkdirSync(shots, { recursive: true });
  });
  afterAll(async () => {
    await browser?.close();
    await hub?.close();
    rmSync(built, { recursive: true, force: true });
  });
  beforeEach(async () => {
    hub.reset();
    await open(DESK);
  });
  afterEach(() => {
    expect(complaints, 'errors in the console').toEqual([]);
  });
}

export async function open(viewport: { width: number; height: number }): Promise<void> {
  await context?.close();
  context = await browser.newContext({ viewport, locale: 'ja-JP', timezoneId: 'Asia/Tokyo', reducedMotion: 'reduce' });
  context.setDefaultTimeout(10_000);
  page = await context.newPage();
  complaints = [];
  page.on('console', message => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text());
  });
  page.on('pageerror', error => complaints.push(error.message));
}

/** For a test that looks at something else than what the console says. */
export function forgetComplaints(): void {
  complaints = [];
}

/** Goes to a page and waits for what says that it is ready. */
export async function go(at: string, ready: string): Promise<void> {
  await page.goto(hub.url + at);
  await page.locator(ready).first().waitFor();
}
export async function shot(name: string): Promise<void> {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
}
/** What would shut somebody out of the page. */
export async function violations(): Promise<string[]> {
  const violations = await barriersOf(page);
  return violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.target.join(' ')} ${node.failureSummary ?? ''}`));
}
/** By how many CSS pixels the page is wider than its window. */
export const overflow = () => page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
