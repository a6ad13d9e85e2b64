// Tells subscribers of changes: searches as the subscriber whenever something of the type was written, and sends what that says.
// So who lost the right to see something is not told of it either, and many changes at once are one word.
import type { Resource } from '@medplum/fhirtypes';
import { type Selectable, sql } from 'kysely';
import type { Logger } from 'pino';
import type { Person } from '../../identity/actor.ts';
import { type Database, openJobs } from '../../store/index.ts';
import { writeAudit } from '../audit/audit.ts';
import type { OpenRecords } from '../open.ts';
import { parseQuery } from '../search/search.ts';
import { send } from './endpoint.ts';
import { CHANGED_CHANNEL, PING_CHANNEL, type SubscriptionTables } from './tables.ts';

const FIRST_DELAY_SECONDS = 5;
const LONGEST_DELAY_SECONDS = 3600;
/** Failures in a row after which it is given up (state `error`): some five hours. */
const MOST_FAILURES = 12;
/** How long a node has a subscription for itself; longer than a request. */
const LEASE_MS = 60_000;
/** A transaction may end this long after the time it wrote into its resources: so far back is looked each time. */
const OVERLAP_MS = 30_000;
const PAGE = 500;

/** Seconds until the next try after so many failures: 5, 10, 20 … 3600. */
export const delayAfter = (failures: number) => Math.min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** Math.max(0, failures - 1));

export interface WatchDeps {
  database: Database;
  records: OpenRecords;
  /** The person an account is now, with the roles held now; null when the account has ended. */
  subscriberOf: (account: string) => Promise<Person | null>;
  hosts: readonly string[];
  log: Logger;
  pollSeconds?: number;
}

type Row = Selectable<SubscriptionTables['subscriptions']>;

/** Starts telling (NOTIFY `record-changed`), and takes up what was not told yet. */
export async function startSubscriptions({
  database,
  records,
  subscriberOf,
  hosts,
  log,
  pollSeconds = 1,
}: WatchDeps): Promise<{ close(): Promise<void> }> {
  const tables = database.kysely.withTables<SubscriptionTables>();
  const { connection, definitions, now } = records.context;
  const jobs = await openJobs<{ id: string }>({
    ...{ database, log, queue: 'subscription' },
    retry: { expireInSeconds: 120, retryLimit: 5, retryDelay: 5, retryBackoff: true },
  });

  const wakeAll = async (type?: string) => {
    let active = tables.selectFrom('subscriptions').select(['id', 'next_attempt']).where('state', '=', 'active');
    if (type) active = active.where('type', '=', type);
    for (const { id, next_attempt } of await active.execute())
      await jobs.wake(id, { id }, next_attempt && next_attempt > now() ? next_attempt : new Date());
  };
  const logged = (work: Promise<void>) =>
    work.catch(error => log.warn({ problem: (error as Error).message }, 'subscriptions could not be looked at'));

  /** Takes a subscription for this node; undefined when another has it, or it is not active. */
  async function claim(id: string): Promise<Row | undefined> {
    const at = now();
    return tables
      .updateTable('subscriptions')
      .set({ next_attempt: new Date(at.getTime() + LEASE_MS) })
      .where('id', '=', id)
      .where('state', '=', 'active')
      .where(row => row.or([row('next_attempt', 'is', null), row('next_attempt', '<=', at)]))
      .returningAll()
      .executeTakeFirst();
  }

  const settle = (
    row: Row,
    set: {
      state?: 'off' | 'error';
      problem?: string | null;
      failures?: number;
      next_attempt: Date | null;
      told?: string[];
      told_until?: Date;
    },
  ) => tables.updateTable('subscriptions').set(set).where('id', '=', row.id).where('version', '=', row.version).execute();

  async function look(id: string): Promise<void> {
    const row = await claim(id);
    if (!row) {
      // Another node is at it: what changed meanwhile is looked at when that one is done.
      const held = await tables
        .selectFrom('subscriptions')
        .select('next_attempt')
        .where('id', '=', id)
        .where('state', '=', 'active')
        .executeTakeFirst();
      if (held?.next_attempt) await jobs.wake(id, { id }, new Date(Math.min(held.next_attempt.getTime(), Date.now() + 2000)));
      return;
    }
    const actor = await subscriberOf(row.account);
    if (!actor || (row.until && row.until <= now())) {
      await settle(row, { state: 'off', problem: actor ? null : 'the account has ended', next_attempt: null });
      return;
    }
    const since = new Date(row.told_until.getTime() - OVERLAP_MS).toISOString();
    const query = `${row.criteria}${row.criteria.includes('?') ? '&' : '?'}_lastUpdated=ge${since}&_sort=_lastUpdated&_count=${PAGE}`;
    const told = new Set(row.told);
    let found: Awaited<ReturnType<typeof search>>;
    try {
      found = await search(actor, query);
    } catch (error) {
      await failed(row, actor, error as Error);
      return;
    }
    const from = Math.max(row.began_at.getTime(), row.told_until.getTime() - OVERLAP_MS);
    const fresh = found.matches.filter(resource => stampOf(resource) >= from && !told.has(keyOf(resource)));
    if (fresh.length) {
      try {
        await tell(row, fresh);
      } catch (error) {
        await failed(row, actor, error as Error, found.patients);
        return;
      }
      await audit(row, actor, found.patients, true);
    }
    const until = Math.max(row.told_until.getTime(), ...found.matches.map(stampOf));
    // Only what the next look may see again need be remembered.
    const seen = found.matches.filter(resource => stampOf(resource) >= until - OVERLAP_MS).map(keyOf);
    const kept = [...new Set([...seen, ...row.told])].slice(0, PAGE * 4);
    // Of a flood the next page begins where this one ended, or it would be the same again.
    const full = found.matches.length === PAGE;
    await settle(row, {
      told_until: new Date(full ? until + OVERLAP_MS : until),
      told: kept,
      failures: 0,
      problem: null,
      next_attempt: null,
    });
    if (full) await jobs.wake(id, { id }, new Date());
  }

  const search = (actor: Person, query: string) => records.guarded(actor).search(parseQuery(definitions, query));

  async function tell(row: Row, fresh: Resource[]): Promise<void> {
    if (row.channel === 'websocket') {
      await sql`select pg_notify(${PING_CHANNEL}, ${JSON.stringify({ id: row.id })})`.execute(connection);
      return;
    }
    const { endpoint = '', payload, header = [] } = row.content.channel;
    const headers = Object.fromEntries(header.map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
    if (!payload) {
      // Without a payload the subscriber is only told that there is something to fetch (R4 subscription.html#2.46.7.1).
      await send({ method: 'POST', url: endpoint, headers }, hosts);
      return;
    }
    for (const resource of fresh) {
      const url = `${endpoint.replace(/\/$/, '')}/${resource.resourceType}/${resource.id}`;
      await send({ method: 'PUT', url, headers: { ...headers, 'content-type': payload }, body: JSON.stringify(resource) }, hosts);
    }
  }

  async function failed(row: Row, actor: Person, error: Error, patients: string[] = []) {
    const failures = row.failures + 1;
    const given = failures >= MOST_FAILURES;
    const next = given ? null : new Date(now().getTime() + delayAfter(failures) * 1000);
    await audit(row, actor, patients, false);
    await settle(row, {
      ...(given ? { state: 'error' as const } : {}),
      failures,
      problem: error.message.slice(0, 200),
      next_attempt: next,
    });
    log.info({ subscription: row.id, failures, given }, 'a subscriber could not be told');
    if (next) await jobs.wake(row.id, { id: row.id }, next);
  }

  const audit = (row: Row, actor: Person, patients: string[], allowed: boolean) =>
    writeAudit(connection, [
      {
        ...{ actor, action: 'notify', resource: `Subscription/${row.id}`, patients, allowed },
        what: row.content.channel.payload
          ? { ja: '変わった記録を購読者に送る', en: 'send what changed to a subscriber' }
          : { ja: '変化があったことを購読者に知らせる', en: 'tell a subscriber that something changed' },
      },
    ]);

  await jobs.work({ pollingIntervalSeconds: pollSeconds, batchSize: 5 }, ({ id }) => look(id));
  const unlisten = await database.listen(
    CHANGED_CHANNEL,
    payload => void logged(wakeAll((payload as { type?: string }).type)),
    () => void logged(wakeAll()),
  );
  await logged(wakeAll());
  return {
    async close() {
      await unlisten();
      await jobs.close();
    },
  };
}

const keyOf = ({ resourceType, id, meta }: Resource) => `${resourceType}/${id}/${meta?.versionId}`;
const stampOf = ({ meta }: Resource) => Date.parse(meta?.lastUpdated ?? '');
