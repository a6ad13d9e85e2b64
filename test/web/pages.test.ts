// Every page in a real browser against the stand-in hub: readable by all (axe), usable on a phone, in words when something is wrong, live.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContext, Page } from 'playwright';
import { build } from 'vite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PersonRole } from '../../hub/identity/actor.ts';
import { barriersOf, openBrowser } from '../harness/browser.ts';
import { formerRun, RUN, runView } from './bench-fixtures.ts';
import { type FixtureHub, startFixtureHub } from './fixture-server.ts';

const root = path.resolve(import.meta.dirname, '../..');
/** Where pictures of the pages go, when someone wants to look at them. */
const shots = process.env.WEB_SHOTS;
const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };

const pages: { name: string; at: string; role: PersonRole | null; ready: string }[] = [
  { name: 'sign-in', at: '/sign-in', role: null, ready: '[data-testid=sign-in-form]' },
  { name: 'first', at: '/first#a-token-that-is-long-enough', role: null, ready: 'form' },
  { name: 'today', at: '/today', role: 'patient', ready: '[data-testid=prepare]' },
  { name: 'record', at: '/record', role: 'patient', ready: '.timeline' },
  { name: 'sharing', at: '/sharing', role: 'patient', ready: '[data-testid=sharing-stop-shima]' },
  { name: 'worklist', at: '/worklist', role: 'doctor', ready: '[data-testid=open-room]' },
  { name: 'documents', at: '/documents', role: 'doctor', ready: '[data-testid=delivery-d1]' },
  { name: 'chart', at: '/chart/r01', role: 'doctor', ready: '.timeline' },
  { name: 'inbox', at: '/inbox', role: 'specialist', ready: '[data-testid=open-room]' },
  { name: 'floor', at: '/floor', role: 'caregiver', ready: '[data-testid=tile-r01]' },
  { name: 'alert', at: '/alert/alert-r04', role: 'caregiver', ready: '[data-testid=outcome-episode]' },
  { name: 'handover', at: '/handover', role: 'caregiver', ready: 'ol a' },
  { name: 'on-call', at: '/on-call', role: 'manager', ready: '[data-testid=save-shifts]' },
  { name: 'model', at: '/model', role: 'manager', ready: '[data-testid=save-budget]' },
  { name: 'resident', at: '/resident/r04', role: 'caregiver', ready: '.uplot canvas' },
  { name: 'coverage', at: '/coverage', role: 'manager', ready: '[data-testid=device-bed-101]' },
  { name: 'residents', at: '/residents', role: 'manager', ready: '[data-testid=first-floor]' },
  { name: 'bench', at: '/bench', role: 'maker', ready: '[data-testid=bench-bench-bed]' },
  { name: 'contract', at: '/contract?device=bench-bed', role: 'maker', ready: '#examples' },
  { name: 'report', at: `/bench/report/${RUN}`, role: 'maker', ready: '[data-testid=report-result]' },
  { name: 'profiles', at: '/profiles', role: 'maker', ready: 'pre' },
  { name: 'state', at: '/state', role: 'administrator', ready: '[data-testid=part-database]' },
  { name: 'organizations', at: '/organizations', role: 'administrator', ready: '[data-testid=first-organization]' },
  { name: 'people', at: '/people', role: 'administrator', ready: '[data-testid=person-a0]' },
  { name: 'audit', at: '/audit', role: 'administrator', ready: 'table' },
];

/** Folder of the built application. */
let built: string;
let hub: FixtureHub;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** Errors that the page wrote to its console, refused requests apart. */
let complaints: string[];

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

async function open(viewport: { width: number; height: number }): Promise<void> {
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
beforeEach(async () => {
  hub.reset();
  await open(DESK);
});
afterEach(() => {
  expect(complaints, 'errors in the console').toEqual([]);
});

async function go(at: string, ready: string): Promise<void> {
  await page.goto(hub.url + at);
  await page.locator(ready).first().waitFor();
}
async function shot(name: string): Promise<void> {
  if (shots) await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
}
async function violations(): Promise<string[]> {
  const violations = await barriersOf(page);
  return violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.target.join(' ')} ${node.failureSummary ?? ''}`));
}
const overflow = () => page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');

describe.each(pages)('$name', ({ name, at, role, ready }) => {
  it('can be read by everyone, on a desk and on a phone, by day and by night', async () => {
    // Each width and each theme is looked at once; the pictures show the phone by day too.
    const views = [
      { label: 'desk', viewport: DESK, theme: 'light' },
      { label: 'night', viewport: PHONE, theme: 'dark' },
      ...(shots ? [{ label: 'phone', viewport: PHONE, theme: 'light' }] : []),
    ];
    for (const { label, viewport, theme } of views) {
      await open(viewport);
      if (role) hub.signIn(role);
      // Floor pages follow the time of day: fixed here, so that the test does not.
      await page.addInitScript(`localStorage.setItem('theme', '${theme}')`);
      await go(at, ready);
      await shot(`${name}-${label}`);
      if (label !== 'phone') expect(await violations(), label).toEqual([]);
      expect(await overflow(), `sideways scrolling, ${label}`).toBeLessThanOrEqual(0);
      expect(await page.locator('h1').count(), 'one first heading').toBe(1);
    }
  });
});

describe('weight', () => {
  it('from the link to the room a patient loads at most 250 kB of compressed script', async () => {
    const scripts = new Map<string, number>();
    page.on('response', response => {
      const { pathname } = new URL(response.url());
      if (pathname.endsWith('.js')) scripts.set(pathname, gzipSync(readFileSync(path.join(built, pathname))).length);
    });
    await go('/s#good-token-of-a-patient', '[data-testid=prepare]');
    await page.getByTestId('prepare').click();
    await page.waitForURL('**/room/*');
    await page.waitForLoadState('networkidle');
    expect([...scripts.keys()].some(name => name.includes('/Room-'))).toBe(true);
    expect([...scripts.keys()].some(name => name.includes('/Resident-'))).toBe(false);
    expect([...scripts.values()].reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(250_000);
    // The stand-in has no consultations; what the room says about that is not this test's matter.
    complaints = [];
  });
});

describe('sign-in', () => {
  it('says in words when the password is wrong, and goes to the first page of the role when it is right', async () => {
    await go('/', '[data-testid=sign-in-form]');
    await page.getByTestId('email').fill('yamada@example.jp');
    await page.getByTestId('password').fill('wrong');
    await page.getByTestId('sign-in').click();
    await expect.poll(() => page.getByTestId('sign-in-problem').textContent()).toContain('違います');
    await page.getByTestId('password').fill('correct horse battery');
    await page.getByTestId('sign-in').click();
    await page.getByTestId('new-encounter').waitFor();
    expect(new URL(page.url()).pathname).toBe('/worklist');
  });

  it('by link takes the patient to today, and leaves no token in the address', async () => {
    await go('/s#good-token-of-a-patient', '[data-testid=prepare]');
    expect(page.url()).toBe(`${hub.url}/today`);
    expect(hub.requests.every(({ line }) => !line.includes('good-token'))).toBe(true);
    expect(hub.requests.filter(({ line }) => line === 'POST /api/session/link')).toHaveLength(1);
  });

  it('by a used link says whom to ask', async () => {
    await go('/s#used-token-of-a-patient', 'text=新しいリンクを頼んでください');
    await shot('link-over');
  });

  it('comes back to the page that was asked for', async () => {
    await go('/documents', '[data-testid=sign-in-form]');
    await page.getByTestId('email').fill('yamada@example.jp');
    await page.getByTestId('password').fill('correct horse battery');
    await page.getByTestId('sign-in').click();
    await page.getByTestId('delivery-d1').waitFor();
  });
});

describe('when something is wrong, a page says', () => {
  const cases = [
    { status: 500, state: 'state-error', words: 'もう一度試す' },
    { status: 403, state: 'state-no-right', words: '管理者' },
    { status: 0, state: 'state-offline', words: 'つながりませんでした' },
  ];
  it.each(cases)('what to do on $status', async ({ status, state, words }) => {
    hub.signIn('caregiver');
    hub.fail('/api/alerts/floor', status);
    await go('/floor', `[data-testid=${state}]`);
    expect(await page.getByTestId(state).textContent()).toContain(words);
    await shot(`floor-${state}`);
    expect(await violations()).toEqual([]);
  });

  it('that a page belongs to another role', async () => {
    hub.signIn('maker');
    await go('/coverage', '[data-testid=page-message]');
    expect(await page.getByTestId('page-message').textContent()).toContain('権限がありません');
  });

  it('what will be here, when there is nothing yet', async () => {
    hub.signIn('doctor');
    hub.facts.encounters = [];
    await go('/worklist', '[data-testid=state-empty]');
    await shot('worklist-empty');
  });

  it('since when live news is missing, and gets what was missed once it is back', async () => {
    hub.signIn('caregiver');
    await go('/floor', '[data-testid=tile-r01]');
    hub.cutLive(true);
    await page.getByTestId('state-partial').waitFor({ timeout: 5_000 });
    expect(await page.getByTestId('state-partial').textContent()).toContain('見回って');
    hub.raise('r01');
    hub.cutLive(false);
    await page.getByTestId('alert-banner').waitFor();
    await expect.poll(() => page.getByTestId('tile-r01').getAttribute('data-state')).toBe('act');
    await expect.poll(() => page.getByTestId('state-partial').count()).toBe(0);
  });
});

describe('a manager', () => {
  it('changes the on-call list: who, after how long, how, in which hours', async () => {
    hub.signIn('manager');
    await go('/on-call', '[data-testid=step-2]');
    const step = page.getByTestId('step-2');
    await step.getByTestId('who').selectOption({ label: '田中 誠' });
    await step.getByTestId('after').fill('3');
    await step.getByTestId('when').selectOption('hours');
    await step.getByTestId('from').fill('22:00');
    await step.getByLabel('メール').uncheck();
    await shot('on-call-changed');
    expect(await violations()).toEqual([]);
    await page.getByTestId('save-on-call').click();
    await expect.poll(() => page.locator('main').textContent()).toContain('田中 誠さんが');
    const sent = hub.requests.find(({ line }) => line === 'PUT /api/alerts/on-call/himawari')?.body as { steps: unknown[] };
    expect(sent.steps[1]).toEqual({
      who: { account: 'a2' },
      afterSeconds: 180,
      ways: ['live', 'push'],
      tiers: ['urgent', 'act'],
      hours: { from: '22:00', to: '09:00' },
    });
  });
});

describe('a manager’s alarm budget', () => {
  it('shows the misses beside the alerts, and fewer alerts miss more', async () => {
    hub.signIn('manager');
    await go('/model', '[data-testid=budget]');
    expect(await page.locator('main').textContent()).toContain('シミュレーションの入居者で学習');
    const missed = () => page.getByTestId('missed').textContent();
    await page.getByTestId('budget').press('End');
    const many = [await page.getByTestId('burden').textContent(), await missed()];
    await page.getByTestId('budget').press('Home');
    expect([await page.getByTestId('burden').textContent(), await missed()]).not.toEqual(many);
    await page.getByTestId('save-budget').click();
    await expect.poll(() => page.locator('main').textContent()).toContain('田中 誠さんが');
    const sent = hub.requests.find(({ line }) => line === 'PUT /api/alerts/budget/himawari')?.body;
    expect(sent).toMatchObject({ caregivers: 2, shiftsADay: 2 });
  });
});

describe('what was learnt', () => {
  it('a manager compares a proposal with the version in use, adopts it, and can go back', async () => {
    hub.signIn('manager');
    await go('/model', '[data-testid=proposal]');
    const proposal = await page.getByTestId('proposal').textContent();
    for (const figure of ['61.5', '24.2', '21', '0.0794', '0.0611']) expect(proposal).toContain(figure);
    await page.getByTestId('adopt').click();
    await expect.poll(() => page.getByTestId('learning').textContent()).toContain('使っています 2026.11.22-4fa6fc74+20261123.1');
    await page.getByTestId('learning').getByRole('button', { name: 'この版にもどす' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'もどす' }).click();
    await expect.poll(() => page.getByTestId('learning').textContent()).not.toContain('使っています 2026.11.22-4fa6fc74+20261123.1');
    expect(hub.requests.filter(({ line }) => line === 'POST /api/learning/himawari/adopt').map(({ body }) => body)).toEqual([
      { version: '11111111-1111-4111-8111-111111111111' },
      { version: null },
    ]);
  });

  it('a carer records an episode that nobody was warned of', async () => {
    hub.signIn('caregiver');
    await go('/resident/r04', '[data-testid=missed-episode]');
    await page.getByTestId('missed-episode').click();
    await page.getByTestId('missed-save').click();
    await expect
      .poll(() => hub.requests.find(({ line }) => line === 'POST /api/learning/himawari/episodes')?.body)
      .toMatchObject({ patient: 'r04' });
  });
});

describe('a carer', () => {
  beforeEach(() => hub.signIn('caregiver'));

  it('sees an alert within a second, takes it by keyboard alone and records what became of it', async () => {
    await go('/floor', '[data-testid=tile-r01]');
    await expect.poll(() => page.getByTestId('tile-r01').getAttribute('data-state')).toBe('calm');
    const raised = performance.now();
    const alert = hub.raise('r01');
    await page.getByTestId('alert-banner').waitFor();
    expect(performance.now() - raised).toBeLessThan(1000);
    expect(await page.getByTestId('alert-banner').textContent()).toContain('山本 ハナ');
    expect(await page.getByTestId('tile-r01').getAttribute('data-state')).toBe('act');
    await shot('floor-alert');
    expect(await violations()).toEqual([]);

    await page.getByTestId('tile-r01').focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/alert/${alert.id}`);
    const focused = () => page.evaluate<string | null>('document.activeElement?.getAttribute("data-testid")');
    await page.getByRole('heading', { level: 1 }).waitFor();
    for (let step = 0; step < 12 && (await focused()) !== 'acknowledge'; step++) await page.keyboard.press('Tab');
    expect(await focused()).toBe('acknowledge');
    await page.keyboard.press('Enter');
    await page.getByTestId('acknowledged').waitFor();
    expect(hub.requests.some(({ line }) => line === `POST /api/alerts/${alert.id}/acknowledge`)).toBe(true);

    await page.getByTestId('outcome-episode').click();
    await page.getByTestId('outcome-onset').fill('2026-11-22T18:40');
    await page.getByTestId('outcome-comment').fill('お茶を飲んで落ち着かれた。');
    await page.getByTestId('outcome-save').click();
    await page.getByTestId('outcome').waitFor();
    expect(hub.requests.find(({ line }) => line.endsWith('/outcome'))?.body).toEqual({
      outcome: 'episode',
      onset: '2026-11-22T18:40:00+09:00',
      comment: 'お茶を飲んで落ち着かれた。',
    });
  });

  it('can take an alert from the banner on any page', async () => {
    await go('/handover', 'ol a');
    hub.raise('r02');
    await page.getByTestId('alert-banner').getByTestId('acknowledge').click();
    await expect.poll(() => page.getByTestId('alert-banner').count()).toBe(0);
  });

  it('sees a call above everything else, and hears of it only when the on-call list says so', async () => {
    await go('/floor', '[data-testid=tile-r01]');
    hub.raise('r02', {
      kind: 'call',
      tier: 'urgent',
      prediction: null,
      detail: { ja: 'ナースコール', en: 'Call button' },
      paged: ['manager'],
    });
    await expect.poll(() => page.getByTestId('tile-r02').textContent()).toContain('呼んでいます');
    expect(await page.getByTestId('alert-banner').count()).toBe(0);
    hub.raise('r02', {
      kind: 'call',
      tier: 'urgent',
      prediction: null,
      paged: ['caregiver'],
      detail: { ja: 'ナースコール', en: 'Call button' },
    });
    await page.getByTestId('alert-banner').waitFor();
    expect(await page.getByTestId('alert-banner').textContent()).toContain('呼び出しがありました');
    await shot('floor-call');
    expect(await violations()).toEqual([]);
    await page.getByTestId('tile-r02').click();
    await expect.poll(() => page.locator('main').textContent()).toContain('ナースコール');
    await shot('alert-call');
  });

  it('asks the doctor from an alert with one press, and has the way to the room', async () => {
    await go('/alert/alert-r04', '[data-testid=ask-doctor]');
    await page.getByTestId('ask-doctor').click();
    expect(await page.getByTestId('open-consultation').getAttribute('href')).toBe('/room/enc-1');
  });

  it('takes over the shift with one press, and sees who did before', async () => {
    await go('/handover', '[data-testid=take-over]');
    expect(await page.locator('main').textContent()).toContain('林 大輔さん');
    await page.getByTestId('take-over').click();
    await expect.poll(() => page.locator('main').textContent()).toContain('前の引き継ぎ: 佐藤 美咲さん');
  });

  it('can be notified on this device; a locked screen shows that there is something, and nothing about anyone', async () => {
    await context.grantPermissions(['notifications'], { origin: hub.url });
    // The browser maker's own push service is out of reach of a test: its answer is put in its place.
    await page.addInitScript(`{
      let made = null;
      const endpoint = 'https://push.example/1';
      const subscription = { endpoint, toJSON: () => ({ endpoint, keys: { p256dh: 'p', auth: 'a' } }), unsubscribe: async () => ((made = null), true) };
      PushManager.prototype.subscribe = async options => (made = options.userVisibleOnly ? subscription : null);
      PushManager.prototype.getSubscription = async () => made;
    }`);
    const session = await context.newCDPSession(page);
    let registration = '';
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      registration = registrations[0]?.registrationId ?? registration;
    });
    await session.send('ServiceWorker.enable');
    await go('/floor', '[data-testid=notifications]');
    const button = page.getByTestId('notifications');
    expect(await button.getAttribute('aria-pressed')).toBe('false');
    await button.click();
    await expect.poll(() => button.getAttribute('aria-pressed')).toBe('true');
    expect(hub.requests.find(({ line }) => line === 'POST /api/alerts/push')?.body).toMatchObject({ endpoint: 'https://push.example/1' });

    await expect.poll(() => registration).not.toBe('');
    const data = JSON.stringify({ title: 'つうちがあります', body: 'ひらいて見てください', path: '/alert/alert-r04', tag: 'page-1' });
    for (let time = 0; time < 2; time++)
      await session.send('ServiceWorker.deliverPushMessage', { origin: hub.url, registrationId: registration, data });
    const shown = () =>
      page.evaluate<string[]>(
        `navigator.serviceWorker.getRegistration().then(one => one.getNotifications()).then(all => all.map(one => one.title + ' ' + one.body))`,
      );
    await expect.poll(shown).toEqual(['つうちがあります ひらいて見てください']);

    await button.click();
    await expect.poll(() => button.getAttribute('aria-pressed')).toBe('false');
    expect(hub.requests.some(({ line }) => line === 'POST /api/alerts/push/end')).toBe(true);
  });

  it('reads risk in natural frequencies, never as a percentage', async () => {
    await go('/alert/alert-r04', '[data-testid=outcome-episode]');
    const text = await page.locator('main').textContent();
    expect(text).toContain('10回のうち6回');
    expect(text).not.toMatch(/\d\s*[%％]/);
    await go('/floor', '[data-testid=tile-r01]');
    expect(await page.locator('main').textContent()).not.toMatch(/\d\s*[%％]/);
    expect(await page.locator('main').textContent()).toContain('シミュレーションの入居者');
  });

  it('sees new samples of a resident without reloading', async () => {
    await go('/resident/r04', '.uplot canvas');
    hub.vitals({ patient: 'r04', profile: 'bed', samples: [{ time: Date.now(), values: { heart_rate: 133 } }] });
    await expect.poll(() => page.getByTestId('vitals').textContent()).toContain('133 拍/分');
  });

  it('can switch furigana on', async () => {
    await go('/floor', '[data-testid=tile-r01]');
    await page.getByTestId('menu').click();
    await page.getByTestId('furigana-on').click();
    await page.locator('main ruby').first().waitFor();
    await page.keyboard.press('Escape');
    await shot('floor-furigana');
  });
});

describe('others', () => {
  it('a patient is asked before sharing stops, and can take it back', async () => {
    hub.signIn('patient');
    await go('/sharing', '[data-testid=sharing-stop-shima]');
    await page.getByTestId('sharing-stop-shima').click();
    await shot('sharing-dialog');
    await page.getByTestId('sharing-confirm').click();
    await page.getByTestId('sharing-allow-shima').waitFor();
    await page.getByRole('button', { name: 'もどす' }).click();
    await page.getByTestId('sharing-stop-shima').waitFor();
  });

  it('a doctor makes a consultation with a patient and a specialist', async () => {
    hub.signIn('doctor');
    await go('/worklist', '[data-testid=new-encounter]');
    await page.getByTestId('new-encounter').click();
    await page.getByTestId('patient-search').fill('山本');
    await page.getByTestId('patient-r01').click();
    await page.getByTestId('pattern').selectOption('DtoPwithD');
    await page.getByTestId('invite-suzuki').check();
    await page.getByTestId('encounter-reason').fill('夕方の落ち着かなさ');
    await shot('worklist-dialog');
    expect(await violations()).toEqual([]);
    await page.getByTestId('create-encounter').click();
    await page.getByTestId('encounter-enc-new').waitFor();
    expect(hub.requests.find(({ line }) => line === 'POST /api/consult/encounters')?.body).toEqual({
      pattern: 'DtoPwithD',
      patient: 'r01',
      reason: '夕方の落ち着かなさ',
      invite: ['suzuki'],
    });
  });

  it('a caregiver sets at which heart rate of a resident to be alarmed, not at one that no heart has', async () => {
    hub.signIn('caregiver');
    await go('/resident/r04', '[data-testid=change-limits]');
    await page.getByTestId('limits').getByText('心拍数が 110 拍/分 より高いとき').waitFor();
    await page.getByTestId('change-limits').click();
    await page.getByTestId('limit-heart-high').fill('900');
    await page.getByText('20 から 250 までの数にしてください。').waitFor();
    expect(await page.getByTestId('save-limits').isDisabled()).toBe(true);
    await page.getByTestId('limit-heart-high').fill('105');
    await page.getByTestId('off-heart-low').check();
    expect(await violations()).toEqual([]);
    await shot('limits');
    await page.getByTestId('save-limits').click();
    await page.getByTestId('change-limits').waitFor();
    expect(hub.requests.find(({ line }) => line === 'PUT /api/alarms/limits/r04')?.body).toEqual({
      limits: { 'heart-low': { limit: null, off: true }, 'heart-high': { limit: 105, off: false } },
    });
  });

  it('a manager sees the worst device first in words, looks closer at it by keyboard, and the page follows what the hub tells', async () => {
    hub.signIn('manager');
    await go('/coverage', '[data-testid=device-bed-201]');
    const rows = () => page.locator('tbody tr').evaluateAll(list => list.map(row => (row as HTMLElement).dataset.testid));
    expect(await rows()).toEqual(['bed-201', 'door-spare', 'wrist-205', 'bed-101', 'room-101', 'bed-099'].map(name => `device-${name}`));
    await page.getByTestId('device-bed-201').getByText('電池がのこりすくないです（12％）。').waitFor();
    await page.getByTestId('look-bed-201').focus();
    await page.keyboard.press('Enter');
    const detail = page.getByRole('dialog');
    await detail.getByText('この24時間で 3回').waitFor();
    await detail.getByText('電池をかえるか、充電してください。').waitFor();
    expect(await violations()).toEqual([]);
    await shot('coverage-detail');
    await page.setViewportSize(PHONE);
    await shot('coverage-detail-phone');
    await page.setViewportSize(DESK);
    await page.keyboard.press('Escape');
    await expect.poll(() => detail.count()).toBe(0);
    const [first, ...others] = hub.facts.coverage.devices;
    const health = { ...first!.health!, worst: 'bad' as const, signs: hub.facts.coverage.devices[2]!.health!.signs };
    hub.facts.coverage = {
      ...{ ...hub.facts.coverage, gateway: { connected: false, since: new Date().toISOString() } },
      devices: [{ ...first!, state: 'silent', health }, ...others],
    };
    hub.coverageChanged('himawari');
    await page.getByTestId('gateway-away').waitFor();
    await page.getByTestId('device-bed-101').getByText('データが届いていません。').waitFor();
    expect(await violations()).toEqual([]);
    await shot('coverage-gateway-away');
  });

  it('a manager registers a device, sees its secret once, and is asked before revoking', async () => {
    hub.signIn('manager');
    await go('/coverage', '[data-testid=new-device]');
    await page.getByTestId('new-device').click();
    await page.getByTestId('create-device').click();
    await page.getByText('kq0m3-XhYJtq5dTn0pVbQ2sW8zRf1LcAe7uGi9oPx4M').waitFor();
    await shot('coverage-secret');
    expect(await violations()).toEqual([]);
    await page.getByTestId('secret-noted').click();
    await expect.poll(() => page.getByText('kq0m3-XhYJtq5dTn0pVbQ2sW8zRf1LcAe7uGi9oPx4M').count()).toBe(0);
    await page.getByRole('button', { name: 'bed-101 を止める' }).click();
    expect(hub.requests.some(({ line }) => line.includes('revoke'))).toBe(false);
    await page.getByTestId('confirm').click();
    await expect.poll(() => hub.requests.some(({ line }) => line === 'POST /api/devices/bed-101/revoke')).toBe(true);
  });

  it('a manager rotates to a certificate for the device’s own request, or saves the key that the hub made, once', async () => {
    hub.signIn('manager');
    await page.setViewportSize(PHONE);
    const certificate = { pem: 'CERT', key: 'KEY', ca: 'CA', notAfter: '2027-12-24T00:00:00Z' };
    const made = { ...{ device: 'bed-101', facility: 'himawari', username: 'himawari/bed-101', secret: '', topic: 't' } };
    const answer = { ...made, certificate, mqttUrl: 'mqtt://hub:1883', mqttsUrl: 'mqtts://hub:8883', formerUntil: '2026-12-01T00:00:00Z' };
    await page.route('**/api/devices/bed-101/rotate*', route => route.fulfill({ json: answer }));
    await go('/coverage', '[data-testid=device-bed-101]');
    await page.getByRole('button', { name: 'bed-101 の新しい鍵' }).click();
    expect(await page.getByTestId('ask-renewal').count()).toBe(0);
    await page.getByTestId('credential-kind').selectOption('csr');
    await page.getByTestId('csr-text').fill('hello');
    await shot('coverage-csr');
    expect(await violations()).toEqual([]);
    expect(await page.getByTestId('make-key').isDisabled()).toBe(true);
    const request = '-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n';
    await page.getByTestId('csr-file').setInputFiles({ name: 'bed.csr', mimeType: 'text/plain', buffer: Buffer.from(request) });
    const sent = page.waitForRequest('**/rotate*');
    await page.getByTestId('make-key').click();
    expect((await sent).postDataJSON()).toEqual({ credential: 'certificate', csr: request });
    await page.getByTestId('former-until').waitFor();
    await shot('coverage-certificate');
    expect(await violations()).toEqual([]);
    const saving = page.waitForEvent('download');
    await page.getByTestId('save-key').click();
    const saved = await saving;
    expect([saved.suggestedFilename(), readFileSync(await saved.path(), 'utf8')]).toEqual(['bed-101.key.pem', 'KEY']);
    await page.getByTestId('secret-noted').click();
    await expect.poll(() => page.getByTestId('save-key').count()).toBe(0);
  });

  it('a maker sees a message and its verdict as it arrives', async () => {
    hub.signIn('maker');
    await go('/bench', '[data-testid=bench-bench-bed]');
    await page.getByText('聞いています').waitFor();
    hub.bench({
      device: 'bench-bed',
      at: new Date().toISOString(),
      topic: 'care/1/kikai/bench-bed/json',
      bytes: 128,
      verdict: 'refused',
      samples: 0,
      refusals: [{ reason: 'unit-wrong', text: { ja: 'heart_rate の単位が Hz です。', en: 'heart_rate has unit Hz.' } }],
      excerpt: '[{"bn":"bench-bed:","n":"heart_rate","u":"Hz","v":1.1}]',
    });
    await page.getByTestId('bench-message').waitFor();
    expect(await page.getByTestId('bench-message').textContent()).toContain('単位が Hz');
    await shot('bench-live');
    expect(await violations()).toEqual([]);
  });

  it('a new maker sees the three steps and where to begin', async () => {
    hub.signIn('maker');
    hub.facts.benchDevices = [];
    await go('/bench', '[data-testid=first-steps]');
    await shot('bench-empty');
    expect(await violations()).toEqual([]);
    await page.getByTestId('first-steps').getByRole('link').click();
    await page.locator('#examples').waitFor();
  });

  it('a maker copies code with the own device in it', async () => {
    hub.signIn('maker');
    await go('/contract', '#examples');
    expect(await page.locator('main').textContent()).toContain('care/1/f1/bed-201/json');
    await page.getByTestId('contract-device').selectOption('bench-bed');
    await expect.poll(() => page.locator('main').textContent()).toContain('-u kikai/bench-bed');
    expect(await page.locator('main').textContent()).toContain('mosquitto_pub -h hub.example');
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'MicroPython (umqtt.robust)をコピー' }).click();
    expect(await page.evaluate<string>('navigator.clipboard.readText()')).toContain('MQTTClient("bench-bed", "hub.example"');
  });

  it('a maker starts the check, sees each verdict as it comes, and ends at the signed report', async () => {
    hub.signIn('maker');
    hub.checks.list([formerRun()]);
    await go('/bench', '[data-testid=bench-bench-bed]');
    await page.getByTestId('tab-check').click();
    await page.getByTestId('start-check').click();
    await page.getByTestId('stop-check').waitFor();
    expect(hub.requests.find(({ line }) => line === 'POST /api/bench/runs')?.body).toEqual({ facility: 'kikai', device: 'bench-bed' });
    expect(await page.getByTestId('check-unit').getAttribute('data-status')).toBe('waiting');
    await expect
      .poll(async () => {
        hub.checks.tell(runView('running', { 'sign-in': 'pass', protocol: 'pass', 'client-id': 'pass', unit: 'fail' }));
        return page.getByTestId('check-unit').getAttribute('data-status');
      })
      .toBe('fail');
    expect(await page.getByTestId('check-unit').textContent()).toContain('届いたのは「Hz」');
    await shot('bench-check');
    expect(await violations()).toEqual([]);
    await page.setViewportSize(PHONE);
    await shot('bench-check-phone');
    expect(await overflow()).toBeLessThanOrEqual(0);
    const done = runView('done', { unit: 'fail', rotation: 'not-applicable' });
    hub.checks.list([done, formerRun()]);
    hub.checks.tell(done);
    await expect.poll(() => page.getByTestId('check-outcome').textContent()).toContain('不合格');
    await page.getByTestId('open-report').click();
    await page.getByTestId('report-result').waitFor();
    expect(await page.getByTestId('report-json').getAttribute('href')).toBe(`/api/bench/runs/${RUN}/report.json`);
    await shot('bench-report-phone');
  });

  it('someone with two roles switches between them', async () => {
    hub.signIn('manager', 'caregiver');
    await go('/', '[data-testid=new-device]');
    await page.getByTestId('menu').click();
    await shot('menu');
    expect(await violations()).toEqual([]);
    await page.getByRole('button', { name: /^介護職/ }).click();
    await page.getByTestId('tile-r01').waitFor();
  });

  it('pages are in English for who wants it, and the account keeps it', async () => {
    hub.signIn('caregiver');
    await go('/floor', '[data-testid=tile-r01]');
    await page.getByTestId('menu').click();
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByText('Last prediction').waitFor();
    expect(await page.evaluate('document.documentElement.lang')).toBe('en');
    expect(hub.requests.some(({ line }) => line === 'PUT /api/session/language')).toBe(true);
    await shot('floor-english');
  });
});
