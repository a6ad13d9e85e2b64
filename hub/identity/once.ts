// What is good for one use: challenges, states of a sign-in elsewhere, codes for apps. Kept as a hash, taken exactly once, over soon.
import { createHash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { Database } from '../store/index.ts';

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
/** 256 random bits, base64url. */
export const randomToken = () => randomBytes(32).toString('base64url');

export interface Once {
  /** Keeps `content` (JSON) under a new key, for `seconds`. */
  keep(purpose: string, content: object, seconds: number): Promise<string>;
  /** Takes what was kept under the key: of two that ask, one gets it. Null: unknown, over, used, or kept for another purpose. */
  take<T>(purpose: string, key: string): Promise<T | null>;
  /** Notes a value as used until `expires`. False: it was used before (a replay). */
  first(purpose: string, value: string, expires: Date): Promise<boolean>;
}

export function openOnce(database: Database): Once {
  const { kysely } = database;
  return {
    async keep(purpose, content, seconds) {
      const key = randomToken();
      await sql`with over as (delete from identity_once where expires < now())
        insert into identity_once (key_sha256, purpose, content, expires)
        values (${sha256(key)}, ${purpose}, ${JSON.stringify(content)}::jsonb, now() + make_interval(secs => ${seconds}))`.execute(kysely);
      return key;
    },
    async take<T>(purpose: string, key: string) {
      const { rows } = await sql<{ content: T }>`delete from identity_once
        where key_sha256 = ${sha256(key)} and purpose = ${purpose} and expires > now() returning content`.execute(kysely);
      return rows[0]?.content ?? null;
    },
    async first(purpose, value, expires) {
      const { rows } = await sql`insert into identity_once (key_sha256, purpose, content, expires)
        values (${sha256(`${purpose} ${value}`)}, ${purpose}, '{}', ${expires}) on conflict do nothing returning key_sha256`.execute(
        kysely,
      );
      return rows.length === 1;
    },
  };
}
