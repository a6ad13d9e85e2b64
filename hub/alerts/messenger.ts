// Sends an alert's due pages by push and e-mail, each while the alert is held: nobody can acknowledge in between.
import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { Logger } from 'pino';
import type { Database } from '../store/index.ts';
import type { Way } from './contract.ts';
import type { Page } from './escalation.ts';
import type { Connection } from './store.ts';

/** Someone of the facility who may be called. */
export interface OnDuty {
  account: string;
  name: string;
  email: string;
  language: 'ja' | 'en';
  roles: ('caregiver' | 'manager')[];
}

/** One place a page goes to. */
export interface Target {
  /** Names the place for the hub: an endpoint, an address. */
  key: string;
  /** @throws Error when it did not arrive and may be tried again. A place that is gone for good returns. */
  send(page: { id: string; alert: string }): Promise<void>;
}

/** A way that leaves the hub. */
export interface Messenger {
  targets(people: OnDuty[]): Promise<Target[]>;
}
export type Messengers = Partial<Record<Exclude<Way, 'live'>, Messenger>>;

const ATTEMPTS = 6;
/** Seconds until the next attempt: 5, 10, 20 … */
const delayAfter = (attempts: number) => 5 * 2 ** Math.max(0, attempts - 1);

export interface MessengerDeps {
  database: Database;
  messengers: Messengers;
  /** Who is at a facility now. */
  staff: (facility: string) => Promise<OnDuty[]>;
  log: Logger;
  now: () => number;
}

interface PageRow {
  id: string;
  way: Exclude<Way, 'live'>;
  who: Page['who'];
  attempts: number;
}

/**
 * Sends what is due. A page that is at work in another process is left to it. A process that dies in the middle leaves the page due: it is
 * sent again under the same name (Topic of RFC 8030 section 5.4, Message-ID), which the receiver shows once.
 */
export async function sendDuePages(deps: MessengerDeps, alert: { id: string; facility: string }): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select id from alert_pages where alert = ${alert.id}::uuid and state = 'due' and next_attempt <= ${new Date(deps.now())}
    order by made_at, step`.execute(deps.database.kysely);
  if (!rows.length) return;
  // Asked for before the alert is held.
  const people = await deps.staff(alert.facility);
  for (const { id } of rows) await sendPage(deps, alert.id, id, people);
}

async function sendPage({ database, messengers, log, now }: MessengerDeps, alert: string, id: string, people: OnDuty[]): Promise<void> {
  const asked = await sql<Pick<PageRow, 'way' | 'who'>>`select way, who from alert_pages where id = ${id}::uuid`.execute(database.kysely);
  const [{ way, who } = {}] = asked.rows;
  if (!way || !who) return;
  const wanted = people.filter(person => ('role' in who ? person.roles.includes(who.role) : person.account === who.account));
  // Looked up before the alert is held: whoever holds a connection must not wait for another, as many may be at work at once.
  const targets = (await messengers[way]?.targets(wanted)) ?? [];
  await database.kysely.transaction().execute(async transaction => {
    const held = await sql<{ state: string }>`select state from alerts where id = ${alert}::uuid for share`.execute(transaction);
    const { rows } = await sql<Omit<PageRow, 'who'>>`
      select id, way, attempts from alert_pages where id = ${id}::uuid and state = 'due' for update skip locked`.execute(transaction);
    const [page] = rows;
    if (!page) return;
    if (held.rows[0]?.state !== 'open') return finish(transaction, id, 'dropped', now(), 0, null);
    const known = await deliveriesOf(transaction, id);
    const failures: string[] = [];
    let reached = known.size;
    await Promise.all(
      targets.map(async target => {
        const key = createHash('sha256').update(target.key).digest('base64url');
        if (known.has(key)) return;
        try {
          await target.send({ id, alert });
        } catch (error) {
          failures.push((error as Error).message);
          return;
        }
        reached++;
        await sql`insert into alert_deliveries (page, target, at) values (${id}::uuid, ${key}, ${new Date(now())})`.execute(transaction);
      }),
    );
    log.info({ page: id, way: page.way, reached, failed: failures.length }, 'page sent');
    if (!failures.length) return finish(transaction, id, 'sent', now(), reached, null);
    const problem = [...new Set(failures)].join('; ').slice(0, 500);
    if (page.attempts + 1 >= ATTEMPTS) return finish(transaction, id, 'failed', now(), reached, problem);
    const next = new Date(now() + delayAfter(page.attempts + 1) * 1000);
    await sql`update alert_pages set attempts = attempts + 1, next_attempt = ${next}, reached = ${reached}, problem = ${problem}
      where id = ${id}::uuid`.execute(transaction);
  });
}

async function finish(
  connection: Connection,
  id: string,
  state: 'sent' | 'dropped' | 'failed',
  at: number,
  reached: number,
  problem: string | null,
): Promise<void> {
  await sql`
    update alert_pages set state = ${state}, attempts = attempts + 1, next_attempt = null, reached = ${reached}, problem = ${problem},
      sent_at = ${state === 'sent' ? new Date(at) : null}
    where id = ${id}::uuid`.execute(connection);
}

async function deliveriesOf(connection: Connection, page: string): Promise<Set<string>> {
  const { rows } = await sql<{ target: string }>`select target from alert_deliveries where page = ${page}::uuid`.execute(connection);
  return new Set(rows.map(row => row.target));
}
