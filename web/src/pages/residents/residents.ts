// Floors, rooms and residents of one facility in FHIR: what is there, moving in, to another room, and out.
import type { Encounter, Location, Organization, Patient } from '@medplum/fhirtypes';
import { api } from '../../shared/api.ts';
import { create, createTogether, inTransaction, kindOf, nameIn, OWN, type Stored, search, update } from '../../shared/fhir.ts';
import type { CoverageView } from '../../shared/hub.ts';
import { type NewPatient, patientOf } from '../../shared/patient.ts';

const PLACE_SYSTEM = 'http://terminology.hl7.org/CodeSystem/location-physical-type';
const HINT = `${OWN}:care-hint`;
const RESIDENCE = `type=${OWN}:encounter-type|residence`;

export interface Room {
  id: string;
  name: string;
  /** In everyone's use (a hallway): devices may watch it, nobody lives there. */
  shared: boolean;
}
export interface Floor {
  id: string;
  name: string;
  rooms: Room[];
}
export interface ResidentCard {
  /** The residence: who lives where since when. */
  encounter: Stored<Encounter>;
  patient: string;
  name: string;
  kana: string;
  birthDate: string | null;
  room: string;
  floor: string;
  hint: string;
  treatedBy: string;
  /** Number of devices that watch this person. */
  devices: number;
  covered: boolean;
}
export interface Facility {
  building: string | null;
  floors: Floor[];
  residents: ResidentCard[];
  hospitals: { value: string; label: string }[];
}

const placeCode = (location: Location) => location.physicalType?.coding?.find(({ system }) => system === PLACE_SYSTEM)?.code;
const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name, 'ja', { numeric: true });
const idIn = (reference: string | undefined) => reference?.split('/')[1] ?? '';

/** @param id Organization id of the facility @throws ApiError */
export async function loadFacility(id: string, signal: AbortSignal): Promise<Facility> {
  const [locations, found, organizations, coverage] = await Promise.all([
    search<Location>(`Location?organization=Organization/${id}&_count=1000`, signal),
    search<Encounter | Patient>(
      `Encounter?${RESIDENCE}&status=in-progress&service-provider=Organization/${id}&_count=1000&_include=Encounter:subject`,
      signal,
    ),
    search<Organization>('Organization?_count=500', signal),
    api.get<CoverageView>(`/api/devices/coverage?facility=${id}`, signal),
  ]);
  const floors = locations
    .filter(one => placeCode(one) === 'lvl')
    .map(floor => ({ id: floor.id, name: floor.name ?? floor.id, rooms: roomsOf(floor.id, locations) }))
    .sort(byName);
  const patients = new Map(found.flatMap(one => (one.resourceType === 'Patient' ? [[one.id, one] as const] : [])));
  const watched = new Map(coverage.residents.map(one => [one.patient, one]));
  const organizationName = new Map(organizations.map(one => [`Organization/${one.id}`, one.name ?? one.id]));
  const residents = found
    .filter(one => one.resourceType === 'Encounter')
    .map(encounter => {
      const patient = patients.get(idIn(encounter.subject?.reference));
      const room = idIn(encounter.location?.[0]?.location.reference);
      const floor = floors.find(({ rooms }) => rooms.some(one => one.id === room));
      return {
        encounter,
        patient: idIn(encounter.subject?.reference),
        name: nameIn(patient?.name),
        kana: nameIn(patient?.name, 'SYL'),
        birthDate: patient?.birthDate ?? null,
        room: floor?.rooms.find(one => one.id === room)?.name ?? '',
        floor: floor?.name ?? '',
        hint: encounter.extension?.find(({ url }) => url === HINT)?.valueString ?? '',
        treatedBy: (patient?.generalPractitioner ?? []).map(one => organizationName.get(one.reference ?? '') ?? '').join('、'),
        devices: watched.get(idIn(encounter.subject?.reference))?.devices ?? 0,
        covered: (watched.get(idIn(encounter.subject?.reference))?.coveredSince ?? null) !== null,
      };
    })
    .sort((a, b) => `${a.floor} ${a.room} ${a.kana}`.localeCompare(`${b.floor} ${b.room} ${b.kana}`, 'ja', { numeric: true }));
  const hospitals = organizations.filter(one => kindOf(one) === 'hospital').map(one => ({ value: one.id, label: one.name ?? one.id }));
  return { building: locations.find(one => placeCode(one) === 'bu')?.id ?? null, floors, residents, hospitals };
}

function roomsOf(floor: string, locations: Stored<Location>[]): Room[] {
  return locations
    .filter(one => one.partOf?.reference === `Location/${floor}` && ['ro', 'wa'].includes(placeCode(one) ?? ''))
    .map(one => ({ id: one.id, name: one.name ?? one.id, shared: placeCode(one) === 'wa' }))
    .sort(byName);
}

const place = (facility: string, name: string, code: 'bu' | 'lvl' | 'ro' | 'wa', partOf?: { reference?: string }): Location => ({
  resourceType: 'Location',
  status: 'active',
  mode: 'instance',
  name,
  managingOrganization: { reference: `Organization/${facility}` },
  physicalType: { coding: [{ system: PLACE_SYSTEM, code }] },
  ...(partOf ? { partOf } : {}),
});

/** Adds a floor; the first one with the building it stands in. @throws ApiError */
export async function addFloor(facility: string, facilityName: string, building: string | null, name: string): Promise<void> {
  await createTogether(
    building
      ? [place(facility, name, 'lvl', { reference: `Location/${building}` })]
      : [place(facility, facilityName, 'bu'), place(facility, name, 'lvl', inTransaction(0))],
  );
}

/** Adds rooms (or a hallway) to a floor, all or none. @throws ApiError */
export async function addRooms(facility: string, floor: string, names: string[], shared: boolean): Promise<void> {
  await createTogether(names.map(name => place(facility, name, shared ? 'wa' : 'ro', { reference: `Location/${floor}` })));
}

/** Begins the residence of `person`: someone in the record (Patient id), or someone new, who is registered with it or not at all. @throws ApiError */
export async function moveIn(
  facility: string,
  person: NewPatient | string,
  { room, hospital, hint }: { room: string; hospital: string; hint: string },
): Promise<void> {
  const at = new Date().toISOString();
  const residence = (subject: Encounter['subject']): Encounter => ({
    resourceType: 'Encounter',
    status: 'in-progress',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    type: [{ coding: [{ system: `${OWN}:encounter-type`, code: 'residence' }] }],
    subject,
    serviceProvider: { reference: `Organization/${facility}` },
    period: { start: at },
    location: [{ location: { reference: `Location/${room}` }, status: 'active', period: { start: at } }],
    ...(hint.trim() ? { extension: [{ url: HINT, valueString: hint.trim() }] } : {}),
  });
  if (typeof person === 'string') await create(residence({ reference: `Patient/${person}` }));
  else await createTogether([patientOf(person, hospital ? [hospital] : [], facility), residence(inTransaction(0))]);
}

/** The present room comes first; earlier ones stay as completed. @throws ApiError 409 when somebody changed the residence meanwhile */
export async function moveRoom({ encounter }: ResidentCard, room: string): Promise<void> {
  const at = new Date().toISOString();
  await update<Encounter>({
    ...encounter,
    location: [{ location: { reference: `Location/${room}` }, status: 'active', period: { start: at } }, ...closed(encounter, at)],
  });
}

/** Ends the residence, and frees the devices first: they must not go on measuring somebody who has left. @throws ApiError */
export async function moveOut(facility: string, { encounter, patient }: ResidentCard): Promise<void> {
  const { devices } = await api.get<CoverageView>(`/api/devices/coverage?facility=${facility}`);
  for (const { device, subject, revokedAt } of devices)
    if (subject === `Patient/${patient}` && !revokedAt) await api.put(`/api/devices/${device}/assignment`, { subject: null });
  const at = new Date().toISOString();
  await update<Encounter>({
    ...encounter,
    status: 'finished',
    period: { ...encounter.period, end: at },
    location: closed(encounter, at),
  });
}

const closed = (encounter: Encounter, at: string): NonNullable<Encounter['location']> =>
  (encounter.location ?? []).map(one =>
    one.status === 'completed' ? one : { ...one, status: 'completed', period: { ...one.period, end: at } },
  );
