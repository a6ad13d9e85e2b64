// Registers residents and their devices at a hub, over its public interface, as the facility's manager does on the pages.
import { HubClient } from './demo/client.ts';

const OWN = 'urn:remote-care-hub';
const REPRESENTATION = 'http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation';

export interface NewResident {
  /** Shown on the pages: family and given name, and how they are read. */
  family: string;
  given: string;
  familyKana: string;
  givenKana: string;
  /** Name of the room. */
  room: string;
  /** `key` names the device to who asks for it; the hub gives it its id. */
  devices: { key: string; profile: string }[];
}
export interface Login {
  key: string;
  profile: string;
  device: string;
  secret: string;
}
export interface Manager {
  client: HubClient;
  facility: string;
  facilityName: string;
}

/**
 * Signs in with a sign-in link (the demonstration prints some; administrators and managers make them).
 * @param facility The one to register at; needed only by who manages several.
 * @throws Error in words: no link, a used one, a person who manages no facility.
 */
export async function signInAsManager(link: string, facility?: string): Promise<Manager> {
  const match = /^(https?:\/\/[^/#]+)[^#]*#(\S+)$/.exec(link);
  if (!match) throw new Error(`--link takes a sign-in link like http://localhost:8080/…#…, in quotes`);
  const client = new HubClient(match[1]!);
  const session = await client
    .send('POST', '/api/session/link', { token: match[2] })
    .then(() => client.send<{ roles: { role: string; organization: string; organizationName: string }[] }>('GET', '/api/session'))
    .catch((cause: Error) => {
      throw new Error(`The sign-in link cannot be used at ${match[1]}: ${cause.message}`, { cause });
    });
  const managed = session.roles.filter(({ role, organization }) => role === 'manager' && (!facility || organization === facility));
  if (!managed.length)
    throw new Error(`The link belongs to no manager${facility ? ` of ${facility}` : ''}. Take a facility manager’s link`);
  if (managed.length > 1)
    throw new Error(
      `The link’s owner manages several facilities; choose one: --facility ${managed.map(each => each.organization).join(' | ')}`,
    );
  return { client, facility: managed[0]!.organization, facilityName: managed[0]!.organizationName };
}

const reference = (resource: { resourceType: string; id: string }) => ({ reference: `${resource.resourceType}/${resource.id}` });

/** Makes the house that the rooms are part of. */
export async function makeHouse({ client, facility }: Manager, name: string) {
  return client.create({ ...place(facility, name, 'bu') });
}

function place(facility: string, name: string, code: 'bu' | 'ro' | 'wa', partOf?: { resourceType: string; id: string }) {
  return {
    ...{ resourceType: 'Location', status: 'active', mode: 'instance', name },
    managingOrganization: { reference: `Organization/${facility}` },
    physicalType: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/location-physical-type', code }] },
    ...(partOf ? { partOf: reference(partOf) } : {}),
  };
}

/** One resident with room, residence and devices that have watched since `from`. */
export async function registerResident(
  manager: Manager,
  house: { resourceType: string; id: string },
  resident: NewResident,
  from?: Date,
): Promise<{ patient: string; devices: Login[] }> {
  const { client, facility } = manager;
  const { family, given, familyKana, givenKana } = resident;
  const room = await client.create(place(facility, resident.room, 'ro', house));
  const name = (code: string, last: string, first: string) => ({
    extension: [{ url: REPRESENTATION, valueCode: code }],
    ...{ use: 'official', text: `${last} ${first}`, family: last, given: [first] },
  });
  const patient = await client.create({
    ...{ resourceType: 'Patient', active: true, gender: 'unknown' },
    name: [name('IDE', family, given), name('SYL', familyKana, givenKana)],
    managingOrganization: { reference: `Organization/${facility}` },
  });
  await client.create({
    ...{ resourceType: 'Encounter', status: 'in-progress' },
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    type: [{ coding: [{ system: `${OWN}:encounter-type`, code: 'residence' }] }],
    subject: reference(patient),
    serviceProvider: { reference: `Organization/${facility}` },
    location: [{ location: reference(room), status: 'active' }],
  });
  const devices: Login[] = [];
  for (const { key, profile } of resident.devices)
    devices.push({ key, ...(await registerDevice(manager, profile, `Patient/${patient.id}`, from)) });
  return { patient: patient.id, devices };
}

/** A hallway with its motion sensor. */
export async function registerHallway(manager: Manager, house: { resourceType: string; id: string }, name: string, from?: Date) {
  const hallway = await manager.client.create(place(manager.facility, name, 'wa', house));
  return registerDevice(manager, 'presence', `Location/${hallway.id}`, from);
}

async function registerDevice({ client, facility }: Manager, profile: string, subject: string, from?: Date): Promise<Omit<Login, 'key'>> {
  const { device, secret } = await client.send<{ device: string; secret: string }>('POST', '/api/devices', {
    ...{ facility, profile, subject },
    from: from?.toISOString(),
  });
  return { device, profile, secret };
}

/** Runs `work` for each item, `width` at a time, results in order. The first failure ends it. */
export async function eachOf<Item, Result>(
  items: readonly Item[],
  width: number,
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const index = next++;
      try {
        results[index] = await work(items[index]!, index);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return results;
}
