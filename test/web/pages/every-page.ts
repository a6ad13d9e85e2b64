// Every page: readable by all (axe), on a desk and on a phone, by day and by night; and how much script a patient loads.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { PersonRole } from '../../../hub/identity/actor.ts';
import { RUN } from '../bench-fixtures.ts';
import { SHARE_TOKEN } from '../phr-facts.ts';
import { built, DESK, forgetComplaints, go, hub, open, overflow, PHONE, page, shot, shots, violations } from './stand.ts';

const pages: { name: string; at: string; role: PersonRole | null; ready: string }[] = [
  { name: 'sign-in', at: '/sign-in', role: null, ready: '[data-testid=sign-in-form]' },
  { name: 'first', at: '/first#a-token-that-is-long-enough', role: null, ready: 'form' },
  { name: 'today', at: '/today', role: 'patient', ready: '[data-testid=prepare]' },
  { name: 'record', at: '/record', role: 'patient', ready: '.timeline' },
  { name: 'import', at: '/record/import', role: 'patient', ready: '[data-testid=import-take]' },
  { name: 'keep', at: '/record/keep', role: 'patient', ready: '[data-testid=kept]' },
  { name: 'links', at: '/links', role: 'patient', ready: '[data-testid=share-open]' },
  { name: 'shared', at: `/shared#${SHARE_TOKEN}`, role: null, ready: '[data-testid=shared-pin]' },
  { name: 'erasures', at: '/erasures', role: 'administrator', ready: '[data-testid=wish-answer]' },
  { name: 'sharing', at: '/sharing', role: 'patient', ready: '[data-testid=sharing-stop-shima]' },
  { name: 'looked', at: '/looked', role: 'patient', ready: '[data-testid=looked-search]' },
  { name: 'emergency', at: '/emergency', role: 'doctor', ready: '[data-testid=emergency-find]' },
  { name: 'acts-for', at: '/acts-for/r01', role: 'administrator', ready: '[data-testid=add-proxy]' },
  { name: 'reviews', at: '/emergency/reviews', role: 'administrator', ready: '[data-testid=review-g1]' },
  { name: 'worklist', at: '/worklist', role: 'doctor', ready: '[data-testid=open-room]' },
  { name: 'documents', at: '/documents', role: 'doctor', ready: '[data-testid=delivery-d1]' },
  { name: 'document', at: '/document/d1', role: 'doctor', ready: '[data-testid=proof]' },
  { name: 'draft', at: '/draft/draft-1', role: 'doctor', ready: '[data-testid=draft-confirm]' },
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
    forgetComplaints();
  });
});
