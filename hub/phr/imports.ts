// Imports as their patient sees and steers them: the file comes in parts, is looked through, confirmed, taken over, and can be taken back as a whole.
import { randomBytes, randomUUID } from 'node:crypto';
import type { Text } from '../http/problem.ts';
import { notFound, Problem } from '../http/problem.ts';
import type { Person } from '../identity/actor.ts';
import type { OpenRecords } from '../records/index.ts';
import type { Database, FileStore } from '../store/index.ts';
import type { ImportView } from './contract.ts';
import { MEANINGS, type MeaningName } from './meanings.ts';
import type { PhrTables } from './tables.ts';

/** Notification {}: there is work for the worker. */
export const PHR_CHANNEL = 'phr';
/** The largest file: an export of some ten years. */
export const FILE_BYTES = 2 * 1024 ** 3;
/** Bytes of a part: below what the hub takes in one request. */
export const PART_BYTES = 1024 ** 2;
/** In front of each kept part, so that the same part of two uploads is two files and each can be forgotten alone. */
export const SALT_BYTES = 16;
/** In front of a kept file stands its patient's id: the same file of two patients is two files, and each can be erased alone. */
export const OWNER_BYTES = 64;
/** Uploads that one patient may have open at once. */
const OPEN_UPLOADS = 3;

export type ImportRow = Awaited<ReturnType<ReturnType<typeof openImports>['row']>>;

export interface PhrDeps {
  database: Database;
  records: OpenRecords;
  files: FileStore;
  now?: () => Date;
}

export function openImports({ database, records, files, now = () => new Date() }: PhrDeps) {
  const tables = database.kysely.withTables<PhrTables>();
  const audit = (actor: Person, action: string, what: Text) => records.audit({ actor, action, what, patient: ownId(actor), allowed: true });

  /** The patient's import. @throws Problem 404 */
  async function row(actor: Person, id: string) {
    const found = await tables
      .selectFrom('phr_imports')
      .selectAll()
      .where('id', '=', id)
      .where('patient', '=', ownId(actor))
      .executeTakeFirst();
    if (!found) throw notFound();
    return found;
  }

  /** Moves an import on, when it stands where it may; else tells why not. */
  async function move(actor: Person, id: string, from: ImportView['state'][], to: ImportView['state']) {
    const moved = await tables
      .updateTable('phr_imports')
      .set({ state: to, bytes_done: 0, changed_at: now() })
      .where('id', '=', id)
      .where('patient', '=', ownId(actor))
      .where('state', 'in', from)
      .returning('id')
      .executeTakeFirst();
    if (!moved) {
      await row(actor, id);
      throw new Problem(409, 'import-elsewhere', {
        ja: 'この取り込みは、もう次に進んでいます。画面を読み込みなおしてください。',
        en: 'This import has moved on meanwhile. Load the page again.',
      });
    }
    await database.notify(PHR_CHANNEL, {});
  }

  return {
    row,
    async begin(actor: Person, { name, size }: { name: string; size: number }): Promise<ImportView> {
      if (size > FILE_BYTES) throw tooLarge();
      const open = await tables
        .selectFrom('phr_imports')
        .select('id')
        .where('patient', '=', ownId(actor))
        .where('state', '=', 'uploading')
        .orderBy('created_at')
        .execute();
      // What was begun and left is not waited for: the oldest makes room.
      for (const { id } of open.slice(0, Math.max(0, open.length - OPEN_UPLOADS + 1))) await drop(id);
      const id = randomUUID();
      await tables
        .insertInto('phr_imports')
        .values({
          ...{ id, patient: ownId(actor), name: name.slice(0, 200), size, state: 'uploading', created_at: now(), changed_at: now() },
        })
        .execute();
      return view(await row(actor, id));
    },
    /** Keeps a part; the same part again replaces it. @throws Problem 409, 413 */
    async part(actor: Person, id: string, number: number, content: Uint8Array): Promise<void> {
      const it = await row(actor, id);
      if (it.state !== 'uploading')
        throw new Problem(409, 'not-uploading', { ja: 'このファイルは、もう送り終わっています。', en: 'This file has come already.' });
      const last = Math.ceil(Number(it.size) / PART_BYTES) - 1;
      const expected = number < last ? PART_BYTES : Number(it.size) - last * PART_BYTES;
      if (number > last || content.byteLength !== expected)
        throw new Problem(422, 'part-wrong', {
          ja: 'ファイルの一部が正しく届きませんでした。もう一度送ってください。',
          en: 'A part of the file did not come whole. Send it again.',
        });
      const kept = await files.put(Buffer.concat([randomBytes(SALT_BYTES), content]), { type: 'application/octet-stream' });
      const former = await tables
        .selectFrom('phr_parts')
        .select('hash')
        .where('import', '=', id)
        .where('number', '=', number)
        .executeTakeFirst();
      await tables
        .insertInto('phr_parts')
        .values({ import: id, number, hash: kept.hash, size: content.byteLength })
        .onConflict(conflict => conflict.columns(['import', 'number']).doUpdateSet({ hash: kept.hash }))
        .execute();
      if (former) await files.remove(former.hash);
      await tables
        .updateTable('phr_imports')
        .set({ bytes_done: Math.min(Number(it.size), (number + 1) * PART_BYTES), changed_at: now() })
        .where('id', '=', id)
        .execute();
    },
    /** All parts have come: the file is looked through. @throws Problem 409 */
    async check(actor: Person, id: string): Promise<void> {
      const it = await row(actor, id);
      const { there } = await tables
        .selectFrom('phr_parts')
        .select(eb => eb.fn.coalesce(eb.fn.sum<string>('size'), eb.lit(0)).as('there'))
        .where('import', '=', id)
        .executeTakeFirstOrThrow();
      if (Number(there) !== Number(it.size))
        throw new Problem(409, 'parts-missing', { ja: 'ファイルがまだ全部届いていません。', en: 'The file has not come whole yet.' });
      await move(actor, id, ['uploading'], 'checking');
    },
    async take(actor: Person, id: string): Promise<void> {
      const it = await row(actor, id);
      if (it.owner?.match === 'other') throw otherPerson();
      await move(actor, id, ['ready'], 'taking');
      await audit(actor, 'create', { ja: '自分の記録を取り込む', en: 'import own health data' });
    },
    async stop(actor: Person, id: string): Promise<void> {
      const it = await row(actor, id);
      if (it.state === 'uploading') return drop(id);
      await move(actor, id, ['checking', 'ready', 'taking', 'refused'], 'stopping');
    },
    async undo(actor: Person, id: string): Promise<void> {
      await move(actor, id, ['done'], 'undoing');
      await audit(actor, 'delete', { ja: '取り込みを取り消す', en: 'take an import back' });
    },
    async list(actor: Person): Promise<ImportView[]> {
      const rows = await tables
        .selectFrom('phr_imports')
        .selectAll()
        .where('patient', '=', ownId(actor))
        .where('state', '<>', 'undone')
        .orderBy('created_at', 'desc')
        .limit(100)
        .execute();
      return rows.map(view);
    },
    async one(actor: Person, id: string): Promise<ImportView> {
      return view(await row(actor, id));
    },
    /** The file as it came. @throws Problem 404 */
    async file(actor: Person, id: string) {
      const it = await row(actor, id);
      const kept = it.hash ? await files.find(it.hash) : null;
      if (!kept || !['done', 'ready', 'taking'].includes(it.state)) throw notFound();
      await audit(actor, 'export', { ja: '取り込んだファイルを受け取る', en: 'get an imported file back' });
      return { name: it.name, size: kept.size - OWNER_BYTES, content: await files.open(kept.hash, { start: OWNER_BYTES, end: kept.size }) };
    },
  };

  async function drop(id: string) {
    const parts = await tables.selectFrom('phr_parts').select('hash').where('import', '=', id).execute();
    await tables.deleteFrom('phr_imports').where('id', '=', id).where('state', '=', 'uploading').execute();
    for (const { hash } of parts) await files.remove(hash);
  }
}

/** The id of the patient who acts. @throws Problem 403 for everyone else */
export function ownId(actor: Person): string {
  if (actor.reference?.startsWith('Patient/')) return actor.reference.slice('Patient/'.length);
  throw new Problem(403, 'patients-only', { ja: 'これができるのは患者さん本人だけです。', en: 'Only the patient can do this.' });
}

const tooLarge = () =>
  new Problem(413, 'file-too-large', { ja: 'ファイルが大きすぎます (2 GB まで)。', en: 'The file is too large (2 GB at most).' });
export const otherPerson = () =>
  new Problem(422, 'other-person', {
    ja: 'このファイルは、別の人の記録のようです。取り込めません。',
    en: 'This file seems to be about somebody else. It cannot be taken over.',
  });

/** Types of FHIR in words, for counts. */
const TYPE_WORDS: Readonly<Record<string, Text>> = {
  medication: { ja: '薬', en: 'Medicines' },
  Observation: { ja: '検査・測定', en: 'Results' },
  Condition: { ja: '病気', en: 'Conditions' },
  AllergyIntolerance: { ja: 'アレルギー', en: 'Allergies' },
  MedicationRequest: { ja: '薬の処方', en: 'Prescriptions' },
  MedicationStatement: { ja: '薬', en: 'Medicines' },
  Procedure: { ja: '手術・処置', en: 'Procedures' },
  DiagnosticReport: { ja: '検査の報告', en: 'Reports' },
  Immunization: { ja: '予防接種', en: 'Vaccinations' },
  DocumentReference: { ja: '文書', en: 'Documents' },
  CarePlan: { ja: '計画', en: 'Plans' },
};

export function view(row: ImportRow): ImportView {
  const kinds = Object.entries(row.kinds)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => ({ kind, count, text: MEANINGS[kind as MeaningName]?.text ?? TYPE_WORDS[kind] ?? { ja: kind, en: kind } }));
  return {
    id: row.id,
    name: row.name,
    size: Number(row.size),
    done: Number(row.bytes_done),
    state: row.state,
    format: row.format,
    kinds,
    unknown: Object.entries(row.unknown)
      .sort(([, a], [, b]) => b - a)
      .map(([type, count]) => ({ type, count })),
    refused: row.refused,
    refusals: row.refusals,
    taken: row.taken,
    known: row.known,
    from: row.since?.toISOString() ?? null,
    to: row.until?.toISOString() ?? null,
    owner: row.owner,
    problem: row.problem,
    createdAt: row.created_at.toISOString(),
  };
}
