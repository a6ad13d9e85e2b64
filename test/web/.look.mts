import { readFileSync } from 'node:fs';
import { chromium } from 'playwright';

const log = readFileSync('/tmp/web-demo.log', 'utf8');
const links = [...log.matchAll(/ \/ ([a-z ]+?) {2}.*\n.*\n\s+(http\S+)/g)].map(m => [m[1], m[2]] as const);
const want: Record<string, string[]> = {
  patient: ['/today', '/record', '/sharing'],
  'island doctor': ['/worklist', '/documents'],
  specialist: ['/inbox'],
  caregiver: ['/floor', '/handover'],
  'facility manager': ['/coverage', '/people'],
  'device maker': ['/bench', '/profiles'],
  administrator: ['/state', '/people', '/audit'],
};
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking'],
});
const only = process.argv[2];
for (const [who, link] of links) {
  if (only && who !== only) continue;
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'ja-JP' });
  const page = await context.newPage();
  page.on('console', m => {
    if (m.type() === 'error') console.log(who, page.url(), m.text());
  });
  page.on('response', r => {
    if (r.status() >= 400 && !r.url().endsWith('/api/session')) console.log(who, r.status(), r.request().method(), r.url());
  });
  page.on('pageerror', e => console.log(who, 'PAGEERROR', e.message));
  await page.goto(link);
  await page.waitForURL(u => u.pathname !== '/s', { timeout: 15000 }).catch(() => console.log(who, 'stuck', page.url()));
  for (const at of want[who] ?? []) {
    await page.goto('http://localhost:18181' + at);
    await page.waitForTimeout(2500);
    await page.screenshot({ path: `/tmp/web-live/${who.replace(' ', '-')}${at.replaceAll('/', '-')}.png`, fullPage: true });
    if (at === '/floor') {
      const tile = page.locator('[data-testid^=tile-]').first();
      console.log('tile', await tile.getAttribute('data-testid'), await tile.getAttribute('data-state'));
      const href = await tile.getAttribute('href');
      await tile.click();
      await page.waitForTimeout(4000);
      await page.screenshot({ path: `/tmp/web-live/caregiver-tile.png`, fullPage: true });
      console.log(href, page.url());
    }
  }
  await context.close();
}
await browser.close();
