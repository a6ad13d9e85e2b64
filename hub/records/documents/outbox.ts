// Delivers signed documents to the shared record platform: one wake-up job per document in pg-boss, the truth in the table `deliveries`.
// An update is two steps there, taking the former version back and registering the new one; each may be repeated, so that a crash between them heals.
import type { Bundle, OperationOutcome, Patient } from '@medplum/fhirtypes';
import type { Selectable } from 'kysely';
import type { Logger } from 'pino';
import type { Config } from '../../config.ts';
import { Problem } from '../../http/problem.ts';
import { service } from '../../identity/actor.ts';
import { type Database, openJobs } from '../../store/index.ts';
import { writeAudit } from '../audit/audit.ts';
import type { OpenRecords } from '../open.ts';
import { tokyoDay } from '../search/dates.ts';
import { INSURED_PERSON } from '../systems.ts';
import type { RecordTables } from '../tables.ts';

const QUEUE = 'deliver-document';
const FIRST_DELAY_SECONDS = 2;
const LONGEST_DELAY_SECONDS = 600;
const REQUEST_MS = 15_000;
/** How long a node has a document for itself: longer than a request, so that no other sends it meanwhile; a node that died loses it. */
const LEASE_MS = 20_000;
/** A job may wake a little early: clocks of nodes differ. */
const EARLY_MS = 500;
/** Documents in delivery at once. */
const AT_ONCE = 5;
/** Answers that say the document is at fault. Everything else is the platform's or the network's trouble and passes. */
const REFUSALS = new Set([400, 409, 413, 415, 422]);

/** Seconds until the next attempt after so many failed ones: 2, 4, 8 … 600. */
export const delayAfter = (attempts: number) => Math.min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** Math.max(0, attempts - 1));

export interface OutboxDeps {
  config: Pick<Config, 'platformUrl'>;
  database: Database;
  records: OpenRecords;
  log: Logger;
  fetch?: typeof fetch;
}

/**
 * Starts delivering. New documents are announced by NOTIFY `outbox`; what is not delivered is tried again after a growing delay, also
 * after a restart. A lost answer leads to a second POST of the same bundle identifier, which the platform answers with the copy it has.
 */
export async function startOutbox({
  config,
  database,
  records,
  log,
  fetch: post = fetch,
}: OutboxDeps): Promise<{ close(): Promise<void> }> {
  const tables = database.kysely.withTables<RecordTables>();
  const { platformUrl } = config;
  if (!platformUrl) {
    log.info('no shared record platform is configured (HUB_PLATFORM_URL): documents wait in the outbox');
    return { close: async () => undefined };
  }
  const jobs = await openJobs<{ id: string }>({
    ...{ database, log, queue: QUEUE },
    retry: { expireInSeconds: 60, retryLimit: 20, retryDelay: 2, retryBackoff: true, retryDelayMax: LONGEST_DELAY_SECONDS },
  });

  const wake = (id: string, at: Date) => jobs.wake(id, { id }, at);
  const wakeAll = async () => {
    const waiting = await tables.selectFrom('deliveries').select(['id', 'next_attempt']).where('state', '=', 'waiting').execute();
    for (const { id, next_attempt } of waiting) await wake(id, next_attempt ?? new Date());
  };
  const logged = (work: Promise<void>) =>
    work.catch(error => log.warn({ problem: (error as Error).message }, 'the outbox could not be read'));

  /** Takes a due document for this node until the lease is over; null when there is nothing to do, or not yet. */
  async function claim(id: string) {
    const now = new Date();
    const claimed = await tables
      .updateTable('deliveries')
      .set(row => ({ attempts: row('attempts', '+', 1), next_attempt: new Date(now.getTime() + LEASE_MS) }))
      .where('id', '=', id)
      .where('state', '=', 'waiting')
      .where(row => row.or([row('next_attempt', 'is', null), row('next_attempt', '<=', new Date(now.getTime() + EARLY_MS))]))
      .returningAll()
      .executeTakeFirst();
    if (claimed) return claimed;
    const other = await tables.selectFrom('deliveries').select(['state', 'next_attempt']).where('id', '=', id).executeTakeFirst();
    if (other?.state === 'waiting' && other.next_attempt) await wake(id, other.next_attempt);
    return null;
  }

  async function deliver(id: string): Promise<void> {
    const delivery = await claim(id);
    if (!delivery) return;
    const verdict = await attempt(delivery);
    const now = new Date();
    const next = new Date(now.getTime() + delayAfter(delivery.attempts) * 1000);
    const outcome = {
      delivered: { state: 'delivered' as const, delivered_at: now, next_attempt: null, problem: null },
      refused: { state: 'refused' as const, next_attempt: null, problem: verdict.problem },
      later: { state: 'waiting' as const, next_attempt: next, problem: verdict.problem },
    }[verdict.kind];
    await tables.transaction().execute(async connection => {
      await connection.updateTable('deliveries').set(outcome).where('id', '=', id).execute();
      if (verdict.kind === 'later') return;
      const what =
        verdict.kind === 'delivered'
          ? { ja: '文書を共有基盤へ送った', en: 'delivered a document to the shared record platform' }
          : { ja: '共有基盤が文書を受け取らなかった', en: 'the shared record platform refused a document' };
      const entry = {
        actor: service('outbox'),
        action: 'deliver',
        what,
        resource: `Bundle/${delivery.bundle}`,
        patients: [delivery.patient],
      };
      await writeAudit(connection, [{ ...entry, allowed: verdict.kind === 'delivered' }]);
    });
    log.info({ delivery: id, attempts: delivery.attempts, outcome: verdict.kind }, 'document delivery');
    if (verdict.kind === 'later') await wake(id, next);
  }

  type Verdict = { kind: 'delivered' | 'refused' | 'later'; problem: string | null };

  async function attempt(delivery: Selectable<RecordTables['deliveries']>): Promise<Verdict> {
    let bundle: Bundle;
    try {
      bundle = (await records.guarded(service('outbox')).read('Bundle', delivery.bundle)) as Bundle;
    } catch (error) {
      if (error instanceof Problem && error.status === 403)
        return { kind: 'refused', problem: '患者さんが共有を望んでいません。 / The patient does not share this.' };
      throw error;
    }
    if (delivery.replaces) {
      const cleared = await clear(delivery, { member: memberIn(bundle), identifier: delivery.replaces });
      if (cleared) return cleared;
    }
    return send('/bundles', bundle);
  }

  /** Takes the former version back, once a day: the platform wants both steps of an update on the same day. @returns what stands in the way */
  async function clear(
    { id, step, deleted_at }: Selectable<RecordTables['deliveries']>,
    former: { member: string; identifier: string },
  ): Promise<Verdict | null> {
    const now = records.context.now();
    const today = deleted_at !== null && tokyoDay(deleted_at).date === tokyoDay(now).date;
    if (step === 'register' && today) return null;
    // Taken back on an earlier day and not followed up: put there again, and taken back today.
    if (step === 'register' && deleted_at) {
      const undone = await send('/bundles/undo', former, [404]);
      if (undone.kind !== 'delivered') return undone;
    }
    const deleted = await send('/bundles/delete', former, [404]);
    if (deleted.kind !== 'delivered') return deleted;
    await tables.updateTable('deliveries').set({ step: 'register', deleted_at: now }).where('id', '=', id).execute();
    return null;
  }

  /** @param fine statuses besides 2xx that are as good: what was never there need not be taken back */
  async function send(path: string, body: unknown, fine: number[] = []): Promise<Verdict> {
    let response: Response;
    try {
      response = await post(new URL(path, platformUrl), {
        method: 'POST',
        headers: { 'content-type': 'application/fhir+json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(REQUEST_MS),
      });
    } catch (error) {
      const { message, cause } = error as Error;
      return { kind: 'later', problem: `つながりません / not reachable: ${cause instanceof Error ? cause.message : message}` };
    }
    const text = await response.text().catch(() => '');
    if (response.ok || fine.includes(response.status)) return { kind: 'delivered', problem: null };
    return { kind: REFUSALS.has(response.status) ? 'refused' : 'later', problem: `${response.status} ${wordsOf(text)}`.trim() };
  }

  await jobs.work({ batchSize: AT_ONCE, pollingIntervalSeconds: 2 }, ({ id }) => deliver(id));
  const stop = await database.listen(
    'outbox',
    () => void logged(wakeAll()),
    () => void logged(wakeAll()),
  );
  await wakeAll();
  return {
    async close() {
      await stop();
      await jobs.close();
    },
  };
}

/** The insured person's number in a document: with the identifier it is the platform's key. */
function memberIn(bundle: Bundle): string {
  const patient = bundle.entry
    ?.map(({ resource }) => resource)
    .find((resource): resource is Patient => resource?.resourceType === 'Patient');
  return patient?.identifier?.find(({ system }) => system === INSURED_PERSON)?.value ?? '';
}

/** What the platform says in its OperationOutcome, each issue with its place. */
function wordsOf(body: string): string {
  try {
    const outcome = JSON.parse(body) as OperationOutcome;
    const issues = (outcome.issue ?? []).map(issue =>
      `${issue.expression?.[0] ?? ''} ${issue.details?.text ?? issue.diagnostics ?? issue.code}`.trim(),
    );
    if (issues.length) return issues.join('; ').slice(0, 2000);
  } catch {
    // Not an OperationOutcome: its beginning has to do.
  }
  return body.slice(0, 300);
}
