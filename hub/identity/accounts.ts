// Accounts by the person of the record they are: for those who must reach people, not sign them in.
import { sql } from 'kysely';
import type { Database } from '../store/index.ts';

export interface Reachable {
  account: string;
  name: string;
  email: string;
  language: 'ja' | 'en';
  reference: string;
}

/** The accounts of these `Practitioner/…`; who has none, and whose account is ended, is left out: leavers are reached by nothing. */
export async function accountsOf(database: Database, references: string[]): Promise<Reachable[]> {
  const { rows } = await sql<Reachable>`
    select id as account, name, email, case when language = 'en' then 'en' else 'ja' end as language, reference
    from identity_account where reference = any(${references}::text[]) and ended is null order by name, id`.execute(database.kysely);
  return rows;
}

/** The accounts of administrators, of those that are not ended. */
export async function administratorsOf(database: Database): Promise<Omit<Reachable, 'reference'>[]> {
  const { rows } = await sql<Omit<Reachable, 'reference'>>`
    select id as account, name, email, case when language = 'en' then 'en' else 'ja' end as language
    from identity_account where administrator and ended is null order by name, id`.execute(database.kysely);
  return rows;
}
