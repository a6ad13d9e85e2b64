// Opening a record outside consent: who may, for how long, what is told to whom, and its review.
import { sql } from 'kysely';
import type { z } from 'zod';
import { notAllowed, notFound, Problem } from '../../http/problem.ts';
import { hasRole, type Person } from '../../identity/actor.ts';
import { roleOf } from '../access/consent.ts';
import type { OpenRecords } from '../open.ts';
import { ROLE_SYSTEM } from '../systems.ts';
import { activeArea, patientsIn } from './areas.ts';
import { type GrantView, type NewGrant, type OpenedView, REASONS, type Review } from './contract.ts';
import type { Journal } from './journal.ts';

/** How long a record stays open, and how long its review may take (安全管理ガイドライン 6.0; DOMAIN section 5). */
export const GRANT_MINUTES = 60;
export const REVIEW_HOURS = 72;
/** PractitionerRole.code beside the roles of this hub: its holder may open a record in an emergency. */
export const BREAK_GLASS = 'break-glass';
/** Notification {}: somebody opened a record in an emergency, or a review is late. */
export const EMERGENCY_CHANNEL = 'emergency';

export interface Grant {
  id: string;
  account: string;
  who: string;
  organization_name: string;
  patient: string;
  reason: GrantView['reason'];
  area: string | null;
  area_name?: string | null;
  words: string;
  since: Date;
  until: Date;
  ended_at: Date | null;
  seen_at: Date | null;
  reviewed_at: Date | null;
  reviewer: string | null;
  verdict: 'justified' | 'not-justified' | null;
  review_words: string | null;
}

/** Staff with the flag in one of their roles that are in force. */
export async function isEntitled(records: OpenRecords, actor: Person): Promise<boolean> {
  if (!actor.reference?.startsWith('Practitioner/') || !hasRole(actor, ['doctor', 'specialist', 'caregiver', 'manager'])) return false;
  // Asked of the table itself: an emergency goes on when the audit trail, and with it every ordinary search, is away.
  const flag = JSON.stringify({ code: [{ coding: [{ system: ROLE_SYSTEM, code: BREAK_GLASS }] }] });
  const { rows } = await sql<{ organization: string }>`select content #>> '{organization,reference}' as organization from resources
    where type = 'PractitionerRole' and not deleted and content #>> '{practitioner,reference}' = ${actor.reference}
      and coalesce(content ->> 'active', 'true') = 'true' and content @> ${flag}::jsonb`.execute(records.context.connection);
  // The flag counts at the organization where the person also works.
  return rows.some(({ organization }) => actor.roles.some(role => organization === `Organization/${role.organization}`));
}

/** In a disaster also every doctor and specialist. @throws Problem 403 */
export async function requireEntitled(records: OpenRecords, actor: Person, disaster: boolean): Promise<void> {
  if (disaster && hasRole(actor, ['doctor', 'specialist'])) return;
  if (await isEntitled(records, actor)) return;
  await records.audit({ actor, action: 'read', what: { ja: '緊急閲覧を断った', en: 'emergency access refused' }, allowed: false });
  throw notAllowed();
}

/** As whom the person acts under a grant: with the rights of the grant alone. */
export const underGrant = (actor: Person, grant: string): Person => ({ ...actor, via: 'break-glass', emergency: { grant } });

/** Opens a patient's summary to the actor. The caller has asked for a fresh second factor. @throws Problem 403, 404 */
export async function openGrant(
  { records, journal }: { records: OpenRecords; journal: Journal },
  actor: Person,
  { patient, reason, area, words }: z.infer<typeof NewGrant>,
): Promise<{ id: string; until: string }> {
  const { connection, now } = records.context;
  const known = await connection
    .selectFrom('resources')
    .select('id')
    .where('type', '=', 'Patient')
    .where('id', '=', patient)
    .where('deleted', '=', false)
    .executeTakeFirst();
  const window = area ? await activeArea(records, area) : undefined;
  const there = window && known ? (await patientsIn(records, window, {})).some(({ id }) => id === patient) : true;
  if (!known || !there) throw notFound();
  const since = now();
  const until = new Date(Math.min(since.getTime() + GRANT_MINUTES * 60_000, window?.until.getTime() ?? Number.POSITIVE_INFINITY));
  const { rows } = await sql<{ id: string }>`
    insert into emergency_grants (account, reference, who, organization_name, patient, reason, area, words, since, until)
    values (${actor.account}, ${actor.reference}, ${actor.name}, ${roleOf(actor).organizationName}, ${patient}, ${reason}, ${area}::uuid, ${words},
      ${since}, ${until}) returning id`.execute(connection);
  const { id } = rows[0]!;
  const why = REASONS[reason];
  await journal.write([
    {
      actor: underGrant(actor, id),
      action: 'execute',
      what: { ja: `緊急閲覧を始める (${why.ja})`, en: `begin emergency access (${why.en})` },
      resource: `Patient/${patient}`,
      patients: [patient],
      allowed: true,
    },
  ]);
  await sql`select pg_notify(${EMERGENCY_CHANNEL}, '{}')`.execute(connection);
  return { id, until: until.toISOString() };
}

/** The actor's own grant while it lasts. @throws Problem 404, 403 when it is over */
export async function standingGrant(records: OpenRecords, actor: Person, id: string): Promise<Grant> {
  const { rows } = await sql<Grant>`select * from emergency_grants where id = ${id}::uuid and account = ${actor.account}`.execute(
    records.context.connection,
  );
  const grant = rows[0];
  if (!grant) throw notFound();
  const now = records.context.now();
  if (!grant.ended_at && grant.since <= now && grant.until > now) return grant;
  throw new Problem(403, 'grant-over', {
    ja: '緊急閲覧の時間が終わりました。まだ必要なら、理由を書いて、もう一度始めてください。',
    en: 'The time of this emergency access is over. If it is still needed, begin again with the reason.',
  });
}

export async function endGrant(records: OpenRecords, actor: Person, id: string): Promise<void> {
  const grant = await standingGrant(records, actor, id);
  await sql`update emergency_grants set ended_at = ${records.context.now()} where id = ${grant.id}::uuid`.execute(
    records.context.connection,
  );
  const what = { ja: '緊急閲覧を終える', en: 'end emergency access' };
  await records.audit({ actor: underGrant(actor, id), action: 'update', what, patient: grant.patient, allowed: true });
}

export async function reviews(records: OpenRecords, actor: Person): Promise<GrantView[]> {
  const { rows } = await sql<Grant>`select g.*, a.name as area_name from emergency_grants g left join emergency_areas a on a.id = g.area
    order by g.reviewed_at is not null, g.since desc limit 500`.execute(records.context.connection);
  const now = records.context.now();
  return rows.map(grant => ({
    id: grant.id,
    who: grant.who,
    organizationName: grant.organization_name,
    patient: grant.patient,
    reason: grant.reason,
    area: grant.area_name ?? null,
    words: grant.words,
    from: grant.since.toISOString(),
    until: grant.until.toISOString(),
    endedAt: grant.ended_at?.toISOString() ?? null,
    dueAt: dueAt(grant).toISOString(),
    state: grant.verdict ?? (dueAt(grant) <= now ? 'late' : 'waiting'),
    reviewedAt: grant.reviewed_at?.toISOString() ?? null,
    reviewer: grant.reviewer,
    reviewWords: grant.review_words,
    own: grant.account === actor.account,
  }));
}

const dueAt = ({ since }: Grant) => new Date(since.getTime() + REVIEW_HOURS * 3_600_000);

/** @throws Problem 404 for what is reviewed already, 403 for one's own */
export async function review(records: OpenRecords, actor: Person, id: string, { verdict, words }: z.infer<typeof Review>): Promise<void> {
  const { connection, now } = records.context;
  const { rows } = await sql<Grant>`select * from emergency_grants where id = ${id}::uuid and reviewed_at is null`.execute(connection);
  const grant = rows[0];
  if (!grant) throw notFound();
  if (grant.account === actor.account) throw notAllowed();
  const what =
    verdict === 'justified'
      ? { ja: '緊急閲覧を正当と判断', en: 'emergency access justified' }
      : { ja: '緊急閲覧を不当と判断', en: 'emergency access not justified' };
  await records.audit({ actor, action: 'update', what, patient: grant.patient, allowed: true });
  await sql`update emergency_grants set verdict = ${verdict}, review_words = ${words}, reviewed_at = ${now()}, reviewed_by = ${actor.account},
    reviewer = ${actor.name} where id = ${id}::uuid and reviewed_at is null`.execute(connection);
}

/** What a patient is told of each opening of the own record. */
export async function openedOf(records: OpenRecords, patient: string): Promise<OpenedView[]> {
  const { rows } = await sql<Grant>`select * from emergency_grants where patient = ${patient} order by since desc limit 100`.execute(
    records.context.connection,
  );
  return rows.map(grant => ({
    id: grant.id,
    at: grant.since.toISOString(),
    who: grant.who,
    organizationName: grant.organization_name,
    reason: grant.reason,
    words: grant.words,
    seen: grant.seen_at !== null,
    review: grant.verdict ? { verdict: grant.verdict, words: grant.review_words ?? '', at: grant.reviewed_at!.toISOString() } : null,
  }));
}
