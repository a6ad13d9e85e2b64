// Verifies the audit trail: walks the chain from number to number and says what was changed, what is missing, and what no checkpoint allows.
import { readFile } from 'node:fs/promises';
import { sql } from 'kysely';
import type { Connection } from '../tables.ts';
import { GENESIS, hashOf, linksAfter } from './audit-chain.ts';
import { checkpointFile } from './audit-seal.ts';

export type FaultKind =
  /** The entry's content, its place or its hash is not what was sealed. */
  | 'changed'
  /** A sealed entry is not there any more. */
  | 'removed'
  /** An entry that no number belongs to. */
  | 'unnumbered'
  /** An entry without a hash before one that has a hash. */
  | 'unsealed'
  /** A checkpoint that was written down outside names another hash. */
  | 'checkpoint'
  /** Entries up to the last checkpoint are not there any more. */
  | 'truncated';

export interface Verdict {
  /** No fault. `gaps` are no proof of tampering, but not explained either. */
  ok: boolean;
  entries: number;
  /** Of these, not hashed yet: they were written within the last second. */
  tail: number;
  head: { number: number; hash: string };
  faults: { kind: FaultKind; number: number }[];
  /** Numbers that were given out and never used: the database stopped just then, or the row was removed before it was sealed. */
  gaps: { from: number; to: number }[];
  checkpoints: number;
}

const PAGE = 5000;
/** After so many faults nobody reads on. */
const MOST = 100;

/** Times bound the entries that are looked at; the hash before the first of them is taken as it stands. */
export async function verifyAudit(
  connection: Connection,
  { from, to, dataDirectory }: { from?: Date; to?: Date; dataDirectory?: string } = {},
): Promise<Verdict> {
  const bounds = await boundsOf(connection, from, to);
  const checkpoints = new Map((await readCheckpoints(dataDirectory)).map(({ number, hash }) => [number, hash]));
  const verdict: Verdict = {
    ok: true,
    entries: 0,
    tail: 0,
    head: { number: bounds.before.number, hash: bounds.before.hash.toString('hex') },
    faults: [],
    gaps: [],
    checkpoints: 0,
  };
  const fault = (kind: FaultKind, number: number) => verdict.faults.length < MOST && verdict.faults.push({ kind, number });
  let former = bounds.before;
  let next = bounds.before.number + 1;
  let open = 0;
  for (;;) {
    const links = await linksAfter(connection, next - 1, PAGE, bounds.last);
    for (const link of links) {
      if (link.number > next) verdict.gaps.push({ from: next, to: link.number - 1 });
      next = link.number + 1;
      if (!link.entry) fault('removed', link.number);
      else verdict.entries++;
      if (!link.hash) {
        open++;
        continue;
      }
      // Hashes come in order: one that is missing before another was taken away.
      if (open) fault('unsealed', link.number - 1);
      open = 0;
      if (!hashOf(former.hash, link).equals(link.hash)) fault('changed', link.number);
      const written = checkpoints.get(link.number);
      if (written !== undefined) {
        verdict.checkpoints++;
        if (written !== link.hash.toString('hex')) fault('checkpoint', link.number);
      }
      former = { number: link.number, hash: link.hash };
      verdict.head = { number: link.number, hash: link.hash.toString('hex') };
    }
    if (links.length < PAGE) break;
  }
  verdict.tail = open;
  if (!to) {
    const given = await lastGiven(connection);
    if (given >= next) verdict.gaps.push({ from: next, to: given });
    const written = Math.max(0, ...checkpoints.keys());
    if (written > verdict.head.number) fault('truncated', verdict.head.number + 1);
  }
  for (const number of await withoutNumber(connection, from, to)) fault('unnumbered', number);
  verdict.ok = verdict.faults.length === 0;
  return verdict;
}

async function boundsOf(connection: Connection, from?: Date, to?: Date) {
  const edge = async (condition: ReturnType<typeof sql>, order: 'asc' | 'desc') => {
    const { rows } = await sql<{ number: string }>`select c.number::text from audit_chain c join audit_events e on e.id = c.event
      where ${condition} order by c.number ${sql.raw(order)} limit 1`.execute(connection);
    return rows[0] ? Number(rows[0].number) : undefined;
  };
  const first = from ? await edge(sql`e.at >= ${from}`, 'asc') : undefined;
  const last = to ? ((await edge(sql`e.at < ${to}`, 'desc')) ?? 0) : Number.MAX_SAFE_INTEGER;
  const { rows } = await sql<{ number: string; hash: Buffer }>`select c.number::text, c.hash from audit_chain c
    where c.number < ${first ?? 0} and c.hash is not null order by c.number desc limit 1`.execute(connection);
  return { last, before: rows[0] ? { number: Number(rows[0].number), hash: rows[0].hash } : { number: 0, hash: GENESIS } };
}

async function lastGiven(connection: Connection): Promise<number> {
  const { rows } = await sql<{ given: string }>`select case when is_called then last_value else 0 end::text as given
    from audit_chain_number_seq`.execute(connection);
  return Number(rows[0]!.given);
}

/** Ids of entries in no chain. */
async function withoutNumber(connection: Connection, from?: Date, to?: Date): Promise<number[]> {
  const { rows } = await sql<{ id: string }>`select e.id::text from audit_events e
    where not exists (select 1 from audit_chain c where c.event = e.id)
      ${from ? sql`and e.at >= ${from}` : sql``} ${to ? sql`and e.at < ${to}` : sql``} order by e.id limit ${MOST}`.execute(connection);
  return rows.map(row => Number(row.id));
}

async function readCheckpoints(dataDirectory: string | undefined): Promise<{ number: number; hash: string }[]> {
  if (!dataDirectory) return [];
  const text = await readFile(checkpointFile(dataDirectory), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as { number: number; hash: string });
}
