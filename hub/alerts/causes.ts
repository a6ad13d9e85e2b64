// Raises alerts from what happened (a call, a fall, a vital sign, a silence): each cause once, one unresolved alert of a kind.
import { type RawBuilder, sql } from 'kysely';
import type { Logger } from 'pino';
import type { Database } from '../store/index.ts';
import { changing } from './changing.ts';
import type { CauseRaiser } from './contract.ts';
import type { AlertRow, Connection } from './store.ts';

export function causeRaiser({ database, log, now }: { database: Database; log: Logger; now: () => number }): CauseRaiser {
  return {
    async raise(cause) {
      const at = new Date(cause.at);
      let found: string | null = null;
      await changing(database, new Date(now()), async connection => {
        const { alert, changed } = await alertFor(connection, cause, at);
        const { rows } = await sql`
          insert into alert_causes (key, alert, at) values (${cause.key}, ${alert}::uuid, ${at}) on conflict do nothing returning 1`.execute(
          connection,
        );
        if (!rows.length) return [];
        found = alert;
        return changed ? [changed] : reopened(connection, alert, cause, at);
      });
      if (found) log.info({ alert: found, kind: cause.kind }, 'alert raised');
      return found;
    },
    async clear(cause) {
      const { kind, at } = cause;
      const over = new Date(at);
      await changing(database, new Date(now()), async connection => {
        const { rows } =
          kind === 'uncovered'
            ? await sql<AlertRow>`
                update alerts set fell_at = ${over}, state = 'resolved', resolved_at = ${over}
                where ${ofSubject(cause)} and kind = ${kind} and state <> 'resolved' returning *`.execute(connection)
            : await sql<AlertRow>`
                update alerts set fell_at = ${over}
                where ${ofSubject(cause)} and kind = ${kind} and state <> 'resolved' and fell_at is null returning *`.execute(connection);
        return rows;
      });
    },
  };
}

type Given = Parameters<CauseRaiser['raise']>[0];

/** Alerts of the same resident, place or facility. */
function ofSubject({ patient, place, facility }: Pick<Given, 'patient' | 'place' | 'facility'>): RawBuilder<boolean> {
  if (patient !== null) return sql<boolean>`patient = ${patient}`;
  if (place) return sql<boolean>`facility = ${facility} and place = ${place}`;
  return sql<boolean>`facility = ${facility} and patient is null and place is null`;
}

/** The alert this cause was told for, or the unresolved one of its kind, or a new one (`changed`). Others wait for the row. */
async function alertFor(connection: Connection, cause: Given, at: Date) {
  const { patient, place = null, facility, kind, detail, key } = cause;
  const known = async () => {
    const told = await sql<{ id: string }>`select alert as id from alert_causes where key = ${key}`.execute(connection);
    if (told.rows[0]) return told.rows[0].id;
    const { rows } = await sql<{ id: string }>`
      select id from alerts where ${ofSubject(cause)} and kind = ${kind} and state <> 'resolved' for update`.execute(connection);
    return rows[0]?.id;
  };
  // A conflict means that another process raises it now; with its end the alert is there, or was closed again and is raised anew.
  for (;;) {
    const alert = await known();
    if (alert) return { alert, changed: null };
    const { rows } = await sql<AlertRow>`
      insert into alerts (patient, place, facility, kind, raised_at, detail, state)
      values (${patient}, ${place}, ${facility}, ${kind}, ${at}, ${JSON.stringify(detail)}::jsonb, 'open')
      on conflict do nothing returning *`.execute(connection);
    if (rows[0]) return { alert: rows[0].id, changed: rows[0] };
  }
}

/** A further cause of an alert that is not closed: its words are the newest, and who had acknowledged is asked again. */
async function reopened(connection: Connection, alert: string, { detail, kind }: Given, at: Date): Promise<AlertRow[]> {
  // A call or a fall is an event each time; a vital sign or a silence goes on until it was over.
  const event = kind === 'call' || kind === 'fall';
  const again = sql`state = 'acknowledged' and (${event} or fell_at is not null)`;
  const { rows } = await sql<AlertRow>`
    update alerts set detail = ${JSON.stringify(detail)}::jsonb, fell_at = null,
      state = case when ${again} then 'open' else state end,
      raised_at = case when ${again} then greatest(raised_at, ${at}) else raised_at end,
      acknowledged_by = case when ${again} then null else acknowledged_by end,
      acknowledged_reference = case when ${again} then null else acknowledged_reference end,
      acknowledged_at = case when ${again} then null else acknowledged_at end
    where id = ${alert}::uuid and state <> 'resolved' returning *`.execute(connection);
  return rows;
}
