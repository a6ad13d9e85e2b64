// Timestamps for what was signed: asked for after the signature, again and again while the authority is away. The truth stands in `document_stamps`.
import type { Provenance } from '@medplum/fhirtypes';
import type { Logger } from 'pino';
import type { Config } from '../../config.ts';
import { service } from '../../identity/actor.ts';
import { type Database, openJobs } from '../../store/index.ts';
import type { OpenRecords } from '../open.ts';
import { tablesOf } from './deliveries.ts';
import { certificatesIn } from './signing.ts';
import { requestStamp, TOKEN_FORMAT } from './timestamp.ts';

const QUEUE = 'stamp-document';
const FIRST_DELAY_SECONDS = 2;
const LONGEST_DELAY_SECONDS = 600;
/** How long a node has a signature for itself: longer than a request. */
const LEASE_MS = 20_000;
const EARLY_MS = 500;

export interface StampingDeps {
  config: Pick<Config, 'signing'>;
  database: Database;
  records: OpenRecords;
  log: Logger;
  fetch?: typeof fetch;
}

/** Starts stamping; without a timestamp authority there is nothing to start. */
export async function startStamping({ config, database, records, log, fetch }: StampingDeps): Promise<{ close(): Promise<void> }> {
  const { stampUrl: url, stampCa } = config.signing;
  if (!url) return { close: async () => undefined };
  const authorities = certificatesIn(stampCa);
  const tables = tablesOf(database);
  const jobs = await openJobs<{ id: string }>({
    ...{ database, log, queue: QUEUE },
    retry: { expireInSeconds: 60, retryLimit: 20, retryDelay: 2, retryBackoff: true, retryDelayMax: LONGEST_DELAY_SECONDS },
  });
  const wakeAll = async () => {
    const waiting = await tables
      .selectFrom('document_stamps')
      .select(['provenance', 'next_attempt'])
      .where('state', '=', 'waiting')
      .execute();
    for (const { provenance, next_attempt } of waiting) await jobs.wake(provenance, { id: provenance }, next_attempt);
  };
  const logged = (work: Promise<void>) =>
    work.catch(error => log.warn({ problem: (error as Error).message }, 'signatures to be stamped could not be read'));

  async function stamp(id: string): Promise<void> {
    const now = records.context.now();
    const claimed = await tables
      .updateTable('document_stamps')
      .set(row => ({ attempts: row('attempts', '+', 1), next_attempt: new Date(now.getTime() + LEASE_MS) }))
      .where('provenance', '=', id)
      .where('state', '=', 'waiting')
      .where('next_attempt', '<=', new Date(now.getTime() + EARLY_MS))
      .returningAll()
      .executeTakeFirst();
    if (!claimed) return;
    const hub = records.guarded(service('documents'));
    try {
      const provenance = (await hub.read('Provenance', id)) as Provenance & { id: string };
      const signed = provenance.signature?.[0];
      // A second job after a crash finds the token there and only notes it.
      if (signed?.data && !provenance.signature?.some(({ sigFormat }) => sigFormat === TOKEN_FORMAT)) {
        const token = await requestStamp(signed.data, { url: url!, authorities, fetch, now: records.context.now });
        const stamped = {
          type: [{ system: 'urn:iso-astm:E1762-95:2013', code: '1.2.840.10065.1.12.1.18', display: 'Timestamp Signature' }],
          when: records.context.now().toISOString(),
          who: { display: new URL(url!).host },
          sigFormat: TOKEN_FORMAT,
          data: token.toString('base64'),
        };
        await hub.update({ ...provenance, signature: [...provenance.signature!, stamped] });
      }
      await tables.updateTable('document_stamps').set({ state: 'stamped', problem: null }).where('provenance', '=', id).execute();
      log.info({ attempts: claimed.attempts }, 'a signature was stamped');
    } catch (error) {
      const wait = Math.min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** (claimed.attempts - 1));
      const next = new Date(records.context.now().getTime() + wait * 1000);
      const problem = (error as Error).message.slice(0, 500);
      await tables.updateTable('document_stamps').set({ next_attempt: next, problem }).where('provenance', '=', id).execute();
      log.warn({ attempts: claimed.attempts, problem }, 'a signature could not be stamped yet');
      await jobs.wake(id, { id }, next);
    }
  }

  await jobs.work({ batchSize: 5, pollingIntervalSeconds: 2 }, ({ id }) => stamp(id));
  const again = () => void logged(wakeAll());
  const stop = await database.listen('document-stamps', again, again);
  await wakeAll();
  return {
    async close() {
      await stop();
      await jobs.close();
    },
  };
}
