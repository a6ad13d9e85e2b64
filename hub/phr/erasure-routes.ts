// Erasing on request: what the patient brought along goes at once; charts stay as long as the law says, and a wish is answered by an administrator.
import { randomUUID } from 'node:crypto';
import type { CarePlan, Encounter } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { z } from 'zod';
import { notFound, Problem, readBody } from '../http/index.ts';
import { checked } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { requireRole } from '../identity/actor.ts';
import { ENCOUNTER_TYPE_SYSTEM } from '../records/index.ts';
import type { ErasureFacts, ErasureView } from './contract.ts';
import { ownId, type PhrDeps } from './imports.ts';
import { openShares } from './shares.ts';
import type { PhrTables } from './tables.ts';
import { openTaking } from './take.ts';

/** How long the law keeps what, in years after completion. */
const KEPT = {
  /** 医師法 第24条, 療養担当規則 第9条: charts, 5 years. */
  charts: 5,
  /** Guideline on online consultations: care plans, 2 years. */
  'care-plans': 2,
} as const;
const LAW = {
  charts: {
    ja: '診療録 (カルテ) は、診察が終わってから 5 年間残すと法律で決まっています。',
    en: 'The law keeps charts for 5 years after completion.',
  },
  'care-plans': { ja: '診療の計画は、終わってから 2 年間残す決まりです。', en: 'Care plans are kept for 2 years after completion.' },
} as const;
const Wish = z.object({ what: z.enum(['brought', 'charts']), wish: z.string().trim().max(1000).default('') });
const Decision = z.object({ reason: z.string().trim().min(1).max(1000) });

/** Below /api/phr/erasures. */
export function erasureRoutes(deps: PhrDeps & { publicUrl: string }): Hono<HubEnv> {
  const { database, records, now = () => new Date() } = deps;
  const tables = database.kysely.withTables<PhrTables>();
  const [taking, shares] = [openTaking(deps), openShares(deps)];
  const app = new Hono<HubEnv>();
  const view = (row: PhrTables['phr_erasures'], named: boolean): ErasureView => ({
    id: row.id,
    patientName: named ? row.patient_name : null,
    what: row.what,
    wish: row.wish,
    askedAt: row.asked_at.toISOString(),
    decision: row.decision,
    reason: row.reason,
    decidedAt: row.decided_at?.toISOString() ?? null,
  });
  const wishesOf = (patient: string) =>
    tables.selectFrom('phr_erasures').selectAll().where('patient', '=', patient).orderBy('asked_at', 'desc').limit(50).execute();
  const importsOf = (patient: string) =>
    tables.selectFrom('phr_imports').selectAll().where('patient', '=', patient).where('state', 'not in', ['undone', 'stopped']).execute();

  app.get('/', async context => {
    const { actor } = context.var;
    const patient = ownId(actor);
    const imports = await importsOf(patient);
    const { things } = await tables
      .selectFrom('phr_items')
      .select(eb => eb.fn.count<string>('key').distinct().as('things'))
      .where('patient', '=', patient)
      .where('type', '<>', 'Provenance')
      .executeTakeFirstOrThrow();
    const { links } = await tables
      .selectFrom('phr_shares')
      .select(eb => eb.fn.countAll<string>().as('links'))
      .where('patient', '=', patient)
      .executeTakeFirstOrThrow();
    const self = records.as(actor);
    const encounters = await self.search<Encounter>(`Encounter?subject=Patient/${patient}&_count=1000`);
    const plans = await self.search<CarePlan>(`CarePlan?subject=Patient/${patient}&_count=1000`);
    const facts: ErasureFacts = {
      brought: { imports: imports.length, things: Number(things), links: Number(links) },
      kept: [
        kept(
          'charts',
          encounters.filter(isChart).map(({ period }) => period?.end),
        ),
        kept(
          'care-plans',
          plans.map(({ period }) => period?.end),
        ),
      ].filter(({ count }) => count > 0),
      wishes: (await wishesOf(patient)).map(row => view(row, false)),
    };
    return context.json(facts);
  });

  app.post('/', async context => {
    const { actor } = context.var;
    const patient = ownId(actor);
    const { what, wish } = await readBody(context, Wish);
    const open = (await wishesOf(patient)).find(row => row.what === what && row.decision === null);
    if (open)
      throw new Problem(409, 'wished-already', {
        ja: 'もう受けつけています。返事を待ってください。',
        en: 'Your wish was taken; please wait for the answer.',
      });
    const row: PhrTables['phr_erasures'] = {
      ...{ id: randomUUID(), patient, patient_name: actor.name, what, wish, asked_at: now() },
      ...{ decision: null, reason: null, decided_at: null, decided_by: null, erased: null },
    };
    await tables.insertInto('phr_erasures').values(row).execute();
    await records.audit({ actor, action: 'delete', what: { ja: '記録を消すように頼む', en: 'ask for erasure' }, patient, allowed: true });
    if (what === 'charts') return context.json(view(row, false), 202);
    const erased = await eraseBrought();
    const done = { decision: 'erased' as const, reason: null, decided_at: now(), decided_by: actor.account, erased };
    await tables.updateTable('phr_erasures').set(done).where('id', '=', row.id).execute();
    await records.audit({
      actor,
      action: 'delete',
      what: { ja: `持ってきた記録を消した (${erased}件のファイル)`, en: `erased what was brought along (${erased} files)` },
      patient,
      allowed: true,
    });
    return context.json(view({ ...row, ...done }, false));

    /** Links, imports with all they brought and their files, copies. What others brought is not touched. */
    async function eraseBrought(): Promise<number> {
      for (const share of await shares.list(actor)) await shares.end(actor, share.id);
      await tables.deleteFrom('phr_shares').where('patient', '=', patient).execute();
      const imports = await importsOf(patient);
      for (const row of imports) await taking.takeBack(row, 'undone');
      await tables.deleteFrom('phr_imports').where('patient', '=', patient).execute();
      const copies = await tables.selectFrom('phr_downloads').select('hash').where('patient', '=', patient).execute();
      await tables.deleteFrom('phr_downloads').where('patient', '=', patient).execute();
      for (const { hash } of copies) if (hash) await deps.files.remove(hash);
      return imports.length;
    }
  });

  app.get('/all', async context => {
    const { actor } = context.var;
    requireRole(actor, ['administrator']);
    const rows = await tables
      .selectFrom('phr_erasures')
      .selectAll()
      .where('what', '=', 'charts')
      .orderBy('asked_at', 'desc')
      .limit(200)
      .execute();
    await records.audit({
      actor,
      action: 'read',
      what: { ja: '消してほしいという願いを見る', en: 'read wishes for erasure' },
      allowed: true,
    });
    return context.json(rows.map(row => view(row, true)));
  });

  app.post('/:id/decision', async context => {
    const { actor } = context.var;
    requireRole(actor, ['administrator']);
    const { reason } = await readBody(context, Decision);
    const id = checked(z.uuid(), context.req.param('id'));
    const row = await tables
      .updateTable('phr_erasures')
      .set({ decision: 'kept', reason, decided_at: now(), decided_by: actor.account })
      .where('id', '=', id)
      .where('decision', 'is', null)
      .returningAll()
      .executeTakeFirst();
    if (!row) throw notFound();
    const what = { ja: '消してほしいという願いに答える', en: 'answer a wish for erasure' };
    await records.audit({ actor, action: 'update', what, patient: row.patient, allowed: true });
    return context.json(view(row, true));
  });
  return app;
}

/** A consultation that took place; living somewhere is none. */
const isChart = ({ status, type }: Encounter) =>
  !['cancelled', 'entered-in-error', 'planned'].includes(status) &&
  !type?.some(({ coding }) => coding?.some(({ system, code }) => system === ENCOUNTER_TYPE_SYSTEM && code === 'residence'));

/** How many are kept, and until when the last of them must be; null while one is not finished. */
function kept(what: keyof typeof KEPT, ends: (string | undefined)[]): ErasureFacts['kept'][number] {
  const last = ends.every(Boolean) ? (ends as string[]).map(Date.parse).reduce((a, b) => Math.max(a, b), 0) : null;
  const until = last ? new Date(last) : null;
  until?.setUTCFullYear(until.getUTCFullYear() + KEPT[what]);
  return { what, count: ends.length, law: LAW[what], until: until?.toISOString() ?? null };
}
