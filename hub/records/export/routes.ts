// Bulk export over HTTP (FHIR Bulk Data Access 2.0, hl7.org/fhir/uv/bulkdata/export.html): kick-off, status, manifest, files, and giving up.
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Context, Hono } from 'hono';
import { type Selectable, sql } from 'kysely';
import { notAllowed, notFound, Problem, type Text } from '../../http/problem.ts';
import type { HubEnv } from '../../http/server-types.ts';
import { hasRole, type Person } from '../../identity/actor.ts';
import type { Database, FileStore } from '../../store/index.ts';
import { allowedPatients } from '../access/access.ts';
import { writeAudit } from '../audit/audit.ts';
import { RESOURCE_TYPES } from '../definitions.ts';
import { outcomeOf } from '../fhir/outcome.ts';
import type { OpenRecords } from '../open.ts';
import type { RecordTables } from '../tables.ts';
import { NDJSON } from './make.ts';
import { EXPORT_CHANNEL, type ExportFile, type ExportTables } from './tables.ts';
import { PURPOSES, wordsOf } from './words.ts';
import { KEPT_HOURS } from './worker.ts';

const FORMATS = [NDJSON, 'application/ndjson', 'ndjson'];
const PARAMETERS = ['_outputFormat', '_since', '_type', 'purpose'];
const RETRY_SECONDS = 5;
const UUID = /^[0-9a-f-]{36}$/;

export interface ExportDeps {
  database: Database;
  records: OpenRecords;
  /** The file store's area `export`. */
  files: FileStore;
}

type Row = Selectable<ExportTables['bulk_exports']>;

/** Routes below `/fhir/R4`, to be mounted before fhirRoutes. */
export function exportRoutes({ database, records, files }: ExportDeps): Hono<HubEnv> {
  const tables = database.kysely.withTables<ExportTables & RecordTables>();
  const { now, connection, definitions } = records.context;
  const app = new Hono<HubEnv>();
  app.onError((error, context) => {
    if (!(error instanceof Problem)) throw error;
    const { id: _, ...outcome } = outcomeOf(error);
    return context.json(outcome, error.status, { 'content-type': 'application/fhir+json; charset=utf-8' });
  });
  const audit = (actor: Person, step: Parameters<typeof wordsOf>[1], resource: string, allowed: boolean, patients: string[] = []) =>
    writeAudit(connection, [{ actor, action: 'export', what: wordsOf({ actor }, step), resource, patients, allowed }]);

  for (const [path, level] of [
    ['/$export', 'system'],
    ['/Patient/$export', 'patient'],
    ['/Group/:id/$export', 'group'],
  ] as const) {
    app.on(['GET', 'POST'], path, async context => kickOff(context, level));
  }

  async function kickOff(context: Context<HubEnv>, level: Row['level']) {
    const { req } = context;
    const organization = level === 'group' ? (req.param('id') ?? null) : null;
    const asked = await parametersOf(context);
    const actor = entitled(context.var.actor, level, organization, asked.purpose);
    const resource = asked.types.length > 3 ? '*' : asked.types.join(',');
    if (!actor) {
      await audit(context.var.actor, 'asked', resource, false);
      throw notAllowed();
    }
    if (!/\brespond-async\b/.test(req.header('prefer') ?? ''))
      throw wrong({ ja: 'ヘッダー Prefer: respond-async がいります。', en: 'The header Prefer: respond-async is needed.' });
    const id = randomUUID();
    await tables.transaction().execute(async inside => {
      // One at a time for an account: the lock makes two requests wait for each other.
      await sql`select pg_advisory_xact_lock(hashtextextended(${`bulk_exports ${actor.account}`}, 0))`.execute(inside);
      const busy = await inside
        .selectFrom('bulk_exports')
        .select('id')
        .where('account', '=', actor.account)
        .where('state', '=', 'waiting')
        .executeTakeFirst();
      if (busy) throw tooMany();
      await inside
        .insertInto('bulk_exports')
        .values({
          ...{ id, account: actor.account, actor: JSON.stringify(actor), level, organization, types: asked.types, since: asked.since },
          ...{ request: req.url, created_at: now() },
        })
        .execute();
      await writeAudit(inside, [{ actor, action: 'export', what: wordsOf({ actor }, 'asked'), resource, allowed: true }]);
      await sql`select pg_notify(${EXPORT_CHANNEL}, '{}')`.execute(inside);
    });
    return context.body(null, 202, { 'content-location': `${baseOf(req.url)}/$export-status/${id}` });
  }

  app.get('/$export-status/:id', async context => {
    const row = await own(context);
    if (row.state === 'waiting')
      return context.body(null, 202, { 'x-progress': row.progress || 'waiting', 'retry-after': String(RETRY_SECONDS) });
    if (row.state === 'failed') throw new Problem(500, 'export-failed', FAILED);
    if (row.state !== 'done') throw notFound();
    const base = `${baseOf(context.req.url)}/$export-file/${row.id}`;
    return context.json(
      {
        transactionTime: row.transaction_time?.toISOString(),
        request: row.request,
        requiresAccessToken: true,
        output: row.output.map(({ type, count }) => ({ type, url: `${base}/${type}.ndjson`, count })),
        error: [],
      },
      200,
      { expires: new Date(row.ended_at!.getTime() + KEPT_HOURS * 3_600_000).toUTCString() },
    );
  });

  app.delete('/$export-status/:id', async context => {
    const row = await own(context);
    await tables
      .updateTable('bulk_exports')
      .set({ state: 'cancelled', ended_at: now() })
      .where('id', '=', row.id)
      .where('state', 'in', ['waiting', 'done', 'failed'])
      .execute();
    await audit(row.actor, 'cancelled', '*', true);
    // Wakes the worker, which forgets the files.
    await sql`select pg_notify(${EXPORT_CHANNEL}, '{}')`.execute(connection);
    return context.body(null, 202);
  });

  app.get('/$export-file/:id/:file', async context => {
    const row = await own(context);
    const type = (context.req.param('file') ?? '').replace(/\.ndjson$/, '');
    const file = row.state === 'done' ? row.output.find(each => each.type === type) : undefined;
    if (!file) throw notFound();
    const patients = [...new Set(file.kinds.flatMap(kind => kind.patients))];
    const actor = entitled(context.var.actor, row.level, row.organization, row.actor.purpose);
    if (!actor || !(await stillAllowed(actor, file))) {
      await audit(row.actor, 'taken', type, false, patients);
      throw new Problem(410, 'export-outdated', OUTDATED);
    }
    await audit(actor, 'taken', type, true, patients);
    const stream = Readable.toWeb(await files.open(file.hash)) as ReadableStream;
    return context.body(stream, 200, {
      ...{ 'content-type': NDJSON, 'content-length': String(file.size) },
      'content-disposition': `attachment; filename="${type}.ndjson"`,
    });
  });

  /** Consent counts when the file leaves, too: what was taken back since it was made is not given out. */
  async function stillAllowed(actor: Person, file: ExportFile): Promise<boolean> {
    for (const { category, withheld, patients } of file.kinds) {
      const allowed = await allowedPatients(connection, actor, patients, category, 'export', now(), withheld);
      if (allowed.size < patients.length) return false;
    }
    return true;
  }

  /** The export of that id, if the asking account began it. @throws Problem 404 */
  async function own(context: Context<HubEnv>): Promise<Row> {
    const id = context.req.param('id') ?? '';
    const row = UUID.test(id) ? await tables.selectFrom('bulk_exports').selectAll().where('id', '=', id).executeTakeFirst() : undefined;
    if (!row || row.account !== context.var.actor.account) {
      await audit(context.var.actor, 'taken', '*', false);
      throw notFound();
    }
    return row;
  }

  async function parametersOf({ req }: Context<HubEnv>) {
    const given = new URL(req.url).searchParams;
    if (req.method === 'POST') {
      const body = (await req.json().catch(() => null)) as { parameter?: Record<string, unknown>[] } | null;
      for (const { name, ...value } of body?.parameter ?? []) given.append(String(name), String(Object.values(value)[0]));
    }
    const lenient = /handling\s*=\s*lenient/.test(req.header('prefer') ?? '');
    const unknown = [...given.keys()].filter(name => !PARAMETERS.includes(name));
    if (unknown.length && !lenient)
      throw wrong({ ja: `${unknown.join('、')} は使えません。`, en: `${unknown.join(', ')}: not supported.` });
    const format = given.get('_outputFormat');
    if (format && !FORMATS.includes(format.replace(/ /g, '+')))
      throw wrong({ ja: '形式は ndjson だけです。', en: 'Only ndjson is written.' });
    const since = given.get('_since');
    if (since && Number.isNaN(Date.parse(since.replace(/ /g, '+'))))
      throw wrong({ ja: '_since が時刻ではありません。', en: '_since is no instant.' });
    const types = given.getAll('_type').flatMap(value => value.split(','));
    const unkept = types.filter(type => !definitions.kept(type));
    if (unkept.length) throw wrong({ ja: `${unkept.join('、')} は保存していません。`, en: `${unkept.join(', ')}: not kept here.` });
    const purpose = given.get('purpose') ?? undefined;
    if (purpose && !(PURPOSES as readonly string[]).includes(purpose))
      throw wrong({ ja: `purpose は ${PURPOSES.join('、')} です。`, en: `purpose is one of ${PURPOSES.join(', ')}.` });
    return {
      types: types.length ? [...new Set(types)] : [...RESOURCE_TYPES],
      since: since ? new Date(since.replace(/ /g, '+')) : null,
      purpose: purpose as Person['purpose'],
    };
  }

  return app;
}

/**
 * Who may export, and as whom: administrators everything, for a purpose they name; doctors the patients of their own facility. Null: nobody
 * else. @throws Problem 400 when an administrator names no purpose
 */
function entitled(actor: Person, level: Row['level'], organization: string | null, purpose: Person['purpose']): Person | null {
  // A link, an emergency or an app with a narrower right is no way to take everything away.
  if (actor.share || actor.emergency || actor.scopes) return null;
  if (hasRole(actor, ['administrator'])) {
    if (!purpose)
      throw wrong({ ja: `目的 (purpose=${PURPOSES.join(' か ')}) がいります。`, en: `A purpose is needed: ${PURPOSES.join(' or ')}.` });
    return { ...actor, purpose };
  }
  if (level === 'patient' && hasRole(actor, ['doctor'])) return actor;
  if (level === 'group' && organization && hasRole(actor, ['doctor'], organization)) return actor;
  return null;
}

const FAILED: Text = { ja: '取り出せませんでした。もう一度試してください。', en: 'The export failed. Ask for it again.' };
const OUTDATED: Text = {
  ja: '取り出したあとで、同意や権限が変わりました。もう一度取り出してください。',
  en: 'Consent or rights changed after the export was made. Ask for it again.',
};
const wrong = (text: Text) => new Problem(400, 'export-invalid', text);
const tooMany = () =>
  new Problem(429, 'export-running', {
    ja: '前に求めたものをまだ作っています。終わってから、もう一度求めてください。',
    en: 'An export of yours is still being made. Ask again when it is done.',
  });
const baseOf = (url: string) => `${new URL(url).origin}/fhir/R4`;
