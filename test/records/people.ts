// A small world for the record's tests: an island hospital, a care facility, a specialist's hospital, two residents and the people around them.
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { type Person, type PersonRole, service } from '../../hub/identity/index.ts';
import { type OpenRecords, openRecords } from '../../hub/records/index.ts';
import type { ProfileSource } from '../../hub/records/profiles/index.ts';
import {
  ENCOUNTER_TYPE_SYSTEM,
  INSTITUTION_NUMBER,
  INSURED_PERSON,
  NAME_REPRESENTATION,
  PATTERN_SYSTEM,
  ROLE_SYSTEM,
} from '../../hub/records/systems.ts';
import type { Database } from '../../hub/store/index.ts';

export const silent = pino({ level: 'silent' });
export const setup = service('setup');

export function person(reference: string | null, roles: [PersonRole, string][], name = '試験 花子'): Person {
  return {
    kind: 'person',
    account: randomUUID(),
    session: randomUUID(),
    name,
    reference,
    roles: roles.map(([role, organization]) => ({ role, organization, organizationName: organization })),
    language: 'ja',
  };
}

export const name = (kanji: string, kana: string) => [
  {
    use: 'official' as const,
    text: kanji,
    family: kanji.split(' ')[0],
    given: [kanji.split(' ')[1] ?? ''],
    extension: [{ url: NAME_REPRESENTATION, valueCode: 'IDE' }],
  },
  {
    text: kana,
    family: kana.split(' ')[0],
    given: [kana.split(' ')[1] ?? ''],
    extension: [{ url: NAME_REPRESENTATION, valueCode: 'SYL' }],
  },
];

/** Seeds a database and returns ids and actors. `now` is the record's clock. */
export async function smallWorld(database: Database, now: () => Date = () => new Date(), packages: ProfileSource = {}) {
  const records = await openRecords({ database, log: silent, now, packages });
  const seed = records.as(setup);
  const organization = (title: string, number?: string) =>
    seed.create({
      resourceType: 'Organization',
      name: title,
      identifier: number ? [{ system: INSTITUTION_NUMBER, value: number }] : undefined,
    });
  const hospital = await organization('島しょ病院', '1311234567');
  const facility = await organization('ひだまり苑');
  const centre = await organization('大学病院', '1319876543');
  const practitioner = (kanji: string, kana: string) => seed.create({ resourceType: 'Practitioner', name: name(kanji, kana) });
  const [doctorWho, specialistWho, caregiverWho, managerWho] = [
    await practitioner('山田 太郎', 'ヤマダ タロウ'),
    await practitioner('野口 英子', 'ノグチ ヒデコ'),
    await practitioner('佐藤 光', 'サトウ ヒカル'),
    await practitioner('鈴木 恵', 'スズキ メグミ'),
  ];
  for (const [who, role, at] of [
    [doctorWho, 'doctor', hospital],
    [specialistWho, 'specialist', centre],
    [caregiverWho, 'caregiver', facility],
    [managerWho, 'manager', facility],
  ] as const) {
    await seed.create({
      resourceType: 'PractitionerRole',
      active: true,
      practitioner: { reference: `Practitioner/${who.id}` },
      organization: { reference: `Organization/${at.id}` },
      code: [{ coding: [{ system: ROLE_SYSTEM, code: role }] }],
    });
  }
  const floor = await seed.create({
    resourceType: 'Location',
    name: '1階',
    managingOrganization: { reference: `Organization/${facility.id}` },
  });
  const room = await seed.create({ resourceType: 'Location', name: '101', partOf: { reference: `Location/${floor.id}` } });
  const patientOf = async (kanji: string, kana: string, treatedBy: string, livesAt?: string) => {
    const patient = await seed.create({
      resourceType: 'Patient',
      identifier: [{ system: INSURED_PERSON, value: `00012345:${kana.split(' ')[0]}:187:05` }],
      name: name(kanji, kana),
      birthDate: '1938-04-01',
      gender: 'female',
      generalPractitioner: [{ reference: `Organization/${treatedBy}` }],
    });
    if (livesAt) {
      await seed.create({
        resourceType: 'Encounter',
        status: 'in-progress',
        class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
        type: [{ coding: [{ system: ENCOUNTER_TYPE_SYSTEM, code: 'residence' }] }],
        subject: { reference: `Patient/${patient.id}` },
        serviceProvider: { reference: `Organization/${livesAt}` },
        location: [{ location: { reference: `Location/${room.id}` } }],
      });
    }
    return patient;
  };
  const patient = await patientOf('田中 ハナ', 'タナカ ハナ', hospital.id, facility.id);
  const foreign = await patientOf('高橋 ヨシ', 'タカハシ ヨシ', centre.id);
  const actors = {
    doctor: person(`Practitioner/${doctorWho.id}`, [['doctor', hospital.id]], '山田 太郎'),
    specialist: person(`Practitioner/${specialistWho.id}`, [['specialist', centre.id]], '野口 英子'),
    caregiver: person(`Practitioner/${caregiverWho.id}`, [['caregiver', facility.id]], '佐藤 光'),
    manager: person(`Practitioner/${managerWho.id}`, [['manager', facility.id]], '鈴木 恵'),
    self: person(`Patient/${patient.id}`, [['patient', '']], '田中 ハナ'),
    maker: person(null, [['maker', 'maker-org']]),
    administrator: person(null, [['administrator', '']]),
  };
  const consultation = (
    status: 'planned' | 'in-progress' | 'finished' = 'in-progress',
    of = patient.id,
    participants = [actors.doctor, actors.specialist],
  ) =>
    seed.create({
      resourceType: 'Encounter',
      status,
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'VR' },
      type: [{ coding: [{ system: PATTERN_SYSTEM, code: 'DtoPwithD' }] }],
      subject: { reference: `Patient/${of}` },
      participant: participants.map(({ reference }) => ({ individual: { reference: reference! } })),
      period: { start: now().toISOString(), ...(status === 'finished' ? { end: now().toISOString() } : {}) },
      serviceProvider: { reference: `Organization/${hospital.id}` },
    });
  return { records, seed, hospital, facility, centre, room, floor, patient, foreign, consultation, ...actors };
}
export type SmallWorld = Awaited<ReturnType<typeof smallWorld>>;
export type { OpenRecords };
