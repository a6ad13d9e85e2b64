// Another island's hospital and care home on the same hub: all that is there is nobody's business of the first.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { HubClient } from '../../simulator/demo/client.ts';
import type { TestHub } from '../harness/hub.ts';
import type { TestWorld } from '../harness/world.ts';

export interface ForeignFacility {
  facility: string;
  hospital: string;
  patient: string;
  location: string;
  device: string;
  encounter: string;
  document: string;
  bundle: string;
  alert: string;
  /** Account and practitioner of its manager. */
  account: string;
  practitioner: string;
  doctor: HubClient;
  manager: HubClient;
}

const OWN = 'urn:remote-care-hub';
const to = (type: string, id: string) => ({ reference: `${type}/${id}` });

/** The embedded PostgreSQL of a hub, as an administrator of the machine would open it. */
export function openStore(hub: TestHub): pg.Client {
  const folder = path.join(hub.dataDirectory, 'postgres');
  const password = readFileSync(path.join(folder, 'password'), 'utf8').trim();
  const port = Number(readFileSync(path.join(folder, 'cluster/postmaster.pid'), 'utf8').split('\n')[3]);
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'hub', password, database: 'hub' });
  client.on('error', () => undefined);
  return client;
}

export async function makeForeignFacility(hub: TestHub, { administrator }: TestWorld): Promise<ForeignFacility> {
  const organization = (name: string, institution: string) =>
    administrator.create({
      resourceType: 'Organization',
      active: true,
      name,
      identifier: [{ system: 'http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no', value: institution }],
      type: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/organization-type', code: 'prov' }] }],
    });
  const [hospital, home] = [await organization('隣島病院', '4716100099'), await organization('隣島の家', '4716100098')];
  const person = async (family: string, role: string, at: string) => {
    const { id } = await administrator.create({
      resourceType: 'Practitioner',
      active: true,
      name: [{ use: 'official', text: `${family} 一`, family, given: ['一'] }],
    });
    await administrator.create({
      resourceType: 'PractitionerRole',
      active: true,
      practitioner: to('Practitioner', id),
      organization: to('Organization', at),
      code: [{ coding: [{ system: `${OWN}:role`, code: role }] }],
    });
    const { account } = await administrator.send<{ account: string }>('POST', '/api/people', {
      name: `${family} 一`,
      email: `${role}@neighbour.example`,
      reference: `Practitioner/${id}`,
    });
    const { url } = await administrator.send<{ url: string }>('POST', `/api/people/${account}/link`, {});
    const client = new HubClient(hub.url);
    await client.send('POST', '/api/session/link', { token: url.split('#')[1] });
    return { id, account, client };
  };
  const manager = await person('比嘉', 'manager', home.id);
  const doctor = await person('城間', 'doctor', hospital.id);
  const location = await manager.client.create({
    resourceType: 'Location',
    status: 'active',
    name: '1',
    managingOrganization: to('Organization', home.id),
  });
  const patient = await manager.client.create({
    resourceType: 'Patient',
    active: true,
    identifier: [{ system: 'http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID', value: '47130012:青波:90001:01' }],
    name: [{ use: 'official', text: '宮城 静', family: '宮城', given: ['静'] }],
    birthDate: '1938-01-01',
    gender: 'female',
    managingOrganization: to('Organization', home.id),
    generalPractitioner: [to('Organization', hospital.id)],
  });
  await manager.client.create({
    resourceType: 'Encounter',
    status: 'in-progress',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    type: [{ coding: [{ system: `${OWN}:encounter-type`, code: 'residence' }] }],
    subject: to('Patient', patient.id),
    serviceProvider: to('Organization', home.id),
    location: [{ location: to('Location', location.id), status: 'active' }],
  });
  const { device } = await manager.client.send<{ device: string }>('POST', '/api/devices', {
    facility: home.id,
    profile: 'bed',
    subject: `Patient/${patient.id}`,
  });
  const encounter = await doctor.client.send<{ id: string }>('POST', '/api/consult/encounters', {
    pattern: 'DtoP',
    patient: patient.id,
    reason: '咳',
  });
  const note = `/api/consult/encounters/${encounter.id}/note`;
  await doctor.client.send('PUT', note, { subjective: '咳が続く', plan: '様子をみる', version: 0 });
  const signed = await doctor.client.send<{ document: { id: string } }>('POST', `${note}/sign`, {});
  const document = await doctor.client.send<{ id: string }>('GET', `/api/records/documents/${signed.document.id}`);
  const store = openStore(hub);
  await store.connect();
  const { rows } = await store.query<{ id: string }>(
    `insert into alerts (patient, facility, raised_at, prediction, state) values ($1, $2, now(), $3, 'open') returning id`,
    [
      patient.id,
      home.id,
      JSON.stringify({
        id: '1',
        at: new Date().toISOString(),
        horizonMinutes: 60,
        probability: 0.9,
        coverage: 1,
        reasons: [],
        abstained: null,
        model: { name: 'm', version: '1' },
      }),
    ],
  );
  await store.end();
  return {
    facility: home.id,
    hospital: hospital.id,
    patient: patient.id,
    location: location.id,
    device,
    encounter: encounter.id,
    document: signed.document.id,
    bundle: document.id,
    alert: rows[0]!.id,
    account: manager.account,
    practitioner: manager.id,
    doctor: doctor.client,
    manager: manager.client,
  };
}
