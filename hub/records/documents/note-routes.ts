// Consultation notes over HTTP: a draft with a version, seen and written by the clinicians of the consultation, then signed.
import type { Encounter } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { z } from 'zod';
import type { Config } from '../../config.ts';
import { NoteDraft, type NoteView } from '../../consult/contract.ts';
import { notAllowed } from '../../http/problem.ts';
import { readBody } from '../../http/request.ts';
import type { HubEnv } from '../../http/server-types.ts';
import { hasRole, type Person } from '../../identity/actor.ts';
import type { Database } from '../../store/index.ts';
import type { OpenRecords } from '../open.ts';
import type { RecordTables } from '../tables.ts';
import type { DayRisk, DaySummary } from './day-summary.ts';
import { draftChanged, noteSigned } from './note-problems.ts';
import type { SealDeps } from './seal.ts';
import { signNote } from './sign.ts';

export interface NoteDeps extends SealDeps {
  records: OpenRecords;
  database: Database;
  config: Config;
  /** What the sensors measured on a day; without it a signed note carries no Observations. */
  daySummary?: DaySummary;
  /** What was predicted on a day; without it a signed note carries no RiskAssessment. */
  dayRisk?: DayRisk;
  /** Told after a draft was begun or signed, so that those in the room see it. */
  changed?(encounter: string): Promise<void> | void;
}

const Sign = z.object({ version: z.number().int().min(0).nullable().default(null) });

/** Mounted at /api/consult: `/encounters/:id/note` (GET, PUT) and `/encounters/:id/note/sign` (POST). */
export function noteRoutes(deps: NoteDeps): Hono<HubEnv> {
  const { records, database } = deps;
  const tables = database.kysely.withTables<RecordTables>();
  const signing = { ...deps, records, daySummary: deps.daySummary ?? (async () => []), dayRisk: deps.dayRisk ?? (async () => []) };
  const app = new Hono<HubEnv>();

  app.get('/encounters/:id/note', async context => {
    await seat(records, context.var.actor, context.req.param('id'));
    return context.json(await noteView(database, context.req.param('id')));
  });

  app.put('/encounters/:id/note', async context => {
    const encounter = context.req.param('id');
    const { actor } = context.var;
    const patient = await seat(records, actor, encounter);
    const { version, to, ...words } = await readBody(context, NoteDraft);
    const content = { ...words, addressee: to, author: actor.reference!, updated_at: records.context.now() };
    const view = records.guarded(actor);
    await view.within(async ({ connection }) => {
      const stored = await connection
        .selectFrom('notes')
        .select(['version', 'signed_at'])
        .where('encounter', '=', encounter)
        .forUpdate()
        .executeTakeFirst();
      if (stored?.signed_at) throw noteSigned();
      if ((stored?.version ?? 0) !== version) throw draftChanged(stored?.version ?? 0);
      const written = await connection
        .insertInto('notes')
        .values({ encounter, patient, ...content, version: version + 1, signed_by: null, document: null })
        .onConflict(conflict =>
          conflict
            .column('encounter')
            .doUpdateSet({ ...content, version: version + 1 })
            .where('notes.version', '=', version),
        )
        .returning('version')
        .executeTakeFirst();
      // Two first drafts at once: the second finds the first's row there.
      if (!written) throw draftChanged(1);
    });
    if (version === 0) await deps.changed?.(encounter);
    return context.json(await noteView(database, encounter));
  });

  app.post('/encounters/:id/note/sign', async context => {
    const encounter = context.req.param('id');
    await seat(records, context.var.actor, encounter);
    const { version } = await readBody(context, Sign);
    const signed = await tables.selectFrom('notes').select('signed_at').where('encounter', '=', encounter).executeTakeFirst();
    if (signed?.signed_at) throw noteSigned();
    await signNote(signing, context.var.actor, encounter, version);
    await deps.changed?.(encounter);
    return context.json(await noteView(database, encounter));
  });
  return app;
}

/** Where the notes of these Encounters stand; those without a note are missing. */
export async function noteStates(
  database: Database,
  encounters: string[],
): Promise<Map<string, { status: 'draft' | 'signed'; signedAt: string | null }>> {
  if (!encounters.length) return new Map();
  const tables = database.kysely.withTables<RecordTables>();
  const rows = await tables.selectFrom('notes').select(['encounter', 'signed_at']).where('encounter', 'in', encounters).execute();
  return new Map(
    rows.map(row => [
      row.encounter,
      { status: row.signed_at ? ('signed' as const) : ('draft' as const), signedAt: row.signed_at?.toISOString() ?? null },
    ]),
  );
}

/** @returns the patient's id. @throws Problem 403 unless the actor takes part in the consultation as a clinician */
async function seat(records: OpenRecords, actor: Person, id: string): Promise<string> {
  const encounter = (await records.guarded(actor).read('Encounter', id)) as Encounter;
  const takesPart = encounter.participant?.some(({ individual }) => individual?.reference === actor.reference);
  if (!takesPart || !hasRole(actor, ['doctor', 'specialist'])) {
    await records.audit({
      actor,
      action: 'read',
      what: { ja: '診察の記録を見る', en: 'read a consultation note' },
      patient: encounter.subject?.reference?.split('/')[1],
      allowed: false,
    });
    throw notAllowed();
  }
  return encounter.subject!.reference!.slice('Patient/'.length);
}

async function noteView(database: Database, encounter: string): Promise<NoteView> {
  const tables = database.kysely.withTables<RecordTables>();
  const note = await tables.selectFrom('notes').selectAll().where('encounter', '=', encounter).executeTakeFirst();
  const empty = { subjective: '', objective: '', assessment: '', plan: '' };
  if (!note) return { encounter, ...empty, to: null, version: 0, status: 'draft', author: null, signedAt: null, document: null };
  const delivery = note.document
    ? await tables.selectFrom('deliveries').selectAll().where('document', '=', note.document).executeTakeFirst()
    : undefined;
  return {
    encounter,
    subjective: note.subjective,
    objective: note.objective,
    assessment: note.assessment,
    plan: note.plan,
    to: note.addressee,
    version: note.version,
    status: note.signed_at ? 'signed' : 'draft',
    author: note.signed_by ?? note.author,
    signedAt: note.signed_at?.toISOString() ?? null,
    document: note.document
      ? {
          id: note.document,
          delivery: delivery?.state ?? 'waiting',
          deliveredAt: delivery?.delivered_at?.toISOString() ?? null,
          problem: delivery?.problem ?? null,
        }
      : null,
  };
}
