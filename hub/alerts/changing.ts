// The one way to change alerts: change, escalation and notification are one transaction.
import { sql } from 'kysely';
import type { Database } from '../store/index.ts';
import { follow } from './follow.ts';
import type { AlertRow, Connection } from './store.ts';

/** Runs `change` in a transaction; the escalation of each alert it returns follows, and its followers are told. */
export async function changing(database: Database, at: Date, change: (connection: Connection) => Promise<AlertRow[]>): Promise<AlertRow[]> {
  return database.kysely.transaction().execute(async transaction => {
    const rows: AlertRow[] = [];
    for (const row of await change(transaction)) rows.push(await follow(transaction, row, at));
    for (const { id, facility } of rows) await announce(transaction, id, facility);
    return rows;
  });
}

/** Who follows the facility's floor gets the alert as it is when the transaction ends. */
export async function announce(connection: Connection, id: string, facility: string): Promise<void> {
  await sql`select pg_notify('alerts', ${JSON.stringify({ alert: id, facility })})`.execute(connection);
}
