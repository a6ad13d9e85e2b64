// Finds a person in an emergency: exactly one by what is certain, or, inside an area in disaster, whoever fits what is known.
import type { Patient } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import type { z } from 'zod';
import { Problem } from '../../http/problem.ts';
import { kanjiName } from '../names.ts';
import type { OpenRecords } from '../open.ts';
import { fold } from '../search/search-index.ts';
import { INSURED_PERSON } from '../systems.ts';
import { activeArea, patientsIn } from './areas.ts';
import type { Find, FoundPerson } from './contract.ts';

const MOST = 20;

type Asked = z.infer<typeof Find>;

/** Who fits. @throws Problem 422 without enough to go by, 403 for an area that is not in disaster */
export async function findPeople(records: OpenRecords, asked: Asked): Promise<Patient[]> {
  if (asked.area) {
    const area = await activeArea(records, asked.area);
    if (!asked.insured && !asked.name && !asked.birthDate && !asked.address) throw tooLittle();
    const there = await patientsIn(records, area, asked);
    return there.filter(patient => fits(patient, asked)).slice(0, MOST);
  }
  if (!asked.insured && !(asked.name && asked.birthDate)) throw tooLittle();
  const { rows } = await sql<{ content: Patient }>`
    select content from resources where type = 'Patient' and not deleted
      and (${asked.birthDate ?? null}::text is null or content ->> 'birthDate' = ${asked.birthDate ?? null})
      and (${asked.insured ?? null}::text is null or content -> 'identifier' @> ${JSON.stringify([{ system: INSURED_PERSON, value: asked.insured }])}::jsonb)
    limit 2000`.execute(records.context.connection);
  const found = rows.map(row => row.content).filter(patient => fits(patient, asked, true));
  // Of several nobody may be taken for the other, and none is shown.
  return found.length === 1 ? found : [];
}

function fits(patient: Patient, { insured, name, address, birthDate, gender }: Asked, whole = false): boolean {
  const plain = (text: string) => fold(text).replace(/\s/g, '');
  const names = (patient.name ?? []).flatMap(({ text, family, given }) => [text ?? '', [family, ...(given ?? [])].join('')]).map(plain);
  const places = (patient.address ?? []).map(one => plain([one.text, one.state, one.city, ...(one.line ?? [])].join('')));
  return (
    (!insured || (patient.identifier ?? []).some(({ system, value }) => system === INSURED_PERSON && value === insured)) &&
    (!name || names.some(each => (whole ? each === plain(name) : each.includes(plain(name))))) &&
    (!address || places.some(each => each.includes(plain(address)))) &&
    (!birthDate || patient.birthDate === birthDate) &&
    (!gender || patient.gender === gender)
  );
}

export function personView(patient: Patient): FoundPerson {
  const [address] = patient.address ?? [];
  return {
    patient: patient.id!,
    name: kanjiName(patient.name),
    birthDate: patient.birthDate ?? null,
    gender: patient.gender ?? null,
    address: [address?.state, address?.city].filter(Boolean).join(''),
  };
}

const tooLittle = () =>
  new Problem(422, 'too-little', {
    ja: '被保険者番号、または氏名と生年月日を入れてください。災害モードの地域では、どれか一つで探せます。',
    en: 'Give the insured number, or name and birth date. Inside an area in disaster mode one of them is enough.',
  });
