// A backup reads everybody's data: that it was made, and that one was put back, stands in the audit trail like every access.
import pino from 'pino';
import type { Text } from '../http/problem.ts';
import { service } from '../identity/index.ts';
import { openRecords } from '../records/index.ts';
import { openDatabase } from '../store/index.ts';

/** @throws Error when it cannot be written: then there is no backup either */
export async function noteInAudit(databaseUrl: string, what: Text): Promise<void> {
  const database = openDatabase(databaseUrl, { connections: 2 });
  try {
    const records = await openRecords({ database, log: pino({ level: 'silent' }) });
    await records.audit({ actor: service('setup'), action: 'export', what, allowed: true });
  } finally {
    await database.close();
  }
}
