// Each role tells the others that it lives and what works in it, by a row that it renews.
import { hostname } from 'node:os';
import { sql } from 'kysely';
import type { HubRole } from '../config.ts';
import type { Database } from '../store/index.ts';

type PresenceTable = {
  role_presence: { node: string; role: string; pid: number; detail: Record<string, unknown>; beat: Date };
};

const BEAT_MS = 2000;
/** A role whose last beat is older counts as gone. */
const GONE_SECONDS = 6;

/** Begins the beats of this process; `detail` is asked at each. Returns the way to end them. */
export async function announce(database: Database, role: HubRole, detail: () => Record<string, unknown>): Promise<() => Promise<void>> {
  const kysely = database.kysely.withTables<PresenceTable>();
  const row = { node: hostname(), role, pid: process.pid };
  const beat = () =>
    kysely
      .insertInto('role_presence')
      .values({ ...row, detail: sql`${JSON.stringify(detail())}::jsonb`, beat: sql`now()` })
      .onConflict(conflict =>
        conflict.columns(['node', 'role']).doUpdateSet({ pid: row.pid, detail: sql`excluded.detail`, beat: sql`now()` }),
      )
      .execute();
  await beat();
  const timer = setInterval(() => void beat().catch(() => undefined), BEAT_MS);
  return async () => {
    clearInterval(timer);
    await kysely.deleteFrom('role_presence').where('node', '=', row.node).where('role', '=', role).where('pid', '=', row.pid).execute();
  };
}

/** The living processes of a role and what they say of themselves. */
export async function present(
  database: Database,
  role: HubRole,
): Promise<{ node: string; pid: number; detail: Record<string, unknown> }[]> {
  return database.kysely
    .withTables<PresenceTable>()
    .selectFrom('role_presence')
    .select(['node', 'pid', 'detail'])
    .where('role', '=', role)
    .where('beat', '>', sql<Date>`now() - make_interval(secs => ${GONE_SECONDS})`)
    .execute();
}
