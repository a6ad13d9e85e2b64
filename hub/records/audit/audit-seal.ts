// Seals the audit trail: gives each new entry its hash, in the order of numbers, within a second; and writes down the chain's head outside.
import { appendFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { sql } from 'kysely';
import type { Logger } from 'pino';
import type { Database } from '../../store/index.ts';
import type { Connection, RecordTables } from '../tables.ts';
import { hashOf, headOf, linksAfter } from './audit-chain.ts';

const EVERY_MS = 500;
const CHECKPOINT_MS = 24 * 3_600_000;
const BATCH = 2000;
/** PostgreSQL advisory lock: one sealer at a time, whichever process it is in. */
const LOCK = 7_411_202;

export interface SealerDeps {
  database: Database;
  log: Logger;
  /** Where checkpoints go; without it they are log lines only. */
  dataDirectory?: string;
  now?: () => number;
  everyMs?: number;
}

export interface Sealer {
  /** Seals what can be sealed now; returns how many entries. */
  seal(): Promise<number>;
  /** Writes the head down: to `audit/checkpoints.ndjson` below the data folder and to the log. */
  checkpoint(): Promise<void>;
  close(): Promise<void>;
}

export const checkpointFile = (dataDirectory: string) => path.join(dataDirectory, 'audit', 'checkpoints.ndjson');

/** Starts sealing. Several processes may: they take turns. */
export function startSealer({ database, log, dataDirectory, now = Date.now, everyMs = EVERY_MS }: SealerDeps): Sealer {
  const kysely = database.kysely.withTables<RecordTables>();
  /** Numbers up to `upTo` were given out before the transaction id `xmax`: when all before it are over, what is missing stays missing. */
  let observed: { upTo: number; xmax: bigint } | undefined;
  let resolved = 0;
  /** The head as this process left it. */
  let known: { number: number } | undefined;
  let checkpointed = 0;
  let ended = false;
  let last: Promise<unknown> = Promise.resolve();

  async function pass(): Promise<number> {
    let count = 0;
    for (let more = true; more; ) {
      more = await kysely.transaction().execute(async transaction => {
        const { rows } = await sql<{ mine: boolean }>`select pg_try_advisory_xact_lock(${LOCK}) as mine`.execute(transaction);
        if (!rows[0]?.mine) return false;
        await look(transaction);
        const head = await headOf(transaction);
        if (known && head.number < known.number)
          log.error({ sealed: known.number, found: head.number }, 'sealed entries of the audit trail are gone');
        const links = await linksAfter(transaction, head.number, BATCH);
        const sealed: { number: number; hash: string }[] = [];
        let former = head;
        for (const link of links) {
          const missing = link.number - former.number - 1;
          if (missing > 0) {
            // A transaction that is still under way may bring it.
            if (link.number - 1 > resolved) break;
            log.error({ after: former.number, missing }, 'numbers are missing in the audit trail: see npm run audit -- verify --help');
          }
          const hash = hashOf(former.hash, link);
          sealed.push({ number: link.number, hash: hash.toString('hex') });
          former = { number: link.number, hash };
        }
        if (!sealed.length) return false;
        await sql`update audit_chain c set hash = decode(v.hash, 'hex')
          from unnest(${sealed.map(({ number }) => number)}::bigint[], ${sealed.map(({ hash }) => hash)}::text[]) v(number, hash)
          where c.number = v.number`.execute(transaction);
        count += sealed.length;
        known = former;
        return sealed.length === BATCH;
      });
    }
    return count;
  }

  /** Learns which numbers no running transaction can bring any more. Asked before the sealing transaction has an id of its own. */
  async function look(connection: Connection) {
    const { rows } = await sql<{ given: string; xmin: string; xmax: string }>`
      select (select case when is_called then last_value else 0 end from audit_chain_number_seq)::text as given,
        pg_snapshot_xmin(pg_current_snapshot())::text as xmin, pg_snapshot_xmax(pg_current_snapshot())::text as xmax`.execute(connection);
    const { given, xmin, xmax } = rows[0]!;
    if (observed && BigInt(xmin) >= observed.xmax) {
      resolved = observed.upTo;
      observed = undefined;
    }
    observed ??= { upTo: Number(given), xmax: BigInt(xmax) };
  }

  async function checkpoint(): Promise<void> {
    const head = await headOf(kysely);
    const line = { at: new Date(now()).toISOString(), number: head.number, hash: head.hash.toString('hex') };
    log.info(line, 'head of the audit trail');
    if (!dataDirectory) return;
    const file = checkpointFile(dataDirectory);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await appendFile(file, `${JSON.stringify(line)}\n`, { mode: 0o600, flush: true });
  }

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const timer = setInterval(() => {
    void inTurn(async () => {
      if (ended) return;
      const count = await pass();
      if (now() - checkpointed < CHECKPOINT_MS || (checkpointed === 0 && !count)) return;
      checkpointed = now();
      await checkpoint();
    }).catch(error => log.warn({ problem: (error as Error).message }, 'the audit trail could not be sealed; it is tried again'));
  }, everyMs);
  timer.unref();
  return {
    seal: () => inTurn(pass),
    checkpoint: () => inTurn(checkpoint),
    async close() {
      ended = true;
      clearInterval(timer);
      await last;
    },
  };
}
