// Makes the files of an export: a file of NDJSON for each type, and one audit entry that names everybody whose data left.
import type { Selectable } from 'kysely';
import type { Logger } from 'pino';
import type { Database, FileStore } from '../../store/index.ts';
import { writeAudit } from '../audit/audit.ts';
import type { RecordContext } from '../repository.ts';
import type { RecordTables } from '../tables.ts';
import { type Exported, pagesOf } from './rows.ts';
import type { ExportFile, ExportTables } from './tables.ts';
import { wordsOf } from './words.ts';

export const NDJSON = 'application/fhir+ndjson';
/** Patients that one audit entry names. */
const NAMED_AT_ONCE = 1000;

export interface Making {
  /** Makes the export, unless it is made or was given up. Done again after a crash, it begins anew. */
  make(id: string): Promise<void>;
  /** Forgets the files of exports that ended so long ago, and of those that were given up. */
  forget(before: Date): Promise<void>;
}

class Cancelled extends Error {}

export function openMaking({
  database,
  context,
  files,
  log,
}: {
  database: Database;
  context: RecordContext;
  files: FileStore;
  log: Logger;
}): Making {
  const tables = database.kysely.withTables<ExportTables & RecordTables>();
  const update = (id: string, set: { progress?: string; output?: string }) =>
    tables.updateTable('bulk_exports').set(set).where('id', '=', id).where('state', '=', 'waiting').returning('id').executeTakeFirst();

  async function* linesOf(pages: AsyncIterable<Exported[]>, file: ExportFile, id: string, done: string): AsyncGenerator<Uint8Array> {
    const kinds = new Map<string, { category: ExportFile['kinds'][number]['category']; withheld: boolean; patients: Set<string> }>();
    for await (const rows of pages) {
      for (const { category, withheld, patients } of rows) {
        if (category === 'setup') continue;
        const key = `${category} ${withheld}`;
        const kind = kinds.get(key) ?? { category, withheld, patients: new Set() };
        for (const patient of patients) kind.patients.add(patient);
        kinds.set(key, kind);
      }
      file.count += rows.length;
      if (!(await update(id, { progress: `${done}, ${file.type}: ${file.count}` }))) throw new Cancelled();
      yield Buffer.from(`${rows.map(({ content }) => JSON.stringify(content)).join('\n')}\n`);
    }
    file.kinds = [...kinds.values()].map(kind => ({ ...kind, patients: [...kind.patients] }));
  }

  async function work(asked: Selectable<ExportTables['bulk_exports']>): Promise<void> {
    const { id, types } = asked;
    // What changes from here on is for the next export, which asks for all since this moment.
    const until = context.now();
    const output: ExportFile[] = [];
    for (const [index, type] of types.entries()) {
      const file: ExportFile = { type, hash: '', size: 0, count: 0, kinds: [] };
      const done = `${index} of ${types.length} types`;
      const kept = await files.put(linesOf(pagesOf(context, asked, type, until), file, id, done), { type: NDJSON });
      if (file.count) output.push({ ...file, hash: kept.hash, size: kept.size });
      else await files.remove(kept.hash);
      // Kept as it grows: what was made is known, and forgotten, also when the rest fails.
      if (!(await update(id, { output: JSON.stringify(output), progress: `${index + 1} of ${types.length} types` }))) throw new Cancelled();
    }
    const patients = [...new Set(output.flatMap(file => file.kinds.flatMap(kind => kind.patients)))];
    await tables.transaction().execute(async connection => {
      const ended = await connection
        .updateTable('bulk_exports')
        .set({ state: 'done', ended_at: context.now(), transaction_time: until })
        .where('id', '=', id)
        .where('state', '=', 'waiting')
        .returning('id')
        .executeTakeFirst();
      if (!ended) throw new Cancelled();
      const entry = {
        actor: asked.actor,
        action: 'export',
        what: wordsOf(asked, 'made'),
        resource: types.length > 3 ? '*' : types.join(','),
      };
      for (let from = 0; from === 0 || from < patients.length; from += NAMED_AT_ONCE)
        await writeAudit(connection, [{ ...entry, patients: patients.slice(from, from + NAMED_AT_ONCE), allowed: true }]);
    });
  }

  return {
    async make(id) {
      const asked = await tables.selectFrom('bulk_exports').selectAll().where('id', '=', id).executeTakeFirst();
      if (asked?.state !== 'waiting') return;
      const begun = performance.now();
      try {
        await work(asked);
        log.info({ export: id, ms: Math.round(performance.now() - begun) }, 'bulk export made');
      } catch (error) {
        if (error instanceof Cancelled) return;
        log.warn({ export: id, problem: (error as Error).message }, 'a bulk export failed');
        throw error;
      }
    },
    async forget(before) {
      const over = await tables
        .selectFrom('bulk_exports')
        .select(['id', 'output', 'state'])
        .where('state', 'in', ['done', 'failed', 'cancelled'])
        .where(row => row.or([row('ended_at', '<=', before), row('state', '=', 'cancelled')]))
        .execute();
      for (const { id, output, state } of over) {
        await tables
          .updateTable('bulk_exports')
          .set({ state: state === 'cancelled' ? 'cancelled' : 'expired', output: '[]' })
          .where('id', '=', id)
          .execute();
        const others = await tables.selectFrom('bulk_exports').select('output').where('id', '!=', id).execute();
        const needed = new Set(others.flatMap(other => other.output.map(({ hash }) => hash)));
        for (const { hash } of output) if (!needed.has(hash)) await files.remove(hash);
      }
    },
  };
}
