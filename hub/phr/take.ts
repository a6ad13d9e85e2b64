// What the worker does with an import: looks the file through, takes it over in batches, takes it back. Each can be begun again after a crash.
import type { Patient, Resource } from '@medplum/fhirtypes';
import { Problem } from '../http/problem.ts';
import { service } from '../identity/actor.ts';
import { eraseResources, type OpenRecords } from '../records/index.ts';
import type { Database, FileStore } from '../store/index.ts';
import { idOf, owned, provenanceOf } from './brought.ts';
import { Counts, TOLD } from './counts.ts';
import { readFormat } from './formats.ts';
import { type ImportRow, OWNER_BYTES, SALT_BYTES } from './imports.ts';
import { ownerView } from './owner.ts';
import { PHR_TAG, type Reading, type Refusal } from './reading.ts';
import type { PhrTables } from './tables.ts';

/** Things in one transaction. */
const BATCH = 100;
const FILE_IDENTIFIER = 'urn:remote-care-hub:file-sha256';
const phr = service('phr');

export interface TakeDeps {
  database: Database;
  records: OpenRecords;
  files: FileStore;
  now?: () => Date;
}

export function openTaking({ database, records, files, now = () => new Date() }: TakeDeps) {
  const tables = database.kysely.withTables<PhrTables>();
  const rowOf = (id: string) => tables.selectFrom('phr_imports').selectAll().where('id', '=', id).executeTakeFirst();
  const set = (id: string, values: object) =>
    tables
      .updateTable('phr_imports')
      .set({ ...values, changed_at: now() })
      .where('id', '=', id)
      .execute();
  /** Moves on only from where the worker believes it to be: a patient who says stop meanwhile is heard. */
  const move = async (id: string, from: ImportRow['state'], values: object) => {
    const moved = await tables
      .updateTable('phr_imports')
      .set({ ...values, changed_at: now() })
      .where('id', '=', id)
      .where('state', '=', from)
      .executeTakeFirst();
    return moved.numUpdatedRows > 0n;
  };

  /** The parts as one file under its content's hash; the parts are forgotten. */
  async function join(row: ImportRow): Promise<string> {
    const parts = await tables.selectFrom('phr_parts').selectAll().where('import', '=', row.id).orderBy('number').execute();
    if (!parts.length && row.hash) return row.hash;
    async function* whole() {
      for (const { hash } of parts) yield* await files.open(hash, { start: SALT_BYTES, end: Number.MAX_SAFE_INTEGER });
    }
    // The patient's own copy: another patient who brings the same file keeps another.
    const { hash } = await files.put(withOwner(row.patient, whole()), { type: 'application/octet-stream' });
    await set(row.id, { hash });
    await tables.deleteFrom('phr_parts').where('import', '=', row.id).execute();
    for (const part of parts) await files.remove(part.hash);
    return hash;
  }

  async function check(row: ImportRow): Promise<void> {
    const hash = await join(row);
    const again = await tables
      .selectFrom('phr_imports')
      .select('id')
      .where('patient', '=', row.patient)
      .where('hash', '=', hash)
      .where('id', '<>', row.id)
      .where('state', '=', 'done')
      .executeTakeFirst();
    if (again) {
      await move(row.id, 'checking', { state: 'refused', hash: null, problem: JSON.stringify(SAME_FILE) });
      return;
    }
    const patient = await records.as(phr).read('Patient', row.patient);
    const counts = new Counts();
    const look = async () => {
      const still = await rowOf(row.id);
      return still?.state === 'checking';
    };
    try {
      const reading = await readFormat(await contentOf(hash), Number(row.size), patient as Patient, key => idOf(row.patient, key));
      let waiting: Reading[] = [];
      let bytes = 0;
      const judge = async () => {
        counts.known += await knownAmong(row.patient, waiting);
        waiting = [];
        await set(row.id, { bytes_done: bytes });
        return look();
      };
      for await (const found of reading.found) {
        bytes = found.bytes;
        counts.add(found);
        if ('reading' in found) waiting.push(found.reading);
        if (waiting.length >= 1000 && !(await judge())) return;
      }
      await judge();
      const claimed = reading.owner();
      const owner = claimed && ownerView(patient as Patient, claimed);
      const problem = owner?.match === 'other' ? OTHER : counts.total ? null : NOTHING;
      await move(row.id, 'checking', {
        ...counts.columns(),
        state: problem ? 'refused' : 'ready',
        format: reading.format,
        owner: owner ? JSON.stringify(owner) : null,
        problem: problem ? JSON.stringify(problem) : null,
        bytes_done: Number(row.size),
      });
    } catch (error) {
      const en = error instanceof Problem ? error.text.en : (error as Error).message;
      const text = { ja: `読めませんでした。場所と理由: ${en}`, en: `It could not be read: ${en}` };
      await move(row.id, 'checking', { ...counts.columns(), state: 'refused', problem: JSON.stringify(text) });
    }
  }

  async function take(row: ImportRow): Promise<void> {
    const patient = (await records.as(phr).read('Patient', row.patient)) as Patient;
    const document = row.document ?? (await keepOriginal(row));
    const reading = await readFormat(await contentOf(row.hash!), Number(row.size), patient, key => idOf(row.patient, key));
    let batch: Reading[] = [];
    let [taken, known] = [0, 0];
    const late: Refusal[] = [];
    const put = async (bytes: number) => {
      const done = await takeBatch(row, document, batch);
      [taken, known] = [taken + done.taken, known + done.known];
      late.push(...done.refusals);
      batch = [];
      await set(row.id, { bytes_done: bytes, taken, known });
      return (await rowOf(row.id))?.state === 'taking';
    };
    let bytes = 0;
    for await (const found of reading.found) {
      bytes = found.bytes;
      if ('reading' in found) batch.push(found.reading);
      if (batch.length >= BATCH && !(await put(bytes))) return;
    }
    await put(bytes);
    const all = [...row.refusals, ...late];
    await move(row.id, 'taking', {
      state: 'done',
      bytes_done: Number(row.size),
      refusals: JSON.stringify(all.slice(0, TOLD)),
      refused: row.refused + late.length,
    });
  }

  /** The original as a DocumentReference that points at the kept file. */
  async function keepOriginal(row: ImportRow): Promise<string> {
    const id = idOf(row.patient, `file ${row.id}`);
    const view = records.guarded(phr);
    await view.create(
      {
        resourceType: 'DocumentReference',
        meta: { tag: [PHR_TAG] },
        status: 'current',
        identifier: [{ system: FILE_IDENTIFIER, value: row.hash! }],
        type: { text: '本人が持ってきたファイル (brought along by the patient)' },
        subject: { reference: `Patient/${row.patient}` },
        author: [{ reference: `Patient/${row.patient}` }],
        date: now().toISOString(),
        description: row.name,
        content: [{ attachment: { title: row.name, size: Number(row.size), url: `/api/phr/imports/${row.id}/file` } }],
      },
      id,
    );
    await set(row.id, { document: id });
    return id;
  }

  /** One transaction: what is new is made, what is there already is noted as brought by this import too. */
  async function takeBatch(row: ImportRow, document: string, readings: Reading[]) {
    const refusals: Refusal[] = [];
    const unique = [...new Map(readings.map(reading => [reading.key, reading])).values()];
    if (!unique.length) return { taken: 0, known: 0, refusals };
    const keys = unique.map(({ key }) => key);
    return records.guarded(phr).within(async view => {
      const connection = view.connection.withTables<PhrTables>();
      const there = await connection
        .selectFrom('phr_items')
        .select(['key', 'import'])
        .where('patient', '=', row.patient)
        .where('key', 'in', keys)
        .execute();
      const others = new Set(there.map(({ key }) => key));
      const mine = new Set(there.filter(item => item.import === row.id).map(({ key }) => key));
      const made: string[] = [];
      const items: PhrTables['phr_items'][] = [];
      for (const reading of unique) {
        if (mine.has(reading.key)) continue;
        const id = idOf(row.patient, reading.key);
        const { resourceType: type } = reading.resource as Resource;
        if (!others.has(reading.key)) {
          try {
            await view.create(owned(reading, row), id);
            made.push(`${type}/${id}`);
          } catch (error) {
            // Faults of a resource show before anything is written: the transaction goes on without it.
            if (!(error instanceof Problem) || error.status !== 422) throw error;
            refusals.push({ place: `${type} ${reading.source}`, reason: error.text.en.slice(0, 300) });
            continue;
          }
        }
        items.push({ patient: row.patient, key: reading.key, import: row.id, type, resource: id });
      }
      if (made.length) {
        const provenance = await view.create(provenanceOf(row, document, made, now()));
        items.push({
          patient: row.patient,
          key: `provenance ${provenance.id}`,
          import: row.id,
          type: 'Provenance',
          resource: provenance.id,
        });
      }
      if (items.length) await connection.insertInto('phr_items').values(items).execute();
      return { taken: made.length, known: unique.length - made.length - refusals.length, refusals };
    });
  }

  /** Erases what only this import brought, the original with it. */
  async function takeBack(row: ImportRow, end: 'undone' | 'stopped'): Promise<void> {
    for (;;) {
      const items = await tables
        .selectFrom('phr_items')
        .selectAll()
        .where('import', '=', row.id)
        .limit(BATCH * 5)
        .execute();
      if (!items.length) break;
      await records.guarded(phr).within(async view => {
        const connection = view.connection.withTables<PhrTables>();
        const keys = items.map(({ key }) => key);
        await connection.deleteFrom('phr_items').where('import', '=', row.id).where('key', 'in', keys).execute();
        const kept = await connection
          .selectFrom('phr_items')
          .select('key')
          .where('patient', '=', row.patient)
          .where('key', 'in', keys)
          .execute();
        const others = new Set(kept.map(({ key }) => key));
        await eraseResources(
          view,
          items.filter(({ key }) => !others.has(key)).map(({ type, resource }) => `${type}/${resource}`),
        );
      });
    }
    if (row.document) await eraseResources(records.guarded(phr), [`DocumentReference/${row.document}`]);
    await forgetFile(row);
    await set(row.id, {
      state: end,
      hash: null,
      document: null,
      kinds: '{}',
      unknown: '{}',
      refusals: '[]',
      owner: null,
      taken: 0,
      known: 0,
    });
  }

  async function forgetFile(row: ImportRow) {
    const parts = await tables.selectFrom('phr_parts').select('hash').where('import', '=', row.id).execute();
    await tables.deleteFrom('phr_parts').where('import', '=', row.id).execute();
    for (const { hash } of parts) await files.remove(hash);
    if (!row.hash) return;
    const others = await tables
      .selectFrom('phr_imports')
      .select('id')
      .where('hash', '=', row.hash)
      .where('id', '<>', row.id)
      .executeTakeFirst();
    if (!others) await files.remove(row.hash);
  }

  async function knownAmong(patient: string, readings: Reading[]): Promise<number> {
    if (!readings.length) return 0;
    const keys = [...new Set(readings.map(({ key }) => key))];
    const there = await tables
      .selectFrom('phr_items')
      .select('key')
      .distinct()
      .where('patient', '=', patient)
      .where('key', 'in', keys)
      .execute();
    return there.length;
  }

  const contentOf = (hash: string) => files.open(hash, { start: OWNER_BYTES, end: Number.MAX_SAFE_INTEGER });

  return {
    /** Does what the import's state asks for; nothing when there is nothing to do. */
    async work(id: string): Promise<void> {
      const row = await rowOf(id);
      if (row?.state === 'checking') await check(row);
      else if (row?.state === 'taking') await take(row);
      else if (row?.state === 'stopping') await takeBack(row, 'stopped');
      else if (row?.state === 'undoing') await takeBack(row, 'undone');
      // The patient may have asked for the next step meanwhile.
      const next = await rowOf(id);
      if (next && next.state !== row?.state && ['checking', 'taking', 'stopping', 'undoing'].includes(next.state)) await this.work(id);
    },
    takeBack,
  };
}

const SAME_FILE = {
  ja: 'このファイルは、もう取り込んであります。何も変えていません。',
  en: 'This very file was taken over before. Nothing was changed.',
};
const NOTHING = { ja: '取り込める記録が、ファイルの中にありませんでした。', en: 'The file holds nothing that can be taken over.' };
const OTHER = {
  ja: 'このファイルは、別の人の記録のようです。取り込みませんでした。',
  en: 'This file seems to be about somebody else. Nothing was taken over.',
};

async function* withOwner(patient: string, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from(patient.padEnd(OWNER_BYTES));
  yield* content;
}
