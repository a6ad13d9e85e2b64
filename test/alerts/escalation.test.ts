// The escalation machine: who is paged when, and that nobody is paged after an acknowledgement until the re-alarm is due.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OnCall, Step, Tier } from '../../hub/alerts/contract.ts';
import { type Escalation, type Event, type Page, planAt, step } from '../../hub/alerts/escalation.ts';
import { DEFAULT_ON_CALL, inHours, spanAround } from '../../hub/alerts/on-call.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-01-10T10:00:00Z');

describe('the hub’s own list', () => {
  const run = (tier: Tier, ...events: [minutes: number, what: Event['what']][]) => {
    let state: Escalation | null = null;
    const pages: [number, Page][] = [];
    for (const [minutes, what] of events) {
      const at = START + minutes * MINUTE;
      const outcome = step(state, { what }, at, DEFAULT_ON_CALL, tier);
      state = outcome.state;
      pages.push(...outcome.pages.map((page): [number, Page] => [minutes, page]));
    }
    return { state: state!, pages: pages.map(([minutes, page]) => [minutes, page.round, (page.who as { role: string }).role]) };
  };

  test('pages the caregivers at once and the manager after five minutes', () => {
    expect(run('urgent', [0, 'raised'], [4.9, 'time'], [5, 'time']).pages).toEqual([
      [0, 1, 'caregiver'],
      [5, 1, 'manager'],
    ]);
  });
  test('stops when someone acknowledges', () => {
    const { pages, state } = run('urgent', [0, 'raised'], [2, 'acknowledged'], [5, 'time'], [16.9, 'time']);
    expect(pages).toEqual([[0, 1, 'caregiver']]);
    expect(state).toMatchObject({ phase: 'held', dueAt: START + 17 * MINUTE });
  });
  test('begins anew when an acknowledged alert is forgotten', () => {
    const { pages } = run('urgent', [0, 'raised'], [2, 'acknowledged'], [17, 'time'], [22, 'time']);
    expect(pages.slice(1)).toEqual([
      [17, 2, 'caregiver'],
      [22, 2, 'manager'],
    ]);
  });
  test('begins anew when the resident calls again after an acknowledgement', () => {
    expect(run('urgent', [0, 'raised'], [2, 'acknowledged'], [3, 'raised']).pages.at(-1)).toEqual([3, 2, 'caregiver']);
  });
  test('ends with the outcome, for good', () => {
    const { pages, state } = run('urgent', [0, 'raised'], [2, 'resolved'], [5, 'time'], [6, 'raised'], [7, 'acknowledged'], [90, 'time']);
    expect(pages).toHaveLength(1);
    expect(state).toMatchObject({ phase: 'over', dueAt: null });
  });
  test('repeats the last step after 5, 10 and 20 minutes while nobody comes', () => {
    const { pages } = run('urgent', [0, 'raised'], [5, 'time'], [10, 'time'], [15, 'time'], [20, 'time'], [30, 'time'], [40, 'time']);
    expect(pages.slice(2).map(([minutes]) => minutes)).toEqual([10, 20, 40]);
  });
  test('leaves what can wait to the live page', () => {
    expect(planAt(DEFAULT_ON_CALL, 'watch', START).flatMap(({ ways }) => ways)).not.toContain('mail');
  });
});

describe('hours', () => {
  const at = (time: string) => Date.parse(`2026-01-10T${time}:00+09:00`);
  test('over midnight, from inclusive, to exclusive, in Japan’s time', () => {
    const night = { from: '17:00', to: '09:00' };
    expect(['16:59', '17:00', '23:59', '00:00', '08:59', '09:00'].map(time => inHours(night, at(time)))).toEqual([
      false,
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(spanAround(night, at('03:00'))).toEqual({ from: at('17:00') - 86_400_000, to: at('09:00') });
  });
  test('a step is left out when it is not on duty; with nobody on duty everyone is called', () => {
    const of = (hours: Step['hours'], role: 'caregiver' | 'manager'): Step => ({
      who: { role },
      afterSeconds: 0,
      ways: ['live'],
      tiers: ['urgent'],
      hours,
    });
    const day = { from: '09:00', to: '17:00' };
    const list = (steps: Step[]): OnCall => ({ ...DEFAULT_ON_CALL, steps });
    expect(planAt(list([of(day, 'manager'), of(null, 'caregiver')]), 'urgent', at('20:00'))).toMatchObject([
      { who: { role: 'caregiver' } },
    ]);
    expect(planAt(list([of(day, 'manager')]), 'urgent', at('20:00'))).toMatchObject([{ who: { role: 'manager' } }]);
    expect(planAt(list([]), 'act', at('20:00'))).toHaveLength(2);
  });
});

const tiers = fc.constantFrom<Tier>('urgent', 'act', 'watch');
const steps = fc.array(
  fc.record<Step>({
    who: fc.constantFrom<Step['who']>({ role: 'caregiver' }, { role: 'manager' }, { account: 'a' }),
    afterSeconds: fc.integer({ min: 0, max: 7200 }),
    ways: fc.constant(['live']),
    tiers: fc.subarray<Tier>(['urgent', 'act', 'watch'], { minLength: 1 }),
    hours: fc.option(fc.constantFrom({ from: '09:00', to: '17:00' }, { from: '22:00', to: '06:00' })),
  }),
  { maxLength: 6 },
);
const lists = fc.record<OnCall>({
  steps,
  forgottenMinutes: fc.record({ urgent: fc.integer({ min: 1, max: 60 }), act: fc.integer({ min: 1, max: 240 }), watch: fc.constant(480) }),
});
const happenings = fc.array(
  fc.record({
    after: fc.integer({ min: 0, max: 40 * MINUTE }),
    what: fc.oneof(
      { arbitrary: fc.constant<Event['what']>('time'), weight: 6 },
      { arbitrary: fc.constantFrom<Event['what']>('acknowledged', 'raised'), weight: 2 },
      { arbitrary: fc.constant<Event['what']>('resolved'), weight: 1 },
    ),
  }),
  { maxLength: 40 },
);
const name = (page: Page) => `${page.round}/${page.step}/${page.repeat}`;

describe('whatever happens', () => {
  test('no page is sent after an acknowledgement until the re-alarm is due, none after the end, and none twice', () => {
    fc.assert(
      fc.property(lists, tiers, happenings, (list, tier, events) => {
        let at = START;
        let { state, pages: sent } = step(null, { what: 'raised' }, at, list, tier);
        let acknowledged: number | null = null;
        let ended = false;
        const names = sent.map(name);
        for (const { after, what } of events) {
          at += after;
          if (what === 'raised') acknowledged = null;
          const outcome = step(state, { what }, at, list, tier);
          // Kept and read again between any two events: a restart changes nothing.
          state = JSON.parse(JSON.stringify(outcome.state)) as Escalation;
          sent = outcome.pages;
          if (ended) expect(sent).toEqual([]);
          if (sent.length && acknowledged !== null) {
            expect(outcome.forgotten).toBe(true);
            expect(at).toBeGreaterThanOrEqual(acknowledged + list.forgottenMinutes[tier] * MINUTE);
            acknowledged = null;
          }
          if (outcome.forgotten) acknowledged = null;
          if (what === 'acknowledged' && acknowledged === null) acknowledged = at;
          if (what === 'resolved') ended = true;
          names.push(...sent.map(name));
        }
        expect(new Set(names).size).toBe(names.length);
      }),
      { numRuns: 500 },
    );
  });

  test('an alert that nobody acknowledges reaches the last step, however late and often it is woken', () => {
    fc.assert(
      fc.property(lists, tiers, fc.array(fc.integer({ min: 0, max: 10 * MINUTE }), { maxLength: 20 }), (list, tier, late) => {
        const first = step(null, { what: 'raised' }, START, list, tier);
        let state = first.state;
        const paged = first.pages.map(page => page.step);
        const last = state.plan.at(-1)!.dueAt;
        for (let woken = 0; state.next < state.plan.length; woken++) {
          expect(state.dueAt, 'it asks to be woken').not.toBeNull();
          const outcome = step(state, { what: 'time' }, state.dueAt! + (late[woken] ?? 0), list, tier);
          state = outcome.state;
          paged.push(...outcome.pages.map(page => page.step));
          expect(woken).toBeLessThan(10);
        }
        expect(last).toBeLessThanOrEqual(START + 7200_000);
        expect(paged).toEqual(state.plan.map((_, index) => index));
      }),
      { numRuns: 300 },
    );
  });
});
