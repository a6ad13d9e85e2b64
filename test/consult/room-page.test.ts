// The room's page as people use it: check, waiting room, call, note, end; and without a camera.
import path from 'node:path';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNoBarrier, openBrowser } from '../harness/browser.ts';
import { freshDatabase } from '../harness/index.ts';
import { buildPages, openAs } from './browsers.ts';
import { type Clinic, type ConsultServer, foundClinic, idOf, startServer } from './clinic.ts';

const WEB = path.resolve(import.meta.dirname, '../../web');
const database = await freshDatabase();
let pages: Awaited<ReturnType<typeof buildPages>>;
let clinic: Clinic;
let server: ConsultServer;
let browser: Browser;
const shots = process.env.TEST_SHOTS;

beforeAll(async () => {
  clinic = await foundClinic(database);
  pages = await buildPages(WEB, path.join(WEB, 'vite.config.ts'));
  server = await startServer(database, clinic, { pages: pages.folder });
  browser = await openBrowser();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await database.close();
  pages?.remove();
});

const shot = async (page: Page, name: string) => {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png` });
};
async function planned(): Promise<string> {
  const { body } = await server.ask(clinic.doctor, 'POST', '/encounters', {
    pattern: 'DtoPwithD',
    patient: idOf(clinic.patient),
    reason: '夜間のせん妄の相談',
    invite: [idOf(clinic.specialist)],
  });
  return body.id;
}

test('doctor and patient go through the whole consultation with the page alone', async () => {
  const encounter = await planned();
  const doctor = await openAs(browser, clinic.doctor, `${server.url}/room/${encounter}`);
  await doctor.getByTestId('join').click();
  await doctor.getByTestId('end').waitFor();

  const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };
  const patient = await openAs(browser, clinic.patient, `${server.url}/room/${encounter}`, phone);
  await patient.getByTestId('local-video').waitFor();
  await expectNoBarrier(patient);
  await shot(patient, 'check-phone');
  await patient.getByTestId('join').click();
  await patient.getByTestId('waiting').waitFor();
  await expectNoBarrier(patient);
  await shot(patient, 'waiting-phone');
  await doctor.getByTestId('admit').click();

  for (const [page, other] of [
    [doctor, clinic.patient],
    [patient, clinic.doctor],
  ] as const) {
    await page.locator(`[data-testid="remote-video"][data-reference="${other.reference}"]`).waitFor();
  }
  await patient.getByTestId('chat-input').fill('よく眠れません');
  await patient.getByTestId('chat-input').press('Enter');
  await doctor.getByTestId('tab-chat').click();
  await doctor.getByTestId('chat-list').getByText('よく眠れません').waitFor();

  // Keys work, and not while writing.
  await doctor.getByTestId('chat-input').fill('mv');
  await expect.poll(() => doctor.getByTestId('toggle-microphone').getAttribute('aria-pressed')).toBe('true');
  await doctor.getByTestId('chat-input').blur();
  await doctor.keyboard.press('v');
  await expect.poll(() => doctor.getByTestId('toggle-camera').getAttribute('aria-pressed')).toBe('false');
  await expect.poll(() => patient.getByTestId('remote-video').count()).toBe(0);
  await doctor.keyboard.press('v');
  await patient.getByTestId('remote-video').waitFor();
  await expect.poll(() => doctor.getByTestId('quality').getAttribute('data-grade'), { timeout: 10_000 }).toBe('good');

  await doctor.getByTestId('tab-note').click();
  await doctor.getByTestId('note-subjective').fill('夜に眠れない');
  await doctor.getByTestId('note-assessment').fill('夜間せん妄');
  await expect.poll(() => doctor.getByTestId('note-state').getAttribute('data-state'), { timeout: 10_000 }).toBe('saved');
  await shot(doctor, 'call-doctor');
  await shot(patient, 'call-phone');
  await doctor.getByTestId('note-to').selectOption({ label: '専門 三(専門医・大学病院)' });
  await doctor.getByTestId('note-sign').click();
  await shot(doctor, 'sign');
  await doctor.getByTestId('note-confirm').click();
  await doctor.getByTestId('note-signed').waitFor();
  await expect.poll(() => doctor.getByTestId('note-delivery').getAttribute('data-state')).toBe('waiting');

  await doctor.getByTestId('tab-record').click();
  await doctor.getByRole('tabpanel').getByText('全文を読む').first().click();
  await doctor.getByRole('tabpanel').getByText('夜間せん妄').first().waitFor();
  await shot(doctor, 'record');
  await expectNoBarrier(doctor);
  await expectNoBarrier(patient);

  await doctor.getByTestId('end').click();
  await doctor.getByTestId('confirm-end').click();
  await doctor.getByTestId('after').waitFor();
  await patient.getByTestId('after').waitFor();
  await expectNoBarrier(patient);
  await shot(doctor, 'after-doctor');
  await shot(patient, 'after-phone');
  await doctor.context().close();
  await patient.context().close();
}, 60_000);

test('a reloaded page goes back into the call without a question', async () => {
  const encounter = await planned();
  const doctor = await openAs(browser, clinic.doctor, `${server.url}/room/${encounter}`);
  await doctor.getByTestId('join').click();
  await doctor.getByTestId('end').waitFor();
  await doctor.reload();
  await doctor.getByTestId('end').waitFor();
  await doctor.context().close();
});

test('a draft that somebody else changed is not overwritten without asking', async () => {
  const encounter = await planned();
  const doctor = await openAs(browser, clinic.doctor, `${server.url}/room/${encounter}`);
  await doctor.getByTestId('join').click();
  await doctor.getByTestId('note-plan').waitFor();
  await server.ask(clinic.specialist, 'PUT', `/encounters/${encounter}/note`, { plan: '専門医の計画', version: 0 });
  await doctor.getByTestId('note-plan').fill('島の計画');
  await doctor.getByTestId('note-conflict').waitFor({ timeout: 10_000 });
  await shot(doctor, 'conflict');
  await doctor.getByRole('button', { name: '新しい記録を読み込む' }).click();
  await expect.poll(() => doctor.getByTestId('note-plan').inputValue()).toBe('専門医の計画');
  await doctor.context().close();
});

test('without camera and microphone one is told why and can still come in, see and write', async () => {
  const encounter = await planned();
  const bare = await openBrowser({ devices: 0 });
  try {
    const specialist = await openAs(bare, clinic.specialist, `${server.url}/room/${encounter}`, { permissions: [] });
    await specialist.getByTestId('problem-camera').waitFor();
    await shot(specialist, 'no-camera');
    await specialist.getByTestId('join').click();
    await specialist.getByTestId('tab-chat').click();
    await specialist.getByTestId('chat-input').fill('聞いています');
    await specialist.getByTestId('chat-send').click();
    await specialist.getByTestId('chat-list').getByText('聞いています').waitFor();
  } finally {
    await bare.close();
  }
});

test('somebody who is not invited is told whom to ask', async () => {
  const encounter = await planned();
  const colleague = await openAs(browser, clinic.colleague, `${server.url}/room/${encounter}`);
  await colleague.getByTestId('state-no-right').waitFor();
  await shot(colleague, 'not-invited');
  await colleague.context().close();
});
