// Works on one alert when its time has come: moves its escalation and sends what is due. The truth is in the tables; who calls is free.
import { sql } from 'kysely';
import { announce } from './changing.ts';
import { follow } from './follow.ts';
import { type MessengerDeps, sendDuePages } from './messenger.ts';
import type { AlertRow } from './store.ts';

/** @returns when the alert is to be attended to again (ms since 1970); null: not before something else happens to it. */
export async function attend(deps: MessengerDeps, alert: string): Promise<number | null> {
  const { database, now } = deps;
  const moved = await database.kysely.transaction().execute(async transaction => {
    const { rows } = await sql<AlertRow>`select * from alerts where id = ${alert}::uuid for update`.execute(transaction);
    const [row] = rows;
    if (!row) return null;
    const after = row.state === 'resolved' ? row : await follow(transaction, row, new Date(now()), { what: 'time' });
    if (after !== row) await announce(transaction, row.id, row.facility);
    return after;
  });
  if (!moved) return null;
  await sendDuePages(deps, moved);
  return (await dueTimes(deps, alert)).get(alert) ?? null;
}

/** When each alert (or this one) is due: its next step, repeat or re-alarm, or a page that is tried again. */
export async function dueTimes({ database }: Pick<MessengerDeps, 'database'>, alert: string | null = null): Promise<Map<string, number>> {
  const { rows } = await sql<{ alert: string; due: Date }>`
    select alert, min(due) as due from (
      select alert, due_at as due from alert_escalations where due_at is not null
      union all select alert, next_attempt from alert_pages where state = 'due' and next_attempt is not null
      -- Open since before there were escalations: it begins its list now.
      union all select id, raised_at from alerts a
        where state = 'open' and not exists (select 1 from alert_escalations e where e.alert = a.id)
    ) waiting where ${alert}::uuid is null or alert = ${alert}::uuid group by alert`.execute(database.kysely);
  return new Map(rows.map(row => [row.alert, row.due.getTime()]));
}
