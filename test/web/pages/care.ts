// A patient decides about sharing; a doctor makes a consultation.
import { describe, expect, it } from 'vitest';
import { go, hub, page, shot, violations } from './stand.ts';

describe('a patient', () => {
  it('is asked before sharing stops, and can take it back', async () => {
    hub.signIn('patient');
    await go('/sharing', '[data-testid=sharing-stop-shima]');
    await page.getByTestId('sharing-stop-shima').click();
    await shot('sharing-dialog');
    await page.getByTestId('sharing-confirm').click();
    await page.getByTestId('sharing-allow-shima').waitFor();
    await page.getByRole('button', { name: 'もどす' }).click();
    await page.getByTestId('sharing-stop-shima').waitFor();
  });
});

describe('a doctor', () => {
  it('makes a consultation with a patient and a specialist', async () => {
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
});
