// Where a page ended, for the next one: sealed, so that a link carries no one's name or birthday and nobody can make one up.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import type { Connection } from '../tables.ts';
import { badSearch } from './search-request.ts';

export interface Cursor {
  /** The parameters of the search, so that the link needs nothing else. */
  given: [string, string][];
  /** Values the page's last entry was sorted by, as PostgreSQL writes them. */
  keys: (string | null)[];
  /** The last entry itself. */
  row: string;
}

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals and opens cursors with the database's own key, which all nodes share. `place` is what is searched: a cursor fits nowhere else. */
export interface Cursors {
  seal(cursor: Cursor, place: string): Promise<string>;
  /** @throws Problem 400 for what is no cursor of this place */
  open(text: string, place: string): Promise<Cursor>;
}

export function openCursors(connection: Connection): Cursors {
  let kept: Promise<Buffer> | undefined;
  const key = () => {
    kept ??= sql<{ key: Buffer }>`select key from search_secret`.execute(connection).then(({ rows }) => rows[0]!.key);
    kept.catch(() => (kept = undefined));
    return kept;
  };
  return {
    async seal(cursor, place) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, await key(), nonce).setAAD(Buffer.from(place));
      const body = Buffer.concat([cipher.update(JSON.stringify([cursor.given, cursor.keys, cursor.row]), 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url');
    },
    async open(text, place) {
      try {
        const bytes = Buffer.from(text, 'base64url');
        const decipher = createDecipheriv(CIPHER, await key(), bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
        decipher.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(-TAG_BYTES));
        const body = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
        const [given, keys, row] = JSON.parse(body.toString('utf8')) as [Cursor['given'], Cursor['keys'], string];
        return { given, keys, row };
      } catch {
        throw badSearch(
          '_cursor is not one that this server gave for this search',
          '続きの場所が正しくありません。はじめから探し直してください。',
        );
      }
    },
  };
}
