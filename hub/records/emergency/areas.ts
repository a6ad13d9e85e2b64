// Areas in disaster: who put them in force and until when; everything ends by itself with the window.
import type { Organization, Patient } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import type { z } from 'zod';
import { notFound, Problem } from '../../http/problem.ts';
import type { Person } from '../../identity/actor.ts';
import type { OpenRecords } from '../open.ts';
import type { AreaView, NewArea } from './contract.ts';

export interface Area {
  id: string;
  name: string;
  reason: string;
  facilities: string[];
  prefectures: string[];
  municipalities: string[];
  since: Date;
  until: Date;
  ended_at: Date | null;
  by_name: string;
}

/** The longest window, days: a disaster that lasts longer is put in force again by somebody who has looked. */
const MOST_DAYS = 31;

export const isActive = (area: Area, now: Date): boolean => !area.ended_at && area.since <= now && area.until > now;

export async function areas(records: OpenRecords, only: 'active' | 'all'): Promise<Area[]> {
  const now = records.context.now();
  const { rows } = await sql<Area>`select * from emergency_areas
    where ${only === 'all'} or (ended_at is null and since <= ${now} and until > ${now}) order by since desc limit 200`.execute(
    records.context.connection,
  );
  return rows;
}

/** @throws Problem 403 when the area is not in disaster now */
export async function activeArea(records: OpenRecords, id: string): Promise<Area> {
  const area = (await areas(records, 'active')).find(each => each.id === id);
  if (area) return area;
  throw new Problem(403, 'area-over', {
    ja: 'この地域の災害モードは、いま有効ではありません。管理者にきいてください。',
    en: 'This area is not in disaster mode now. Ask an administrator.',
  });
}

export async function activate(records: OpenRecords, actor: Person, asked: z.infer<typeof NewArea>): Promise<string> {
  const now = records.context.now();
  const since = asked.from ? new Date(asked.from) : now;
  const until = new Date(asked.until);
  if (until <= now || until <= since || until.getTime() - since.getTime() > MOST_DAYS * 86_400_000) {
    throw new Problem(422, 'window-invalid', {
      ja: `終わりの日時は、始まりより後、${MOST_DAYS}日以内にしてください。`,
      en: `The end must be after the beginning and within ${MOST_DAYS} days.`,
    });
  }
  await records.audit({
    actor,
    action: 'create',
    what: { ja: `災害モードを始める: ${asked.name}`, en: 'begin disaster mode' },
    allowed: true,
  });
  const { rows } = await sql<{ id: string }>`
    insert into emergency_areas (name, reason, facilities, prefectures, municipalities, since, until, by_account, by_name)
    values (${asked.name}, ${asked.reason}, ${asked.facilities}, ${asked.prefectures}, ${asked.municipalities}, ${since}, ${until},
      ${actor.account}, ${actor.name}) returning id`.execute(records.context.connection);
  return rows[0]!.id;
}

/** Ends a window early, and every grant that was given for it. */
export async function endArea(records: OpenRecords, actor: Person, id: string): Promise<void> {
  const now = records.context.now();
  await records.audit({ actor, action: 'update', what: { ja: '災害モードを終える', en: 'end disaster mode' }, allowed: true });
  const { rows } = await sql<{ id: string }>`
    with ended as (update emergency_areas set ended_at = ${now} where id = ${id}::uuid and ended_at is null and until > ${now} returning id),
      grants as (update emergency_grants set ended_at = ${now} where area in (select id from ended) and ended_at is null and until > ${now})
    select id from ended`.execute(records.context.connection);
  if (!rows.length) throw notFound();
}

/** Patients (ids, newest content) of an area: by address, or because they are treated or live at one of its facilities. */
export async function patientsIn(records: OpenRecords, area: Area, narrowed: { birthDate?: string; gender?: string }): Promise<Patient[]> {
  const facilities = area.facilities.map(id => `Organization/${id}`);
  const { rows } = await sql<{ content: Patient }>`
    select p.content from resources p where p.type = 'Patient' and not p.deleted
      and (${narrowed.birthDate ?? null}::text is null or p.content ->> 'birthDate' = ${narrowed.birthDate ?? null})
      and (${narrowed.gender ?? null}::text is null or p.content ->> 'gender' = ${narrowed.gender ?? null})
      and (exists (select 1 from patient_relations r where r.patient = p.id and r.kind in ('treats', 'residence') and r.party = any(${facilities}::text[]))
        or exists (select 1 from jsonb_array_elements(coalesce(p.content -> 'address', '[]')) a
          where a ->> 'state' = any(${area.prefectures}::text[]) or a ->> 'city' = any(${area.municipalities}::text[])))
    limit 20000`.execute(records.context.connection);
  return rows.map(row => row.content);
}

export async function viewsOf(records: OpenRecords, actor: Person, found: Area[]): Promise<AreaView[]> {
  const ids = [...new Set(found.flatMap(({ facilities }) => facilities))];
  const organizations = ids.length
    ? await records.as(actor).search<Organization>(`Organization?_id=${ids.join(',')}&_count=${ids.length}`)
    : [];
  const names = new Map(organizations.map(({ id, name }) => [id, name ?? '—']));
  const now = records.context.now();
  return found.map(area => ({
    id: area.id,
    name: area.name,
    reason: area.reason,
    facilities: area.facilities.map(id => ({ id, name: names.get(id) ?? '—' })),
    prefectures: area.prefectures,
    municipalities: area.municipalities,
    from: area.since.toISOString(),
    until: area.until.toISOString(),
    endedAt: area.ended_at?.toISOString() ?? null,
    by: area.by_name,
    active: isActive(area, now),
  }));
}
