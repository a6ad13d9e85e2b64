// What people show each other in a call: a screen, a second camera, and where they point; and that no one is sent more than they look at.
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Media } from '@medplum/fhirtypes';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNoBarrier, openBrowser } from '../harness/browser.ts';
import { freshDatabase } from '../harness/index.ts';
import { buildPages, openAs } from './browsers.ts';
import { type Clinic, type ConsultServer, foundClinic, idOf, startServer } from './clinic.ts';

const WEB = path.resolve(import.meta.dirname, '../../web');
const database = await freshDatabase();
const shots = process.env.TEST_SHOTS;
let pages: Awaited<ReturnType<typeof buildPages>>;
let clinic: Clinic;
let server: ConsultServer;
let browser: Browser;
let doctor: Page;
let specialist: Page;
let patient: Page;

beforeAll(async () => {
  clinic = await foundClinic(database);
  pages = await buildPages(WEB, path.join(WEB, 'vite.config.ts'));
  server = await startServer(database, clinic, { pages: pages.folder });
  browser = await openBrowser({ devices: 3 });
  const { body } = await server.ask(clinic.doctor, 'POST', '/encounters', {
    pattern: 'DtoPwithD',
    patient: idOf(clinic.patient),
    reason: '皮膚の相談',
    invite: [idOf(clinic.specialist)],
  });
  const enter = async (who: Clinic['doctor'], options = {}) => {
    const page = await openAs(browser, who, `${server.url}/room/${body.id}`, options);
    await page.getByTestId('join').click();
    return page;
  };
  doctor = await enter(clinic.doctor);
  await doctor.getByTestId('end').waitFor();
  specialist = await enter(clinic.specialist);
  patient = await enter(clinic.patient, { viewport: { width: 390, height: 844 }, hasTouch: true });
  await doctor.getByTestId('admit').click();
  await patient.getByTestId('leave').waitFor();
}, 90_000);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await database.close();
  pages?.remove();
});

const widthOf = (page: Page, testid: string, who: { reference: string | null }) =>
  page.locator(`[data-testid="${testid}"][data-reference="${who.reference}"]`).evaluate(video => (video as HTMLVideoElement).videoWidth);

test('a small picture is sent small, and large when it is chosen', async () => {
  await expect.poll(() => widthOf(specialist, 'remote-video', clinic.patient), { timeout: 20_000 }).toBeGreaterThan(320);
  await expect.poll(() => widthOf(specialist, 'remote-video', clinic.doctor), { timeout: 20_000 }).toBe(320);
  await specialist.getByRole('button', { name: /を大きく表示/ }).click();
  await expect.poll(() => widthOf(specialist, 'remote-video', clinic.doctor), { timeout: 20_000 }).toBeGreaterThan(320);
  await expect.poll(() => widthOf(specialist, 'remote-video', clinic.patient), { timeout: 20_000 }).toBe(320);
});

test('a second camera is shown beside the face, large for the others, and taken away again', async () => {
  await doctor.keyboard.press('d');
  // Of Chromium's pretended cameras the second is a depth camera, whose pictures nobody can send.
  await doctor.getByTestId('show-camera2').nth(1).click();
  await doctor.getByTestId('local-camera2').waitFor();
  for (const page of [specialist, patient]) {
    await page.locator('.large [data-testid="remote-camera2"]').waitFor();
    await expect.poll(() => widthOf(page, 'remote-camera2', clinic.doctor), { timeout: 20_000 }).toBeGreaterThan(320);
  }
  expect(await specialist.getByTestId('remote-video').count()).toBe(2);
  await expectNoBarrier(specialist);
  if (shots) await specialist.screenshot({ path: `${shots}/show-specialist.png` });
});

test('two people point at the same picture, each with a name, and the patient sees both', async () => {
  await specialist.keyboard.press('p');
  await specialist.getByTestId('point-here').hover({ position: { x: 40, y: 30 } });
  const place = await specialist.getByTestId('point-here').boundingBox();
  const at = (page: Page, who: Clinic['doctor']) =>
    page
      .locator(`[data-testid="pointer"][data-reference="${who.reference}"]`)
      .evaluate(mark => [Number.parseFloat((mark as HTMLElement).style.left), Number.parseFloat((mark as HTMLElement).style.top)]);
  const expected = [(40 / place!.width) * 100, (30 / place!.height) * 100];
  for (const page of [doctor, patient]) {
    await expect.poll(async () => (await at(page, clinic.specialist))[0]).toBeCloseTo(expected[0]!, 0);
    expect((await at(page, clinic.specialist))[1]).toBeCloseTo(expected[1]!, 0);
  }

  // With the keyboard alone, on the picture that the doctor shows.
  await doctor.keyboard.press('p');
  await doctor.getByTestId('point-here').focus();
  const before = await doctor.getByTestId('pointer').count();
  for (let moves = 0; moves < 3; moves++) await doctor.keyboard.press('ArrowRight');
  await expect.poll(() => doctor.getByTestId('pointer').count()).toBeGreaterThan(before);
  if (shots) await patient.screenshot({ path: `${shots}/show-patient.png` });
  if (shots) await doctor.screenshot({ path: `${shots}/show-doctor.png` });

  await doctor.keyboard.press('p');
  await specialist.keyboard.press('p');
  await expect.poll(() => patient.locator(`[data-testid="pointer"][data-reference="${clinic.specialist.reference}"]`).count()).toBe(0);
  expect(await patient.getByTestId('toggle-pointer').count()).toBe(0);
});

test('a still is taken where the picture is made, in its full size, and is there for all, in the record and to point at', async () => {
  await specialist.keyboard.press('i');
  for (const page of [doctor, specialist, patient]) await page.getByTestId('still').waitFor();
  const size = () => specialist.getByTestId('still').evaluate(image => (image as HTMLImageElement).naturalWidth);
  await expect.poll(size).toBe(await doctor.getByTestId('local-camera2').evaluate(video => (video as HTMLVideoElement).videoWidth));

  const [kept, ...more] = await clinic.records.as(clinic.doctor).search<Media>(`Media?patient=${clinic.patient.reference}`);
  expect(more).toEqual([]);
  const content = await fetch(kept!.content.url!.replace('http://hub.test', server.url), {
    headers: { 'x-as': clinic.patient.reference! },
  });
  const bytes = Buffer.from(await content.arrayBuffer());
  expect(content.headers.get('content-type')).toBe('image/jpeg');
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(kept!.identifier?.[0]?.value);
  expect(createHash('sha1').update(bytes).digest('base64')).toBe(kept!.content.hash);
  expect((await fetch(content.url, { headers: { 'x-as': clinic.stranger.reference! } })).status).toBe(403);

  await doctor.keyboard.press('p');
  await doctor.getByTestId('point-here').hover({ position: { x: 60, y: 60 } });
  await patient.locator(`[data-testid="pointer"][data-reference="${clinic.doctor.reference}"]`).waitFor();
  await doctor.keyboard.press('p');
  await specialist.getByRole('tab', { name: /画像/ }).click();
  await specialist.getByTestId('choose-still').waitFor();
  await expectNoBarrier(specialist);
  if (shots) await specialist.screenshot({ path: `${shots}/show-still.png` });
  if (shots) await patient.screenshot({ path: `${shots}/show-still-patient.png` });
});

test('what is no longer shown goes away for all', async () => {
  await doctor.keyboard.press('Escape');
  await doctor.getByTestId('show').click();
  await doctor.getByTestId('show-camera2').click();
  for (const page of [specialist, patient]) await expect.poll(() => page.getByTestId('remote-camera2').count()).toBe(0);
});
