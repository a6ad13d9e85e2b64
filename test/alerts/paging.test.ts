// Pages leave by the on-call list, each once, and none after an acknowledgement: with the real database, its locks and its restarts.
import { sql } from 'kysely';
import pino from 'pino';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { attend, dueTimes } from '../../hub/alerts/attend.ts';
import { openAlerts } from '../../hub/alerts/index.ts';
import type { MessengerDeps, OnDuty } from '../../hub/alerts/messenger.ts';
import { DEFAULT_ON_CALL, writeOnCall } from '../../hub/alerts/on-call.ts';
import { startEscalation } from '../../hub/alerts/queue.ts';
import { openRecords } from '../../hub/records/index.ts';
import { freshDatabase, unique } from '../harness/index.ts';
import { type Home, home } from './people.ts';

const MINUTE = 60_000;
const log = pino({ level: 'silent' });
const database = await freshDatabase();
const records = await openRecords({ database, log });
let now = Date.parse('2026-01-10T10:00:00Z');
const alerts = openAlerts({ database, records, log, now: () => now });
afterAll(() => database.close());

const someone = (account: string, role: OnDuty['roles'][number]): OnDuty => ({
  account,
  name: account,
  email: `${account}@hub.example`,
  language: 'ja',
  roles: [role],
});
const people = [someone('sakura', 'caregiver'), someone('momo', 'caregiver'), someone('ume', 'manager')];

let sent: string[];
/** Messages on their way or out. */
let begun: number;
let failing: Set<string>;
/** While set, whoever sends waits for it. */
let held: Promise<void> | undefined;
let place: Home;
const way = (name: string) => ({
  targets: async (wanted: OnDuty[]) =>
    wanted.map(({ account }) => ({
      key: account,
      async send() {
        begun++;
        await held;
        if (failing.has(account)) throw new Error('no answer');
        sent.push(`${name} ${account}`);
      },
    })),
});
const deps: MessengerDeps = {
  database,
  messengers: { push: way('push'), mail: way('mail') },
  staff: async () => people,
  log,
  now: () => now,
};
const call = async () =>
  (await alerts.raise({
    patient: place.patients[0]!,
    facility: place.facility,
    kind: 'call',
    detail: { ja: '呼び出し', en: 'call' },
    at: now,
    key: unique('call'),
  }))!;
const view = (id: string) => alerts.read(place.caregiver, id);
beforeEach(async () => {
  place = await home(records, 1);
  sent = [];
  begun = 0;
  failing = new Set();
  held = undefined;
});

describe('paging', () => {
  test('caregivers’ pages are called with the alert itself, their phones at once, the manager five minutes later', async () => {
    const id = await call();
    expect((await view(id)).paged).toEqual(['caregiver']);
    expect(await attend(deps, id)).toBe(now + 5 * MINUTE);
    expect(sent.sort()).toEqual(['push momo', 'push sakura']);
    now += 5 * MINUTE;
    await attend(deps, id);
    expect(sent.slice(2).sort()).toEqual(['mail ume', 'push ume']);
    expect((await view(id)).paged).toEqual(['caregiver', 'manager']);
  });

  test('attended to again and by several processes at once, nobody is paged twice', async () => {
    const id = await call();
    await Promise.all([attend(deps, id), attend(deps, id), attend(deps, id)]);
    await attend(deps, id);
    expect(sent).toHaveLength(2);
  });

  test('after an acknowledgement nothing leaves; forgotten, the alert calls again and says who had taken it', async () => {
    const id = await call();
    now += 4 * MINUTE;
    await alerts.acknowledge(place.caregiver, id);
    now += MINUTE;
    expect(await attend(deps, id), 'the re-alarm').toBe(now + 14 * MINUTE);
    expect(sent).toEqual([]);
    now += 14 * MINUTE;
    await attend(deps, id);
    expect(await view(id)).toMatchObject({ state: 'open', acknowledgedBy: null, paged: ['caregiver'], forgotten: { by: '介護 桜' } });
    expect(sent.sort()).toEqual(['push momo', 'push sakura']);
  });

  test('an outcome ends it', async () => {
    const id = await call();
    await alerts.recordOutcome(place.caregiver, id, { outcome: 'false', onset: null, comment: '' });
    now += 60 * MINUTE;
    expect(await attend(deps, id)).toBeNull();
    expect(sent).toEqual([]);
    expect((await dueTimes(deps)).has(id)).toBe(false);
  });

  test('an acknowledgement waits for a page that is on its way, and stops the ones behind it', async () => {
    const id = await call();
    const { promise, resolve: release } = Promise.withResolvers<void>();
    held = promise;
    now += 5 * MINUTE;
    const attending = attend(deps, id);
    let acknowledged = false;
    await expect.poll(() => begun).toBeGreaterThan(0);
    const acknowledging = alerts.acknowledge(place.caregiver, id).then(() => {
      acknowledged = true;
    });
    await expect
      .poll(async () => {
        const { rows } = await database.pool.query(
          `select count(*)::int as waiting from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
        );
        return rows[0].waiting;
      })
      .toBeGreaterThan(0);
    expect(acknowledged).toBe(false);
    release();
    await Promise.all([attending, acknowledging]);
    const before = sent.length;
    expect(before).toBeLessThan(4);
    await attend(deps, id);
    expect(sent).toHaveLength(before);
  });

  test('a phone that cannot be reached is tried again, the others are not called twice', async () => {
    failing.add('momo');
    const id = await call();
    expect(await attend(deps, id)).toBe(now + 5000);
    expect(sent).toEqual(['push sakura']);
    failing.clear();
    now += 5000;
    await attend(deps, id);
    expect(sent).toEqual(['push sakura', 'push momo']);
  });

  test('an alert that was open before there was a list begins it', async () => {
    const id = await call();
    for (const table of ['alert_escalations', 'alert_pages']) await database.pool.query(`delete from ${table} where alert = $1`, [id]);
    await database.pool.query(`update alerts set paged = '{}' where id = $1`, [id]);
    expect((await dueTimes(deps)).has(id)).toBe(true);
    await attend(deps, id);
    expect((await view(id)).paged).toEqual(['caregiver']);
    expect(sent.sort()).toEqual(['push momo', 'push sakura']);
  });

  test('the facility’s own list counts, and one person may be named', async () => {
    const list = {
      ...DEFAULT_ON_CALL,
      steps: [{ who: { account: 'momo' }, afterSeconds: 60, ways: ['push' as const], tiers: ['urgent' as const], hours: null }],
    };
    await writeOnCall(database.kysely, place.facility, list, '施設長', new Date(now));
    const id = await call();
    await attend(deps, id);
    expect(sent).toEqual([]);
    now += MINUTE;
    await attend(deps, id);
    expect(sent).toEqual(['push momo']);
  });
});

test('the queue wakes what fell due while nobody ran, once', async () => {
  await database.pool.query('delete from alerts');
  await call();
  now += 6 * MINUTE;
  const first = await startEscalation(deps);
  const second = await startEscalation(deps);
  try {
    await expect.poll(() => [...sent].sort(), { timeout: 10_000 }).toEqual(['mail ume', 'push momo', 'push sakura', 'push ume']);
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
});

test('more alerts at once than there are database connections are all paged, though each has devices to look up', async () => {
  await database.pool.query('delete from alerts');
  const kysely = database.kysely;
  const looksUp = {
    async targets(wanted: OnDuty[]) {
      await sql`select pg_sleep(0.05)`.execute(kysely);
      return way('push').targets(wanted);
    },
  };
  for (let count = 0; count < 8; count++) {
    place = await home(records, 1);
    await call();
  }
  const escalation = await startEscalation({ ...deps, messengers: { push: looksUp } });
  try {
    await expect.poll(() => sent.length, { timeout: 10_000 }).toBe(16);
  } finally {
    await escalation.close();
  }
});
