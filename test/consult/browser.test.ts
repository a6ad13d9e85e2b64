// Two browsers meet through the real SFU: picture and sound arrive on both sides, and come back by themselves after a killed
// media worker and after a lost connection.
import path from 'node:path';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBrowser } from '../harness/browser.ts';
import { freshDatabase } from '../harness/index.ts';
import { buildPages, openAs } from './browsers.ts';
import { type Clinic, type ConsultServer, foundClinic, idOf, startServer } from './clinic.ts';

const database = await freshDatabase();
let pages: Awaited<ReturnType<typeof buildPages>>;
let clinic: Clinic;
let server: ConsultServer;
let browser: Browser;
let doctor: Page;
let patient: Page;

/** What the test's page (page/page.js) shows of itself. */
declare const page: {
  client: { admit(reference: string): Promise<object>; cut(): void };
  local: { setOn(device: 'camera' | 'microphone', on: boolean): void };
  phase(): string;
  sources(): string[];
  width(): number;
  states(): string[];
  received(): Promise<{ audioPackets: number; videoPackets: number; framesDecoded: number }>;
};

beforeAll(async () => {
  clinic = await foundClinic(database);
  pages = await buildPages(path.resolve(import.meta.dirname, 'page'), false);
  server = await startServer(database, clinic, { pages: pages.folder });
  browser = await openBrowser();
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await database.close();
  pages?.remove();
});

/** Waits until both see moving pictures and hear sound that came after this call. */
async function expectPictureAndSound() {
  for (const side of [doctor, patient]) {
    await expect.poll(() => side.evaluate(() => page.sources()), { timeout: 20_000 }).toEqual(['camera', 'microphone']);
    const before = await side.evaluate(() => page.received());
    await expect
      .poll(async () => (await side.evaluate(() => page.received())).framesDecoded - before.framesDecoded, { timeout: 20_000 })
      .toBeGreaterThan(5);
    await expect
      .poll(async () => (await side.evaluate(() => page.received())).audioPackets - before.audioPackets, { timeout: 20_000 })
      .toBeGreaterThan(5);
    expect(await side.evaluate(() => page.width())).toBeGreaterThan(0);
  }
}

test('a patient who is let in and the doctor see and hear each other', async () => {
  const { body } = await server.ask(clinic.doctor, 'POST', '/encounters', {
    pattern: 'DtoP',
    patient: idOf(clinic.patient),
    reason: '定期の診察',
  });
  doctor = await openAs(browser, clinic.doctor, `${server.url}/index.html?encounter=${body.id}`);
  await expect.poll(() => doctor.evaluate(() => page.phase()), { timeout: 15_000 }).toBe('in-room');
  patient = await openAs(browser, clinic.patient, `${server.url}/index.html?encounter=${body.id}`);
  await expect.poll(() => patient.evaluate(() => page.phase()), { timeout: 15_000 }).toBe('waiting');
  await doctor.evaluate(reference => page.client.admit(reference), clinic.patient.reference ?? '');
  await expectPictureAndSound();
});

test('a camera that is switched off is told to the other side, and comes back', async () => {
  await patient.evaluate(() => page.local.setOn('camera', false));
  const frames = () => doctor.evaluate(async () => (await page.received()).framesDecoded);
  await expect
    .poll(async () => {
      const before = await frames();
      await doctor.waitForTimeout(400);
      return (await frames()) - before;
    })
    .toBe(0);
  await patient.evaluate(() => page.local.setOn('camera', true));
  await expectPictureAndSound();
});

test('after the media worker is killed picture and sound come back without a click', async () => {
  const [worker] = server.consult.workers();
  process.kill(worker!.pid, 'SIGKILL');
  await expect.poll(() => server.consult.workers()[0]?.pid, { timeout: 10_000 }).not.toBe(worker!.pid);
  await expectPictureAndSound();
});

test('after a cut of the connection the page is back in its place, with the same picture going on', async () => {
  const before = await patient.evaluate(() => page.received());
  await patient.evaluate(() => page.client.cut());
  await expect.poll(() => patient.evaluate(() => page.phase())).toBe('reconnecting');
  await expect.poll(() => patient.evaluate(() => page.phase()), { timeout: 10_000 }).toBe('in-room');
  await expectPictureAndSound();
  // Had the media been set up anew, the counts would have begun at zero.
  expect((await patient.evaluate(() => page.received())).audioPackets).toBeGreaterThan(before.audioPackets);
});

test('after the hub was restarted both are back in their places without a click', async () => {
  const port = Number(new URL(server.url).port);
  await server.close();
  await expect.poll(() => doctor.evaluate(() => page.phase())).toBe('reconnecting');
  server = await startServer(database, clinic, { pages: pages.folder, port });
  for (const side of [doctor, patient]) await expect.poll(() => side.evaluate(() => page.phase()), { timeout: 15_000 }).toBe('in-room');
  await expectPictureAndSound();
});

test('a media worker that hangs for a while costs the picture only so long', async () => {
  const [worker] = server.consult.workers();
  process.kill(worker!.pid, 'SIGSTOP');
  await expect.poll(() => doctor.evaluate(() => page.states()), { timeout: 15_000 }).toContain('disconnected');
  process.kill(worker!.pid, 'SIGCONT');
  for (const side of [doctor, patient]) {
    await expect.poll(() => side.evaluate(() => page.states()), { timeout: 15_000 }).toEqual(['connected', 'connected']);
  }
  await expectPictureAndSound();
});

test('a reloaded page is in the room again without a click', async () => {
  await patient.reload();
  await expect.poll(() => patient.evaluate(() => page.phase()), { timeout: 15_000 }).toBe('in-room');
  await expectPictureAndSound();
});
