// Sign-in links: a random token that is handed to a person, kept only as a hash, with an end and a number of uses.
import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { Database } from '../store/index.ts';

type LinkTable = {
  identity_link: {
    token_sha256: string;
    /** null: the link that makes the first administrator. */
    account: string | null;
    uses_left: number;
    expires: Date;
    created_by: string | null;
    created: Date;
  };
};

const hash = (token: string) => createHash('sha256').update(token).digest('hex');

export interface LinkStore {
  make(link: { account: string | null; hours: number; uses: number; createdBy: string | null }): Promise<{ token: string; expires: Date }>;
  /** Takes one use off the link and returns its account, or null when it is unknown, used up or over. */
  use(token: string): Promise<string | null>;
  /** As `use`, for the link of the first administrator. */
  useFirst(token: string): Promise<boolean>;
  /** Ends every link of an account, or those of the first administrator (null). */
  end(account: string | null): Promise<void>;
}

export function openLinks(database: Database): LinkStore {
  const kysely = database.kysely.withTables<LinkTable>();
  const take = (token: string) =>
    kysely
      .updateTable('identity_link')
      .set({ uses_left: sql`uses_left - 1` })
      .where('token_sha256', '=', hash(token))
      .where('uses_left', '>', 0)
      .where('expires', '>', sql<Date>`now()`);
  return {
    async make({ account, hours, uses, createdBy }) {
      const token = randomBytes(32).toString('base64url');
      const expires = new Date(Date.now() + hours * 3_600_000);
      await kysely
        .insertInto('identity_link')
        .values({ token_sha256: hash(token), account, uses_left: uses, expires, created_by: createdBy, created: new Date() })
        .execute();
      return { token, expires };
    },
    async use(token) {
      const row = await take(token).where('account', 'is not', null).returning('account').executeTakeFirst();
      return row?.account ?? null;
    },
    async useFirst(token) {
      const row = await take(token).where('account', 'is', null).returning('token_sha256').executeTakeFirst();
      return row !== undefined;
    },
    async end(account) {
      await kysely
        .deleteFrom('identity_link')
        .where('account', account === null ? 'is' : '=', account)
        .execute();
    },
  };
}
