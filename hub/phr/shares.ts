// Links by which a patient lets somebody without an account look: what, how long, what for; a token kept as hash; every look is on record.
import { createHash, randomBytes, randomUUID, scryptSync, timingSafeEqual } from 'node:crypto';
import type { Consent } from '@medplum/fhirtypes';
import type { Selectable } from 'kysely';
import { Problem } from '../http/problem.ts';
import type { Person } from '../identity/actor.ts';
import { CATEGORY_SYSTEM, type Category } from '../records/index.ts';
import type { LookView, ShareMade, ShareView } from './contract.ts';
import { ownId, type PhrDeps } from './imports.ts';
import type { PhrTables } from './tables.ts';

/** Notification {patient, share}: something about this link has changed, or somebody has looked. */
export const SHARES_CHANNEL = 'phr-shares';
/** Tries with a wrong PIN before the link is locked. */
export const WRONG_PINS = 5;
/** What a patient can open by a link: never who else may see the record. */
export const SHAREABLE = ['summary', 'consultation', 'document', 'vitals', 'risk', 'phr'] as const satisfies readonly Category[];
/** Looks by the same link within this time are one line for the patient. */
const SAME_LOOK_MS = 60_000;

export interface NewShare {
  categories: (typeof SHAREABLE)[number][];
  minutes: number;
  /** Nothing older is shown. */
  since: Date | null;
  purpose: string;
  pin: string | null;
}
type Row = Selectable<PhrTables['phr_shares']>;

const hash = (token: string) => createHash('sha256').update(token).digest('hex');
const sealed = (pin: string, salt = randomBytes(16)) => `${salt.toString('base64url')}.${scryptSync(pin, salt, 32).toString('base64url')}`;
function fits(pin: string, kept: string): boolean {
  const [salt = '', key = ''] = kept.split('.');
  return timingSafeEqual(scryptSync(pin, Buffer.from(salt, 'base64url'), 32), Buffer.from(key, 'base64url'));
}

/** Unknown, over and ended links are told alike: whoever tries tokens learns nothing. */
const linkOver = () =>
  new Problem(404, 'link-over', {
    ja: 'このリンクは使えません。期限が切れたか、ご本人が見せるのをやめました。必要なときは、ご本人にきいてください。',
    en: 'This link cannot be used: its time is over, or the person stopped sharing. Ask the person for a new one.',
  });
const pinWrong = (left: number) =>
  new Problem(401, 'pin-wrong', {
    ja: `あんしょう番号が違います。あと${left}回ためせます。`,
    en: `The PIN is wrong. ${left} ${left === 1 ? 'try is' : 'tries are'} left.`,
  });
const pinAsked = () => new Problem(401, 'pin-asked', { ja: 'あんしょう番号を入れてください。', en: 'Please enter the PIN.' });

export function openShares({ database, records, publicUrl, now = () => new Date() }: Omit<PhrDeps, 'files'> & { publicUrl: string }) {
  const tables = database.kysely.withTables<PhrTables>();
  const rowOf = (id: string, patient: string) =>
    tables.selectFrom('phr_shares').selectAll().where('id', '=', id).where('patient', '=', patient).executeTakeFirst();
  const tell = (row: { patient: string; id: string }) => database.notify(SHARES_CHANNEL, { patient: row.patient, share: row.id });

  async function noteLook(row: Row, what: LookView['what'], browser: string) {
    const recent = await tables
      .selectFrom('phr_looks')
      .select('id')
      .where('share', '=', row.id)
      .where('what', '=', what)
      .where('browser', '=', browser)
      .where('at', '>', new Date(now().getTime() - SAME_LOOK_MS))
      .executeTakeFirst();
    if (recent && what === 'looked') return;
    await tables.insertInto('phr_looks').values({ share: row.id, at: now(), what, browser }).execute();
    await tell(row);
  }

  function view(row: Row, looks: LookView[]): ShareView {
    const state = row.ended_at ? 'ended' : row.wrong >= WRONG_PINS ? 'locked' : row.until <= now() ? 'over' : 'open';
    return {
      id: row.id,
      categories: row.categories,
      since: row.since?.toISOString() ?? null,
      purpose: row.purpose,
      hasPin: row.pin !== null,
      createdAt: row.created_at.toISOString(),
      until: row.until.toISOString(),
      state,
      looks,
    };
  }

  /** The link's holder as an actor: the rights are those of the patient's Consent, asked of the record with every look. */
  const holder = (row: Row): Person => ({
    kind: 'person',
    account: `share:${row.id}`,
    session: `share:${row.id}`,
    name: `リンクを開いた人 (${row.purpose})`,
    reference: null,
    roles: [],
    language: 'ja',
    via: 'share',
    onlyPatient: row.patient,
    share: { id: row.id, categories: ['demographics', ...row.categories] },
  });

  return {
    rowOf,
    async list(actor: Person): Promise<ShareView[]> {
      const patient = ownId(actor);
      const rows = await tables
        .selectFrom('phr_shares')
        .selectAll()
        .where('patient', '=', patient)
        .orderBy('created_at', 'desc')
        .limit(50)
        .execute();
      if (!rows.length) return [];
      const looks = await tables
        .selectFrom('phr_looks')
        .selectAll()
        .where(
          'share',
          'in',
          rows.map(({ id }) => id),
        )
        .orderBy('at', 'desc')
        .limit(500)
        .execute();
      return rows.map(row =>
        view(
          row,
          looks.filter(({ share }) => share === row.id).map(({ at, what, browser }) => ({ at: at.toISOString(), what, browser })),
        ),
      );
    },
    /** Makes a link: a Consent of the patient, and a token that is told this once. */
    async make(actor: Person, asked: NewShare): Promise<ShareMade> {
      const patient = ownId(actor);
      const id = randomUUID();
      const token = randomBytes(32).toString('base64url');
      const until = new Date(now().getTime() + asked.minutes * 60_000);
      const row = await records.guarded(actor).within(async inside => {
        const consent = await inside.create(consentOf(patient, id, asked, now(), until));
        return inside.connection
          .withTables<PhrTables>()
          .insertInto('phr_shares')
          .values({
            ...{ id, patient, token_sha256: hash(token), categories: asked.categories, since: asked.since, purpose: asked.purpose },
            ...{ pin: asked.pin ? sealed(asked.pin) : null, consent: consent.id, created_at: now(), until, ended_at: null, ended_by: null },
          })
          .returningAll()
          .executeTakeFirstOrThrow();
      });
      // Behind the `#` a token reaches no server, no log and no other site.
      return { ...view(row, []), url: `${publicUrl}/shared#${token}` };
    },
    /** Ends a link at once; open pages of it go blank. @throws Problem 404 */
    async end(actor: Person, id: string): Promise<void> {
      const row = await rowOf(id, ownId(actor));
      if (!row) throw linkOver();
      if (row.ended_at) return;
      await records.guarded(actor).within(async inside => {
        const consent = (await inside.read('Consent', row.consent)) as Consent & { id: string };
        if (consent.status === 'active') await inside.update({ ...consent, status: 'inactive' });
        await inside.connection
          .withTables<PhrTables>()
          .updateTable('phr_shares')
          .set({ ended_at: now(), ended_by: actor.account })
          .where('id', '=', id)
          .execute();
      });
      await tell(row);
    },
    /** Who holds the token (and PIN), as an actor. Each try is on record. @throws Problem 401, 404 */
    async open(token: string, pin: string | null, browser: string, first: boolean): Promise<{ row: Row; actor: Person }> {
      const row = await tables.selectFrom('phr_shares').selectAll().where('token_sha256', '=', hash(token)).executeTakeFirst();
      if (!row) {
        await records.audit({
          actor: null,
          action: 'sign-in',
          what: { ja: '共有リンクを断りました', en: 'A link to a record was refused' },
          allowed: false,
        });
        throw linkOver();
      }
      if (row.ended_at || row.until <= now() || row.wrong >= WRONG_PINS) {
        await noteLook(row, 'refused', browser);
        await refused(row);
        throw linkOver();
      }
      if (row.pin && pin === null) throw pinAsked();
      if (row.pin) {
        // Taken off before it is compared: many tries at once are no more than as many one after another.
        const counted = await tables
          .updateTable('phr_shares')
          .set(eb => ({ wrong: eb('wrong', '+', 1) }))
          .where('id', '=', row.id)
          .where('wrong', '<', WRONG_PINS)
          .returning('wrong')
          .executeTakeFirst();
        if (!counted) throw linkOver();
        if (!fits(pin ?? '', row.pin)) {
          await noteLook(row, 'wrong-pin', browser);
          await refused(row);
          throw counted.wrong >= WRONG_PINS ? linkOver() : pinWrong(WRONG_PINS - counted.wrong);
        }
        await tables
          .updateTable('phr_shares')
          .set(eb => ({ wrong: eb('wrong', '-', 1) }))
          .where('id', '=', row.id)
          .execute();
      }
      await noteLook(row, first ? 'opened' : 'looked', browser);
      return { row, actor: holder(row) };
    },
    /** Whether a link may still be looked through; no look. */
    async stands(token: string): Promise<Row | null> {
      const row = await tables.selectFrom('phr_shares').selectAll().where('token_sha256', '=', hash(token)).executeTakeFirst();
      return row && !row.ended_at && row.until > now() && row.wrong < WRONG_PINS ? row : null;
    },
  };

  async function refused(row: Row) {
    await records.audit({
      actor: holder(row),
      action: 'sign-in',
      what: { ja: '共有リンクを断りました', en: 'A link to a record was refused' },
      patient: row.patient,
      allowed: false,
    });
  }
}

function consentOf(patient: string, share: string, { categories, purpose }: NewShare, from: Date, until: Date): Consent {
  return {
    resourceType: 'Consent',
    status: 'active',
    scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0', display: 'Consent Document' }], text: '共有リンク (link)' }],
    patient: { reference: `Patient/${patient}` },
    dateTime: from.toISOString(),
    performer: [{ reference: `Patient/${patient}` }],
    policyRule: { text: '本人の意思 (the patient’s wish)' },
    provision: {
      type: 'permit',
      period: { start: from.toISOString(), end: until.toISOString() },
      actor: [
        {
          role: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' }] },
          reference: { reference: `urn:uuid:${share}`, display: purpose },
        },
      ],
      class: ['demographics', ...categories].map(code => ({ system: CATEGORY_SYSTEM, code })),
    },
  };
}
