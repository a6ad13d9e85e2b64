// Keeps the escalation beside its alert: whatever changes an alert moves its escalation in the same transaction.
//
// What is certain, and why:
// - A page is asked for once: its name (alert, round, step, repeat, way) is unique, and is written with the state that asked for it.
// - A live page is that write: the notification to the open pages leaves PostgreSQL with the commit, or not at all.
// - Push and e-mail leave while the sender holds a share lock on the alert (messenger.ts). An acknowledgement waits for those few seconds at
//   most, and whatever is due after it is dropped here: so nothing leaves after an acknowledgement.
import { sql } from 'kysely';
import { TIER_OF } from './contract.ts';
import { type Escalation, type Event, type Page, step } from './escalation.ts';
import { readOnCall } from './on-call.ts';
import type { AlertRow, Connection } from './store.ts';

export const ESCALATIONS_CHANNEL = 'escalations';

const EVENT_OF: Record<AlertRow['state'], Event['what']> = { open: 'raised', acknowledged: 'acknowledged', resolved: 'resolved' };

/** The role or the account that a live page is for, as AlertView.paged has it. */
export const pagedName = (who: Page['who']): string => ('role' in who ? who.role : who.account);

/**
 * Moves the escalation of an alert whose row this transaction holds. Without `event` it follows the alert's state.
 * @returns the row as it is then
 */
export async function follow(connection: Connection, row: AlertRow, at: Date, event?: Event): Promise<AlertRow> {
  const what = event ?? { what: EVENT_OF[row.state] };
  const [held, { list }] = [await escalationOf(connection, row.id), await readOnCall(connection, row.facility)];
  const { state, pages, forgotten } = step(held, what, at.getTime(), list, TIER_OF[row.kind]);
  const moved = !held || held.phase !== state.phase || held.round !== state.round;
  if (!moved && !pages.length && held.dueAt === state.dueAt) return row;
  const dueAt = state.dueAt === null ? null : new Date(state.dueAt);
  await sql`
    insert into alert_escalations (alert, state, due_at) values (${row.id}::uuid, ${JSON.stringify(state)}::jsonb, ${dueAt})
    on conflict (alert) do update set state = excluded.state, due_at = excluded.due_at`.execute(connection);
  if (moved) {
    await sql`update alert_pages set state = 'dropped', next_attempt = null where alert = ${row.id}::uuid and state = 'due'`.execute(
      connection,
    );
    await tell(connection, row.id, at, forgotten ? 'forgotten' : what.what, what.what === 'time' ? row.acknowledged_by : nameOf(row));
  }
  for (const page of pages) await ask(connection, row.id, page, at);
  // With a due time or a page to send, the queue's clock has to know of it.
  await sql`select pg_notify(${ESCALATIONS_CHANNEL}, ${JSON.stringify({ alert: row.id })})`.execute(connection);
  return mark(connection, row, { begins: moved && state.phase === 'paging', pages, forgotten, at });
}

const nameOf = (row: AlertRow) => (row.state === 'acknowledged' ? row.acknowledged_by : row.state === 'resolved' ? row.resolved_by : null);

/** Shows on the alert whose pages it calls now, and that it was forgotten. */
async function mark(
  connection: Connection,
  row: AlertRow,
  { begins, pages, forgotten, at }: { begins: boolean; pages: Page[]; forgotten: boolean; at: Date },
): Promise<AlertRow> {
  const live = pages.filter(({ ways }) => ways.includes('live')).map(({ who }) => pagedName(who));
  const paged = [...new Set([...(begins ? [] : row.paged), ...live])];
  const { rows } = forgotten
    ? await sql<AlertRow>`
        update alerts set state = 'open', paged = ${paged}, forgotten_by = acknowledged_by, forgotten_at = ${at},
          acknowledged_by = null, acknowledged_reference = null, acknowledged_at = null
        where id = ${row.id}::uuid returning *`.execute(connection)
    : await sql<AlertRow>`update alerts set paged = ${paged} where id = ${row.id}::uuid returning *`.execute(connection);
  return rows[0] ?? row;
}

async function ask(connection: Connection, alert: string, page: Page, at: Date): Promise<void> {
  const who = JSON.stringify(page.who);
  for (const way of page.ways) {
    const live = way === 'live';
    await sql`
      insert into alert_pages (alert, round, step, repeat, way, who, made_at, state, next_attempt, sent_at)
      values (${alert}::uuid, ${page.round}, ${page.step}, ${page.repeat}, ${way}, ${who}::jsonb, ${at},
        ${live ? 'sent' : 'due'}, ${live ? null : at}, ${live ? at : null})
      on conflict do nothing`.execute(connection);
  }
  await tell(connection, alert, at, 'paged', null, { who: page.who, ways: page.ways, repeat: page.repeat });
}

async function tell(connection: Connection, alert: string, at: Date, what: string, by: string | null, detail: object | null = null) {
  await sql`
    insert into alert_events (alert, at, what, by_name, detail)
    values (${alert}::uuid, ${at}, ${what}, ${by}, ${detail && JSON.stringify(detail)}::jsonb)`.execute(connection);
}

async function escalationOf(connection: Connection, alert: string): Promise<Escalation | null> {
  const { rows } = await sql<{ state: Escalation }>`select state from alert_escalations where alert = ${alert}::uuid`.execute(connection);
  return rows[0]?.state ?? null;
}
