// Makes a patient's own copy of everything: one ZIP with the FHIR file, the overview as PDF, and the files as they once came.
import type { Patient, Resource } from '@medplum/fhirtypes';
import type { Person } from '../../identity/actor.ts';
import { everythingOf, type TimelineEntry, visibleTimeline } from '../../records/index.ts';
import { OWNER_BYTES, type PhrDeps } from '../imports.ts';
import type { PhrTables } from '../tables.ts';
import { overview, SHOWN } from './overview.ts';
import { type ZipEntry, zip } from './zip.ts';

/** How long a copy lies ready. */
export const READY_HOURS = 24;

export function openMaking({ database, records, files, now = () => new Date() }: PhrDeps) {
  const tables = database.kysely.withTables<PhrTables>();

  /** All entries of the timeline, up to what the PDF shows. */
  async function timeline(actor: Person, patient: string): Promise<{ entries: TimelineEntry[]; whole: boolean }> {
    const entries: TimelineEntry[] = [];
    let before: string | undefined;
    do {
      const page = await visibleTimeline(records, actor, patient, { before, count: 200 });
      entries.push(...page.entries);
      before = page.next ?? undefined;
    } while (before && entries.length < SHOWN);
    return { entries, whole: !before };
  }

  async function make(id: string, patient: string, actor: Person) {
    let count = 0;
    async function* bundle(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`{"resourceType":"Bundle","type":"collection","timestamp":"${now().toISOString()}","entry":[\n`);
      for await (const resource of everythingOf(records, actor, patient)) {
        yield Buffer.from(`${count ? ',\n' : ''}${JSON.stringify(entryOf(resource))}`);
        count++;
      }
      yield Buffer.from('\n]}\n');
    }
    async function* entries(): AsyncGenerator<ZipEntry> {
      yield { name: 'README.txt', content: Buffer.from(README) };
      yield { name: 'record.fhir.json', content: bundle() };
      const person = (await records.as(actor).read('Patient', patient)) as Patient;
      const { entries: shown, whole } = await timeline(actor, patient);
      yield { name: 'overview.pdf', content: await overview(person, shown, now(), whole) };
      const brought = await tables
        .selectFrom('phr_imports')
        .select(['id', 'name', 'hash'])
        .where('patient', '=', patient)
        .where('state', '=', 'done')
        .orderBy('created_at')
        .execute();
      for (const [index, file] of brought.entries()) {
        if (!file.hash) continue;
        const content = await files.open(file.hash, { start: OWNER_BYTES, end: Number.MAX_SAFE_INTEGER });
        // A name from outside is no path.
        yield { name: `brought/${index + 1}-${file.name.replace(/[/\\:\0]/g, '_')}`, content };
      }
    }
    const kept = await files.put(ownedBy(id, zip(entries(), now())), { type: 'application/zip' });
    return { ...kept, count };
  }

  return {
    async work(id: string): Promise<void> {
      const row = await tables
        .selectFrom('phr_downloads')
        .selectAll()
        .where('id', '=', id)
        .where('state', '=', 'making')
        .executeTakeFirst();
      if (!row) return;
      try {
        const { hash, size, count } = await make(id, row.patient, row.actor as Person);
        const until = new Date(now().getTime() + READY_HOURS * 3_600_000);
        const size0 = size - OWNER_BYTES;
        await tables
          .updateTable('phr_downloads')
          .set({ state: 'ready', hash, size: size0, entries: count, until })
          .where('id', '=', id)
          .execute();
      } catch (error) {
        await tables.updateTable('phr_downloads').set({ state: 'failed' }).where('id', '=', id).execute();
        throw error;
      }
    },
    /** Copies whose time is over are erased. */
    async forgetOld(): Promise<void> {
      const old = await tables
        .selectFrom('phr_downloads')
        .select(['id', 'hash'])
        .where('state', '=', 'ready')
        .where('until', '<', now())
        .execute();
      for (const { id, hash } of old) {
        await tables.updateTable('phr_downloads').set({ state: 'over', hash: null }).where('id', '=', id).execute();
        if (hash) await files.remove(hash);
      }
    },
  };
}

/** The id in front makes each copy a file of its own. */
async function* ownedBy(id: string, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(id.padEnd(OWNER_BYTES));
  yield* content;
}

/** Versions of one resource have the same full URL and different `meta.versionId` (R4 bundle.html, invariant bdl-7). */
const entryOf = (resource: Resource) => ({ fullUrl: `urn:uuid:${resource.id}`, resource });

const README = `これは、あなたの記録の写しです。
overview.pdf      人が読むための一覧
record.fhir.json  全部の記録 (FHIR R4、すべての版)。ほかの病院や PHR サービスで使えます。
brought/          あなたが持ってきたファイル (そのまま)

This is a copy of your record: overview.pdf to read, record.fhir.json with everything (FHIR R4, all versions), brought/ with the files you brought.
`;
