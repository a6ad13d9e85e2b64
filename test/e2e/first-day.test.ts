// The first day of a real hub: from the printed link to a watched floor and a consultation, by its pages alone.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNoBarrier, openBrowser } from '../harness/browser.ts';
import { startHub, type TestHub } from '../harness/hub.ts';

const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const HOSPITAL = '青波島病院';
const HOME = 'なぎさの家';
/** Where pictures of the pages go, when someone wants to look at them. */
const shots = process.env.WEB_SHOTS;

let hub: TestHub;
let browser: Browser;

beforeAll(async () => {
  [hub, browser] = await Promise.all([startHub(), openBrowser({ devices: 0 })]);
  if (shots) mkdirSync(shots, { recursive: true });
});
afterAll(async () => {
  await browser?.close();
  await hub?.stop();
});

async function open(address: string, viewport = DESK): Promise<Page> {
  const context = await browser.newContext({ viewport, locale: 'ja-JP', timezoneId: 'Asia/Tokyo', reducedMotion: 'reduce' });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  await page.goto(address);
  return page;
}

async function shot(page: Page, name: string): Promise<void> {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`) });
}

/** Readable by all, and no wider than the window. */
async function expectUsable(page: Page): Promise<void> {
  await expectNoBarrier(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 'scrolls sideways').toBeLessThanOrEqual(0);
}

/** Names of the patients whom the signed-in person may see. */
const patientsOf = (page: Page) =>
  page.evaluate(async () => {
    const bundle = (await (await fetch('/fhir/R4/Patient')).json()) as { entry: { resource: { name: { text: string }[] } }[] };
    return bundle.entry.map(({ resource }) => resource.name[0]!.text).sort();
  });

const follow = (page: Page, name: string) => page.getByRole('link', { name, exact: true }).first().click();

async function writeName(page: Page, [family, given, familyKana, givenKana]: string[]): Promise<void> {
  await page.getByTestId('family').fill(family!);
  await page.getByTestId('given').fill(given!);
  await page.getByTestId('family-kana').fill(familyKana!);
  await page.getByTestId('given-kana').fill(givenKana!);
}

async function writePatient(page: Page, name: string[], birthDate: string): Promise<void> {
  await writeName(page, name);
  await page.getByTestId('birth-date').fill(birthDate);
  await page.getByTestId('gender').selectOption('female');
}

async function addOrganization(page: Page, kind: string, name: string, number?: string): Promise<void> {
  await page.getByTestId('new-organization').click();
  await page.getByTestId('organization-kind').selectOption(kind);
  await page.getByTestId('organization-name').fill(name);
  if (number) await page.getByTestId('institution-number').fill(number);
  await page.getByTestId('create-organization').click();
  await page.locator('li', { hasText: name }).waitFor();
}

/** Fills the form that is open, and returns the link that is to be handed over. */
async function linkFor(page: Page, name: string[], email: string, role?: string): Promise<string> {
  await page.getByTestId('new-person').click();
  await writeName(page, name);
  if (role) await page.getByTestId('person-role').selectOption(role);
  await page.getByTestId('person-email').fill(email);
  await page.getByTestId('create-person').click();
  const link = await page.getByTestId('sign-in-link').locator('code').textContent();
  await page.getByTestId('link-handed').click();
  return link!.trim();
}

test('an empty hub is filled from its pages, by the people whose work it is, until a resident is on the floor and a patient in a consultation', async () => {
  // The administrator, by the link that the first start printed.
  const printed = /https?:\S+\/first#\S+/.exec(await hub.line(/First administrator/))?.[0];
  const administrator = await open(printed!);
  await administrator.getByLabel('名前').fill('管理 者');
  await administrator.getByLabel('メールアドレス').fill('admin@hub.example');
  await administrator.getByLabel('パスワード').fill('a password for tests');
  await administrator.getByRole('button', { name: '管理者をつくる' }).click();
  await administrator.getByTestId('begin').waitFor();
  await shot(administrator, 'first-state');
  await follow(administrator, '病院・施設を加える');
  await administrator.getByTestId('state-empty').waitFor();
  await shot(administrator, 'first-organizations-empty');

  await administrator.getByTestId('first-organization').click();
  await administrator.getByTestId('organization-name').fill(HOSPITAL);
  await administrator.getByTestId('institution-number').fill('4796100016');
  await administrator.getByText('点数表番号').waitFor();
  await shot(administrator, 'first-organization-wrong');
  await expectUsable(administrator);
  await administrator.getByTestId('institution-number').fill('4716100016');
  await administrator.getByTestId('create-organization').click();
  await administrator.locator('li', { hasText: HOSPITAL }).waitFor();
  await addOrganization(administrator, 'care-facility', HOME);
  await shot(administrator, 'first-organizations');
  await expectUsable(administrator);

  await follow(administrator, '人と役割');
  const toDoctor = await linkFor(administrator, ['山田', '太郎', 'やまだ', 'たろう'], 'yamada@hospital.example', 'doctor');
  const toManager = await linkFor(administrator, ['小林', '直子', 'コバヤシ', 'ナオコ'], 'kobayashi@home.example', 'manager');
  // An address that is taken is refused at its field; the person is not put into the record a second time.
  await administrator.getByTestId('new-person').click();
  await writeName(administrator, ['上原', '健', 'うえはら', 'けん']);
  await administrator.getByTestId('person-role').selectOption('specialist');
  await administrator.getByTestId('person-email').fill('yamada@hospital.example');
  await administrator.getByTestId('create-person').click();
  await administrator.getByText('もうあります').waitFor();
  await shot(administrator, 'first-new-person');
  await expectUsable(administrator);
  await administrator.getByTestId('person-email').fill('uehara@hospital.example');
  await administrator.getByTestId('create-person').click();
  await administrator.getByTestId('link-handed').click();
  expect(
    await administrator.evaluate(async () => (await (await fetch('/fhir/R4/Practitioner?_summary=count')).json()) as { total: number }),
  ).toMatchObject({ total: 3 });
  await administrator.locator('tr', { hasText: '山田 太郎' }).getByText(`医師・${HOSPITAL}`).waitFor();
  await shot(administrator, 'first-people');
  await expectUsable(administrator);

  // The manager makes the place and lets somebody move in, on a phone.
  const manager = await open(toManager, PHONE);
  await manager.getByTestId('state-empty').waitFor();
  await manager.goto(`${hub.url}/residents`);
  await manager.getByTestId('first-floor').click();
  await manager.getByTestId('place-name').fill('1階');
  await manager.getByTestId('create-place').click();
  await manager.getByTestId('new-room').click();
  await manager.getByTestId('place-name').fill('101〜103');
  await shot(manager, 'first-rooms');
  await manager.getByTestId('create-place').click();
  await manager.getByTestId('room-103').waitFor();
  await manager.getByTestId('move-in').click();
  await writePatient(manager, ['田中', 'ハナ', 'たなか', 'はな'], '1941-04-02');
  await manager.getByTestId('resident-hint').fill('三線の音楽で落ち着く');
  await shot(manager, 'first-move-in');
  await expectUsable(manager);
  await manager.getByTestId('create-resident').click();
  const room = manager.getByTestId('room-101');
  await room.getByText('見守れていません').waitFor();
  await shot(manager, 'first-residents');
  await expectUsable(manager);
  await room.getByTestId('move-room').click();
  await manager.getByTestId('confirm-move').click();
  await manager.getByTestId('room-102').getByText('田中 ハナ').waitFor();

  await manager.goto(`${hub.url}/people`);
  const toCaregiver = await linkFor(manager, ['佐藤', '美咲', 'さとう', 'みさき'], 'sato@home.example');

  // The caregiver sees the resident, and that nobody is watching yet.
  const caregiver = await open(toCaregiver, PHONE);
  const tile = caregiver.locator('[data-testid^="tile-"]');
  await tile.waitFor();
  expect(await tile.getAttribute('data-state')).toBe('not-covered');
  expect(await tile.textContent()).toContain('田中 ハナ');
  expect(await tile.textContent()).toContain('102');

  // The manager follows the way to the devices.
  await manager.goto(`${hub.url}/residents`);
  await manager.locator('[data-testid^="add-device-"]').click();
  await manager.getByTestId('device-profile').waitFor();
  expect(await manager.getByLabel('見守る相手').locator('option:checked').textContent()).toContain('田中 ハナ');
  await manager.getByTestId('create-device').click();
  await manager.getByTestId('secret-noted').click();
  await manager.getByText('見守れていない人 1人').waitFor();

  // The doctor finds the resident as a patient of the hospital, registers another one, and opens a consultation.
  const doctor = await open(toDoctor);
  await doctor.getByTestId('new-encounter').click();
  await doctor.getByRole('button', { name: /田中 ハナ/ }).waitFor();
  await doctor.getByTestId('patient-search').fill('比嘉 節子');
  await doctor.getByText('見つかりません').waitFor();
  await doctor.getByTestId('register-patient').click();
  expect(await doctor.getByTestId('family').inputValue()).toBe('比嘉');
  await doctor.getByTestId('family-kana').fill('Higa');
  await doctor.getByText('ひらがな、またはカタカナ').waitFor();
  await writePatient(doctor, ['比嘉', '節子', 'ひが', 'せつこ'], '1948-11-30');
  await shot(doctor, 'first-new-patient');
  await expectUsable(doctor);
  await doctor.getByTestId('create-patient').click();
  await doctor.getByTestId('encounter-reason').fill('血圧の薬の相談');
  await doctor.getByTestId('create-encounter').click();
  await doctor.getByText('比嘉 節子').first().waitFor();
  await doctor.getByTestId('open-room').waitFor();
  await shot(doctor, 'first-worklist');

  // The doctor hands the patient the link; the patient finds the consultation.
  await doctor.getByRole('link', { name: '比嘉 節子' }).click();
  await doctor.getByTestId('patient-link').click();
  await doctor.getByTestId('create-patient-account').click();
  const toPatient = await doctor.getByTestId('sign-in-link').locator('code').textContent();
  await shot(doctor, 'first-patient-link');
  const patient = await open(toPatient!.trim(), PHONE);
  await patient.getByTestId('prepare').waitFor();

  // Moving out ends the residence and frees the device.
  await manager.goto(`${hub.url}/residents`);
  await manager.getByTestId('move-out').click();
  await shot(manager, 'first-move-out');
  await manager.getByTestId('confirm-move').click();
  await expect.poll(() => manager.getByTestId('move-out').count()).toBe(0);
  await expect.poll(() => caregiver.reload().then(() => caregiver.getByTestId('state-empty').isVisible())).toBe(true);
  await manager.goto(`${hub.url}/coverage`);
  await manager.getByText('割り当てなし').waitFor();

  // Who comes back goes on with the same record.
  await manager.goto(`${hub.url}/residents`);
  await manager.getByTestId('move-in').click();
  await writePatient(manager, ['田中', 'ハナ', 'タナカ', 'ハナ'], '1941-04-02');
  await manager.getByTestId('create-resident').click();
  await manager.getByTestId('same-person').waitFor();
  await shot(manager, 'first-same-person');
  await expectUsable(manager);
  await manager.locator('button[data-testid^="same-"]').click();
  await manager.getByTestId('room-101').getByText('田中 ハナ').waitFor();
  expect(await patientsOf(doctor)).toEqual(['比嘉 節子', '田中 ハナ']);

  // A role that was ended opens nothing any more.
  await administrator.reload();
  await administrator.locator('tr', { hasText: '佐藤 美咲' }).getByTestId('end-role').click();
  await administrator.getByTestId('confirm-end-role').click();
  await administrator.locator('tr', { hasText: '佐藤 美咲' }).getByText('役割なし').waitFor();
  await expect
    .poll(() => caregiver.evaluate(async () => ((await (await fetch('/api/session')).json()) as { roles: unknown[] }).roles.length), {
      timeout: 20_000,
    })
    .toBe(0);
});
