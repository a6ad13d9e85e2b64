// A facility with residents, carers and a hospital's doctor in the record, for tests of alerts and predictions.
import type { Encounter, Location, Organization, Patient } from '@medplum/fhirtypes';
import { type Person, type RoleAt, service } from '../../hub/identity/actor.ts';
import type { Records } from '../../hub/records/records.ts';
import { ACT_CODE_SYSTEM, ENCOUNTER_TYPE_SYSTEM, LOCATION_TYPE_SYSTEM, NAME_REPRESENTATION } from '../../hub/records/systems.ts';
import { unique } from '../harness/index.ts';

export interface Home {
  facility: string;
  hospital: string;
  patients: string[];
  caregiver: Person;
  manager: Person;
  doctor: Person;
}

export async function home(records: Records, residents = 2): Promise<Home> {
  const repository = records.as(service('setup'));
  const organization = async (name: string) =>
    (await repository.create<Organization>({ resourceType: 'Organization', active: true, name })).id;
  const [facility, hospital] = [await organization('しおさい苑'), await organization('島の病院')];
  const place = (name: string, code: string, partOf?: string) =>
    repository.create<Location>({
      resourceType: 'Location',
      status: 'active',
      name,
      physicalType: { coding: [{ system: LOCATION_TYPE_SYSTEM, code }] },
      managingOrganization: { reference: `Organization/${facility}` },
      ...(partOf ? { partOf: { reference: `Location/${partOf}` } } : {}),
    });
  const floor = await place('2階', 'lvl');
  const patients: string[] = [];
  for (let i = 0; i < residents; i++) {
    const room = await place(`20${i + 1}`, 'ro', floor.id);
    const patient = await repository.create<Patient>({
      resourceType: 'Patient',
      name: [
        {
          extension: [{ url: NAME_REPRESENTATION, valueCode: 'IDE' }],
          use: 'official',
          family: '浜田',
          given: [`はな${i + 1}`],
        },
      ],
      generalPractitioner: [{ reference: `Organization/${hospital}` }],
    });
    await repository.create<Encounter>({
      resourceType: 'Encounter',
      status: 'in-progress',
      class: { system: ACT_CODE_SYSTEM, code: 'IMP' },
      type: [{ coding: [{ system: ENCOUNTER_TYPE_SYSTEM, code: 'residence' }] }],
      subject: { reference: `Patient/${patient.id}` },
      serviceProvider: { reference: `Organization/${facility}` },
      location: [{ location: { reference: `Location/${room.id}` } }],
      period: { start: '2025-01-01' },
    });
    patients.push(patient.id);
  }
  return {
    facility,
    hospital,
    patients,
    caregiver: person('介護 桜', { role: 'caregiver', organization: facility, organizationName: 'しおさい苑' }),
    manager: person('施設長 梅', { role: 'manager', organization: facility, organizationName: 'しおさい苑' }),
    doctor: person('医師 島', { role: 'doctor', organization: hospital, organizationName: '島の病院' }),
  };
}

export function person(name: string, ...roles: RoleAt[]): Person {
  return {
    kind: 'person',
    account: unique('account'),
    session: unique('session'),
    name,
    reference: `Practitioner/${unique('p')}`,
    roles,
    language: 'ja',
  };
}
