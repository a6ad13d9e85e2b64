// A manager: the on-call list, the alarm budget, what was learnt.
import { describe, expect, it } from 'vitest';
import { go, hub, page, shot, violations } from './stand.ts';

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

  it('a manager puts a value for one resident in force, seeing what it would have done, and takes it back', async () => {
    hub.signIn('manager');
    await go('/model', '[data-testid=people]');
    const people = page.getByTestId('people');
    for (const figure of ['この人の確率を、ほかの人より低く出す', '何もなかった 14', '何もなかったお知らせ146'])
      expect(await people.textContent()).toContain(figure);
    await page.getByTestId('adopt-person').click();
    await expect.poll(() => people.textContent()).toContain('使っています');
    await page.getByTestId('plain-person').click();
    await expect.poll(() => people.textContent()).toContain('前の値にもどす');
    expect(hub.requests.filter(({ line }) => line === 'POST /api/learning/himawari/person').map(({ body }) => body)).toEqual([
      { patient: 'r03', value: '22222222-2222-4222-8222-222222222222' },
      { patient: 'r03', value: null },
    ]);
  });
});
