// Sets the demonstration's world up through the hub's public interface, as an administrator and a facility manager would.

import type { HubClient } from './client.ts';
import {
  type DemoPerson,
  furtherProfiles,
  insuredNumber,
  ORGANIZATIONS,
  PEOPLE,
  RESIDENT_PROFILES,
  registrationNumber,
  residentAt,
} from './people.ts';

const OWN = 'urn:remote-care-hub';
const REPRESENTATION = 'http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation';

export interface DeviceLogin {
  device: string;
  profile: string;
  username: string;
  secret: string;
}

/** What was made, kept beside the data so that a second start finds the same world. */
export interface World {
  organizations: Record<keyof typeof ORGANIZATIONS, string>;
  accounts: Record<string, string>;
  practitioners: Record<string, string>;
  residents: { patient: string; room: string; devices: DeviceLogin[] }[];
  hallways: { location: string; device: DeviceLogin }[];
  bench: DeviceLogin;
  /** It signs in by certificate; demonstrations that were made before there were any go on with their secret. */
  gateway: { username: string; secret: string; certificate?: { pem: string; key: string; ca: string } | null };
}

const names = (family: string, given: string, familyKana: string, givenKana: string) => [
  { extension: [{ url: REPRESENTATION, valueCode: 'IDE' }], use: 'official', text: `${family} ${given}`, family, given: [given] },
  {
    extension: [{ url: REPRESENTATION, valueCode: 'SYL' }],
    use: 'official',
    text: `${familyKana} ${givenKana}`,
    family: familyKana,
    given: [givenKana],
  },
];

const reference = (resource: { resourceType: string; id: string }) => ({ reference: `${resource.resourceType}/${resource.id}` });

/**
 * Makes organizations, places, people, residents, devices and accounts.
 * `administrator` is signed in; `asPerson` signs in as one of the people just made. The residents' devices have watched since `watchedSince`.
 */
export async function provision(
  administrator: HubClient,
  asPerson: (account: string) => Promise<HubClient>,
  { residents, watchedSince }: { residents: number; watchedSince: Date },
  progress: (step: string) => void,
): Promise<World> {
  progress('organizations');
  const organizations = {} as World['organizations'];
  for (const [key, { name, nameEn, institution, kind }] of Object.entries(ORGANIZATIONS)) {
    const made = await administrator.create({
      resourceType: 'Organization',
      active: true,
      name,
      alias: [nameEn],
      type: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/organization-type', code: kind }] }],
      ...(institution
        ? { identifier: [{ system: 'http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no', value: institution }] }
        : {}),
    });
    organizations[key as keyof typeof ORGANIZATIONS] = made.id;
  }

  progress('people');
  const accounts: World['accounts'] = {};
  const practitioners: World['practitioners'] = {};
  for (const person of PEOPLE) {
    const { account, practitioner } = await makePractitioner(administrator, person, organizations[person.at as keyof typeof ORGANIZATIONS]);
    accounts[person.key] = account;
    practitioners[person.key] = practitioner;
  }

  const manager = await asPerson(accounts.manager!);
  const maker = await asPerson(accounts.maker!);
  progress('floors and rooms');
  const home = { reference: `Organization/${organizations.home}` };
  const place = (name: string, code: 'bu' | 'lvl' | 'ro' | 'wa', partOf?: { resourceType: string; id: string }) =>
    manager.create({
      resourceType: 'Location',
      status: 'active',
      mode: 'instance',
      name,
      managingOrganization: home,
      physicalType: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/location-physical-type', code }] },
      ...(partOf ? { partOf: reference(partOf) } : {}),
    });
  const building = await place(ORGANIZATIONS.home.name, 'bu');
  const floors = [await place('1階', 'lvl', building), await place('2階', 'lvl', building)];

  progress('residents and their devices');
  const made: World['residents'] = [];
  for (let index = 0; index < residents; index++) {
    const floor = floors[index < Math.ceil(residents / 2) ? 0 : 1]!;
    const number = index < Math.ceil(residents / 2) ? 101 + index : 201 + index - Math.ceil(residents / 2);
    made.push(await makeResident(manager, organizations, index, await place(String(number), 'ro', floor), watchedSince));
  }
  const hallways: World['hallways'] = [];
  for (const [index, floor] of floors.entries()) {
    const hallway = await place(`${index + 1}階の廊下`, 'wa', floor);
    hallways.push({
      location: hallway.id,
      device: await makeDevice(manager, organizations.home, 'presence', `Location/${hallway.id}`, watchedSince),
    });
  }
  const gateway = await manager.send<World['gateway']>('POST', '/api/devices/gateways', {
    facility: organizations.home,
    credential: 'certificate',
  });

  progress('the maker’s bench');
  const desk = await maker.create({
    resourceType: 'Location',
    status: 'active',
    mode: 'instance',
    name: '試験台',
    managingOrganization: { reference: `Organization/${organizations.maker}` },
  });
  const bench = await makeDevice(maker, organizations.maker, 'room', `Location/${desk.id}`);

  progress('the patient’s account');
  const [family, given] = residentAt(0);
  const patient = await administrator.send<{ account: string }>('POST', '/api/people', {
    name: `${family} ${given}`,
    email: 'tanaka@patient.example',
    reference: `Patient/${made[0]!.patient}`,
  });
  accounts.patient = patient.account;
  return { organizations, accounts, practitioners, residents: made, hallways, bench, gateway };
}

/** A practitioner with one role, and the account for it. */
export async function makePractitioner(administrator: HubClient, person: DemoPerson, organization: string) {
  const registered = registrationNumber(person);
  const practitioner = await administrator.create({
    resourceType: 'Practitioner',
    active: true,
    ...(registered
      ? { identifier: [{ system: 'http://jpfhir.jp/fhir/core/mhlw/IdSystem/medicalRegistrationNumber', value: registered }] }
      : {}),
    name: names(person.family, person.given, person.familyKana, person.givenKana),
  });
  await administrator.create({
    resourceType: 'PractitionerRole',
    active: true,
    practitioner: reference(practitioner),
    organization: { reference: `Organization/${organization}` },
    code: [{ coding: [{ system: `${OWN}:role`, code: person.role }] }],
  });
  const { account } = await administrator.send<{ account: string }>('POST', '/api/people', {
    name: `${person.family} ${person.given}`,
    email: person.email,
    reference: `Practitioner/${practitioner.id}`,
  });
  return { account, practitioner: practitioner.id };
}

async function makeResident(
  manager: HubClient,
  organizations: World['organizations'],
  index: number,
  room: { resourceType: string; id: string },
  watchedSince: Date,
) {
  const [family, given, familyKana, givenKana, birthDate, gender, hint] = residentAt(index);
  const patient = await manager.create({
    resourceType: 'Patient',
    active: true,
    identifier: [
      { system: `urn:oid:1.2.392.100495.20.3.51.1${ORGANIZATIONS.island.institution}`, value: String(10_001 + index) },
      { system: 'http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID', value: insuredNumber(index) },
    ],
    name: names(family, given, familyKana, givenKana),
    birthDate,
    gender,
    managingOrganization: { reference: `Organization/${organizations.home}` },
    generalPractitioner: [{ reference: `Organization/${organizations.island}` }],
  });
  await manager.create({
    resourceType: 'Encounter',
    status: 'in-progress',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    type: [{ coding: [{ system: `${OWN}:encounter-type`, code: 'residence' }] }],
    subject: reference(patient),
    serviceProvider: { reference: `Organization/${organizations.home}` },
    location: [{ location: reference(room), status: 'active' }],
    ...(hint ? { extension: [{ url: `${OWN}:care-hint`, valueString: hint }] } : {}),
  });
  const devices: DeviceLogin[] = [];
  for (const profile of [...RESIDENT_PROFILES, ...furtherProfiles(index)])
    devices.push(await makeDevice(manager, organizations.home, profile, `Patient/${patient.id}`, watchedSince));
  return { patient: patient.id, room: room.id, devices };
}

async function makeDevice(client: HubClient, facility: string, profile: string, subject: string, from?: Date): Promise<DeviceLogin> {
  const { device, username, secret } = await client.send<DeviceLogin>('POST', '/api/devices', {
    facility,
    profile,
    subject,
    from: from?.toISOString(),
  });
  return { device, profile, username, secret };
}
