// The whole job, as `npm run demo` gives it to a new user: sensors, an alert before the episode, a consultation of three, the note in the record platform.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Resource } from '@medplum/fhirtypes';
import type { Browser, BrowserContext, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeviceView } from '../../hub/ingest/contract.ts';
import { expectNoBarrier, openBrowser } from '../harness/browser.ts';
import { processesBelow, startHub, type TestHub } from '../harness/hub.ts';
import { jpfhir } from '../records/fhir-package.ts';
import { broken } from '../records/profiles/written.ts';
import { openStore } from './foreign-facility.ts';

/** With UPDATE_SCREENSHOTS=1 the README's pictures are made anew. */
const SCREENSHOTS = path.join(import.meta.dirname, 'screenshots');
const update = process.env.UPDATE_SCREENSHOTS === '1';
const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
/** Seconds from the start of the live story to the episode. */
const EPISODE_SECONDS = 150;
const PREDICT_SECONDS = 10;
const RESIDENT = '田中 ハナ';

let demo: TestHub;
let browser: Browser;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  [demo, browser] = await Promise.all([
    startHub({
      file: 'simulator/demo/main.ts',
      args: ['--port', '0', '--episode', String(EPISODE_SECONDS), '--history', '4'],
      environment: { HUB_PREDICT_SECONDS: String(PREDICT_SECONDS), HUB_LOG: 'info' },
      ready: /Ctrl-C ends everything/,
      readyMs: 150_000,
    }),
    openBrowser(),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

/** Opens the sign-in link that the demonstration printed for `role`, in a browser profile of its own. */
async function signIn(role: string, viewport = DESK): Promise<Page> {
  const at = demo.lines.findIndex(line => line.includes(` / ${role}`));
  const context = await browser.newContext({ viewport, locale: 'ja-JP', timezoneId: 'Asia/Tokyo', permissions: ['camera', 'microphone'] });
  contexts.push(context);
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(demo.lines[at + 2]!.trim());
  await page.waitForURL(url => !url.pathname.startsWith('/s') || url.pathname.startsWith('/state'));
  return page;
}

async function picture(page: Page, name: string) {
  if (!update) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`) });
}

/** Decoded frames of each remote person's video, by reference. */
const decoded = (page: Page) =>
  page.getByTestId('remote-video').evaluateAll(
    (elements): Record<string, number> =>
      Object.fromEntries(
        elements.map(element => {
          const video = (element.matches('video') ? element : element.querySelector('video')) as HTMLVideoElement | null;
          return [element.getAttribute('data-reference'), video?.getVideoPlaybackQuality().totalVideoFrames ?? 0];
        }),
      ),
  );
/** Pictures of so many others are being decoded: their count of frames goes on. */
async function seesPeople(page: Page, count: number) {
  await expect.poll(async () => Object.values(await decoded(page)).filter(frames => frames > 10).length, { timeout: 40_000 }).toBe(count);
}

test('a caregiver is told of the episode before it begins, and writes down what came of it', async () => {
  const phone = await signIn('caregiver', PHONE);
  await expect.poll(() => phone.url()).toContain('/floor');
  const desk = await signIn('caregiver');
  await desk.locator('[data-testid^="tile-"]').first().waitFor();
  expect(await desk.locator('[data-testid^="tile-"]').count()).toBe(12);

  // Residents call for help meanwhile, and a call comes before a warning: it is taken, as a caregiver would.
  const banner = phone.getByTestId('alert-banner');
  const told = async () => {
    const text = (await banner.count()) ? ((await banner.textContent()) ?? '') : '';
    if (text && !text.includes(RESIDENT)) await banner.getByTestId('acknowledge').click();
    return text;
  };
  await expect.poll(told, { timeout: (EPISODE_SECONDS + 30) * 1000 }).toContain(RESIDENT);
  expect(
    demo.lines.some(line => line.includes('the episode begins')),
    'the alert came before the episode',
  ).toBe(false);
  await picture(desk, 'floor');
  await expectNoBarrier(desk);

  await phone.getByTestId('open-alert').first().click();
  await phone.getByTestId('acknowledge').waitFor();
  await expectNoBarrier(phone);
  await picture(phone, 'alert-phone');
  await phone.getByTestId('acknowledge').click();
  await phone.getByTestId('acknowledged').waitFor();

  await desk
    .locator('[data-testid^="tile-"]', { hasText: RESIDENT })
    .getByRole('link')
    .first()
    .click()
    .catch(() => undefined);
  await demo.line(/the episode begins/, (EPISODE_SECONDS + 60) * 1000);
  await phone.getByTestId('outcome-episode').click();
  await phone.getByTestId('outcome-save').click();
  await expect.poll(() => phone.getByTestId('outcome-save').count()).toBe(0);
});

test('live vitals of a resident are on the page, and come from the sensors', async () => {
  const page = await signIn('caregiver');
  await page.locator('[data-testid^="tile-"]').first().waitFor();
  const patient = (await page.locator('[data-testid^="tile-"]').first().getAttribute('data-testid'))!.replace('tile-', '');
  const live = page.waitForEvent('websocket');
  await page.goto(`${new URL(page.url()).origin}/resident/${patient}`);
  const vitals = (await live).waitForEvent('framereceived', {
    predicate: frame => String(frame.payload).includes('"vitals"'),
    timeout: 70_000,
  });
  await page.locator('.uplot canvas').first().waitFor();
  await expectNoBarrier(page);
  await picture(page, 'resident');
  expect(String((await vitals).payload)).toContain(patient);
});

test('the hub takes every reading of the simulated devices', async () => {
  const manager = await signIn('facility manager');
  await manager.getByTestId('gateway').waitFor();
  const { origin } = new URL(manager.url());
  const { roles } = await (await manager.request.get(`${origin}/api/session`)).json();
  const devices: DeviceView[] = await (await manager.request.get(`${origin}/api/devices?facility=${roles[0].organization}`)).json();
  expect(devices.filter(({ accepted }) => accepted > 0).length).toBeGreaterThan(40);
  expect(devices.filter(({ refused }) => refused > 0).map(({ device, refused }) => ({ device, refused }))).toEqual([]);
});

test('island doctor, specialist and patient meet through the SFU; the signed note is found in the record platform', async () => {
  const doctor = await signIn('island doctor');
  await doctor.getByTestId('open-room').first().click();
  await doctor.getByTestId('join').click();
  await doctor.getByTestId('end').waitFor();

  const patient = await signIn('patient', PHONE);
  await patient.getByTestId('prepare').click();
  await patient.getByTestId('join').click();
  await patient.getByTestId('waiting').waitFor();
  await doctor.getByTestId('admit').click();

  const specialist = await signIn('specialist');
  await specialist.getByTestId('open-room').first().click();
  await specialist.getByTestId('join').click();
  await Promise.all([seesPeople(doctor, 2), seesPeople(specialist, 2), seesPeople(patient, 2)]);
  await picture(doctor, 'room');

  // Leave and come back: the place is kept, nobody has to admit again.
  await specialist.getByTestId('leave').click();
  await specialist.getByTestId('confirm-leave').click();
  await expect.poll(async () => Object.keys(await decoded(doctor)).length).toBe(1);
  await specialist.goto(specialist.url());
  await specialist.getByTestId('join').or(specialist.getByTestId('leave')).first().waitFor();
  if (await specialist.getByTestId('join').isVisible()) await specialist.getByTestId('join').click();
  await seesPeople(doctor, 2);

  await patient.getByTestId('tab-chat').click();
  await patient.getByTestId('chat-input').fill('夜に眠れません');
  await patient.getByTestId('chat-send').click();
  await doctor.getByTestId('tab-chat').click();
  await doctor.getByTestId('chat-list').getByText('夜に眠れません').waitFor();

  await doctor.getByTestId('tab-note').click();
  await doctor.getByTestId('note-subjective').fill('夜に眠れない');
  await doctor.getByTestId('note-objective').fill('夜間の離床が多い');
  await doctor.getByTestId('note-assessment').fill('夜間の不穏');
  await doctor.getByTestId('note-plan').fill('環境を整え、一週間後に再診');
  await expect.poll(() => doctor.getByTestId('note-state').getAttribute('data-state')).toBe('saved');
  const recipient = await doctor.getByTestId('note-to').locator('option', { hasText: '佐々木' }).first().getAttribute('value');
  await doctor.getByTestId('note-to').selectOption(recipient);
  await doctor.getByTestId('note-sign').click();
  await doctor.getByTestId('note-confirm').click();
  await doctor.getByTestId('note-signed').waitFor();
  await expect.poll(() => doctor.getByTestId('note-delivery').getAttribute('data-state'), { timeout: 60_000 }).toBe('delivered');

  await doctor.getByTestId('end').click();
  await doctor.getByTestId('confirm-end').click();
  await patient.getByTestId('after').waitFor();

  const platform = /Shared record platform \(simulated\): (\S+)/.exec(await demo.line(/Shared record platform \(simulated\): http/))![1]!;
  const [taken] = (await (await fetch(`${platform}/bundles`)).json()) as { key: string }[];
  const bundle = (await (await fetch(`${platform}/bundles/${taken!.key}`)).json()) as { entry: { resource: { resourceType: string } }[] };
  const types = bundle.entry.map(entry => entry.resource.resourceType);
  expect(types[0]).toBe('Composition');
  expect(JSON.stringify(bundle)).toContain('環境を整え、一週間後に再診');
  for (const type of ['Patient', 'Practitioner', 'Organization']) expect(types).toContain(type);
});

test('what was signed is in the record with the day’s sensor summary and risk, and the patient reads it', async () => {
  const doctor = await signIn('island doctor');
  const patient = await signIn('patient', PHONE);
  const fhir = <T>(query: string) =>
    doctor.evaluate(async path => (await fetch(`/fhir/R4/${path}`)).json(), query) as Promise<{ entry?: { resource: T }[] }>;
  const session = (await patient.evaluate(async () => (await fetch('/api/session')).json())) as { reference: string };
  const subject = `subject=${session.reference}`;
  for (const type of ['Composition', 'DocumentReference', 'Observation', 'RiskAssessment', 'Encounter']) {
    expect((await fhir(`${type}?${subject}`)).entry?.length ?? 0, type).toBeGreaterThan(0);
  }
  await patient.goto(`${new URL(patient.url()).origin}/record`);
  await patient.getByText('夜間の不穏').or(patient.getByText('全文')).first().waitFor();
  await expectNoBarrier(patient);
});

test('everything the hub wrote conforms to the Japanese guides', async context => {
  if (!jpfhir) return context.skip('The Japanese guides (jpfhir) are not beside the project.');
  const store = openStore(demo);
  await store.connect();
  try {
    const { rows } = await store.query<{ content: Resource }>('select content from resources where not deleted');
    const resources = rows.map(({ content }) => content);
    expect(broken(resources)).toEqual([]);
    const kinds = new Set(resources.map(({ resourceType }) => resourceType));
    for (const type of ['Patient', 'Encounter', 'Observation', 'RiskAssessment', 'Composition', 'Bundle']) expect(kinds).toContain(type);
  } finally {
    await store.end();
  }
});

test('every first page is there for its person, in Japanese, without barriers, and fits a phone', async () => {
  for (const [role, at] of [
    ['patient', '/today'],
    ['island doctor', '/worklist'],
    ['specialist', '/inbox'],
    ['caregiver', '/floor'],
    ['facility manager', '/coverage'],
    ['device maker', '/bench'],
    ['administrator', '/state'],
  ] as const) {
    const page = await signIn(role, PHONE);
    await expect.poll(() => new URL(page.url()).pathname, { message: role }).toBe(at);
    await page.locator('main h1').first().waitFor();
    await expectNoBarrier(page);
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${at} fits the phone`).toBe(true);
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('ja');
    await page.context().close();
  }
});

test('Ctrl-C ends everything: no process stays', async () => {
  const below = processesBelow(demo.pid).map(each => each.pid);
  expect(below.length).toBeGreaterThan(8);
  process.kill(demo.pid, 'SIGINT');
  await expect.poll(() => [demo.pid, ...below].filter(pid => processIsThere(pid)), { timeout: 30_000 }).toEqual([]);
});

function processIsThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
