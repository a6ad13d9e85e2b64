// Somebody knows the ids of another patient's data and asks for it by every way there is. Each is refused, audited, and changes nothing.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Person } from '../../hub/identity/index.ts';
import { type AttackStand, attackStand, bundle, SECRET, UNTOLD } from './stand.ts';

let it: AttackStand;
beforeAll(async () => {
  it = await attackStand();
});
afterAll(() => it?.database.close());

type Who = 'doctor' | 'caregiver' | 'manager' | 'self' | 'maker' | 'administrator';
const EVERYBODY: Who[] = ['doctor', 'caregiver', 'manager', 'self', 'maker', 'administrator'];
const REFUSED = [400, 401, 403, 404, 405, 409, 410, 412, 415, 422, 501];

async function refused(who: Person, method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const said = await it.ask(who, method, path, body, headers);
  expect(REFUSED, `${method} ${path} answered ${said.status}: ${said.text.slice(0, 300)}`).toContain(said.status);
  for (const secret of [SECRET, UNTOLD]) expect(said.text).not.toContain(secret);
  return said;
}

describe.each(EVERYBODY)('a %s with nothing to do with the patient', role => {
  const who = () => it[role];

  test('reads no resource, version or history by its id', async () => {
    for (const [type, id] of [
      ['Observation', it.hidden.id],
      ['Patient', it.foreign.id],
      ['Binary', it.binary.id],
      ['DocumentReference', it.document.id],
    ] as const) {
      for (const path of [`/${type}/${id}`, `/${type}/${id}/_history`, `/${type}/${id}/_history/1`]) {
        const before = await it.refusals(who());
        await refused(who(), 'GET', `/fhir/R4${path}`);
        expect(await it.refusals(who()), `${path} left no refusal in the trail`).toBeGreaterThan(before);
      }
    }
  });

  test('changes, moves and deletes nothing by its id, and learns nothing by trying', async () => {
    const url = `/fhir/R4/Observation/${it.hidden.id}`;
    const mine = { ...it.hidden, meta: undefined, subject: { reference: `Patient/${it.patient.id}` } };
    const before = await it.refusals(who());
    await refused(who(), 'PUT', url, { ...it.hidden, meta: undefined, valueString: 'x' });
    await refused(who(), 'PUT', url, mine);
    await refused(who(), 'PATCH', url, [{ op: 'replace', path: '/valueString', value: 'x' }]);
    await refused(who(), 'PATCH', url, [{ op: 'replace', path: '/subject/reference', value: `Patient/${it.patient.id}` }]);
    const right = await refused(who(), 'PATCH', url, [{ op: 'test', path: '/valueString', value: `${SECRET} 2` }]);
    const wrong = await refused(who(), 'PATCH', url, [{ op: 'test', path: '/valueString', value: 'no' }]);
    expect([right.status, right.text]).toEqual([wrong.status, wrong.text]);
    await refused(who(), 'DELETE', url);
    const stale = await refused(who(), 'PUT', url, mine, { 'if-match': 'W/"1"' });
    const fresh = await refused(who(), 'PUT', url, mine, { 'if-match': 'W/"2"' });
    expect(stale.status).toBe(fresh.status);
    expect(await it.refusals(who())).toBeGreaterThanOrEqual(before + 7);
    expect(await it.stored('Observation', it.hidden.id)).toMatchObject({
      valueString: `${SECRET} 2`,
      meta: { versionId: '2' },
      subject: { reference: `Patient/${it.foreign.id}` },
    });
  });

  test('gets nothing out of a batch, and a transaction that holds one such access does nothing at all', async () => {
    const batch = await it.ask(
      who(),
      'POST',
      '/fhir/R4',
      bundle(
        'batch',
        ['GET', `Observation/${it.hidden.id}`],
        ['GET', `Binary/${it.binary.id}`],
        ['GET', `Patient/${it.foreign.id}/$everything`],
        ['DELETE', `Observation/${it.hidden.id}`],
      ),
    );
    expect(batch.text).not.toContain(SECRET);
    for (const { response } of (JSON.parse(batch.text) as { entry?: { response: { status: string } }[] }).entry ?? []) {
      expect(response.status).toMatch(/^4/);
    }
    const before = await it.seed.search('Observation?code:text=nebenbei');
    const observation = {
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'nebenbei' },
      subject: { reference: `Patient/${it.patient.id}` },
    };
    await refused(
      who(),
      'POST',
      '/fhir/R4',
      bundle(
        'transaction',
        ['POST', 'Observation', observation],
        ['PUT', `Observation/${it.hidden.id}`, { ...it.hidden, meta: undefined }],
      ),
    );
    expect(await it.seed.search('Observation?code:text=nebenbei')).toEqual(before);
  });

  test('gets no operation over the whole of the patient: $everything, compartment, timeline, access log', async () => {
    for (const path of [
      `/fhir/R4/Patient/${it.foreign.id}/$everything`,
      `/fhir/R4/Patient/${it.foreign.id}/Observation`,
      `/fhir/R4/Patient/${it.foreign.id}/*`,
      `/api/records/timeline/${it.foreign.id}`,
    ]) {
      const said = await it.ask(who(), 'GET', path);
      expect(said.text, path).not.toContain(SECRET);
      expect(said.text, path).not.toContain(it.hidden.id);
      expect(said.status, path).toBeLessThan(500);
    }
    if (role !== 'administrator') await refused(who(), 'GET', `/api/records/audit?patient=${it.foreign.id}`);
  });
});

describe('writing in another’s name or place:', () => {
  const observation = (subject: unknown, more: object = {}) => ({
    resourceType: 'Observation',
    status: 'final',
    code: { text: '侵入' },
    subject,
    ...more,
  });
  const planted = () => it.seed.search(`Observation?code:text=侵入&subject=Patient/${it.foreign.id}`);

  test('a resource cannot be hung onto another patient, however the reference is written', async () => {
    const { id } = it.foreign;
    for (const reference of [
      `Patient/${id}`,
      `/Patient/${id}`,
      `./Patient/${id}`,
      `Patient/x/../${id}`,
      `Patient/${id}/_history/1`,
      `Patient/${id}?_id=x`,
      `Patient/${id}#x`,
      `Patient/${id} `,
      `patient/${id}`,
      `Patient/${encodeURIComponent(`./${id}`)}`,
      `https://hub.example/fhir/R4/Patient/${id}`,
      `https://evil.example/fhir/Patient/${id}`,
      `Patient/${id}\u200b`,
      `Patient/${id}\u0000`,
      'Patient?identifier=x',
    ]) {
      for (const role of ['doctor', 'self', 'caregiver'] as const) {
        await it.ask(it[role], 'POST', '/fhir/R4/Observation', observation({ reference }));
      }
    }
    expect(await planted()).toEqual([]);
  });

  test('neither with the patient among several, contained, or only named', async () => {
    const own = { reference: `Patient/${it.patient.id}` };
    const foreign = { reference: `Patient/${it.foreign.id}` };
    const contained = {
      ...observation({ reference: '#p' }),
      contained: [{ resourceType: 'Patient', id: 'p', link: [{ other: foreign, type: 'seealso' }] }],
    };
    await refused(it.doctor, 'POST', '/fhir/R4/Observation', contained);
    await refused(it.doctor, 'POST', '/fhir/R4/Observation', observation(undefined));
    await refused(it.doctor, 'POST', '/fhir/R4/Observation', observation({ display: '高橋 ヨシ' }));
    await refused(it.doctor, 'POST', '/fhir/R4/Observation', observation({ identifier: { value: it.foreign.id } }));
    const appointment = {
      resourceType: 'Appointment',
      status: 'booked',
      participant: [own, foreign].map(actor => ({ actor, status: 'accepted' })),
    };
    await refused(it.self, 'POST', '/fhir/R4/Appointment', appointment);
  });

  test('an own resource is not moved to another patient', async () => {
    const url = `/fhir/R4/Observation/${it.own.id}`;
    const before = await it.refusals(it.doctor, { patient: it.foreign.id });
    await refused(it.doctor, 'PUT', url, { ...it.own, meta: undefined, subject: { reference: `Patient/${it.foreign.id}` } });
    await refused(it.doctor, 'PATCH', url, [{ op: 'replace', path: '/subject/reference', value: `Patient/${it.foreign.id}` }]);
    await refused(it.doctor, 'PATCH', url, [{ op: 'replace', path: '/subject', value: { reference: `Patient/${it.foreign.id}` } }]);
    expect(await it.refusals(it.doctor, { patient: it.foreign.id })).toBeGreaterThanOrEqual(before + 3);
    expect(await it.stored('Observation', it.own.id)).toMatchObject({ subject: { reference: `Patient/${it.patient.id}` } });
  });

  test('ids and versions are the hub’s: nobody chooses one that is taken, nobody sets who wrote and when', async () => {
    const made = await it.ask(it.doctor, 'POST', '/fhir/R4/Observation', {
      ...observation({ reference: `Patient/${it.patient.id}` }),
      id: it.hidden.id,
      meta: { versionId: '77', lastUpdated: '1999-01-01T00:00:00Z' },
    });
    expect(made.status).toBe(201);
    const stored = JSON.parse(made.text) as { id: string; meta: { versionId: string; lastUpdated: string } };
    expect(stored.id).not.toBe(it.hidden.id);
    expect(stored.meta.versionId).toBe('1');
    expect(stored.meta.lastUpdated).not.toMatch(/^1999/);
    expect(await it.stored('Observation', it.hidden.id)).toMatchObject({ valueString: `${SECRET} 2` });
  });

  test('a patient does not take off what holds untold results back', async () => {
    const url = `/fhir/R4/Observation/${it.untold.id}`;
    const before = await it.refusals(it.self);
    await refused(it.self, 'GET', url);
    await refused(it.self, 'GET', `${url}/_history/1`);
    await refused(it.self, 'PATCH', url, [{ op: 'remove', path: '/meta/tag' }]);
    await refused(it.self, 'PATCH', url, [{ op: 'replace', path: '/meta/tag/0/code', value: 'X' }]);
    await refused(it.self, 'PUT', url, { ...it.untold, meta: undefined });
    expect(await it.refusals(it.self)).toBeGreaterThanOrEqual(before + 5);
    expect(await it.stored('Observation', it.untold.id)).toMatchObject({ meta: { tag: [{ code: 'UNINFORMED' }] } });
  });

  test('nobody gives a role, a consent or an entry of the trail to themselves', async () => {
    const role = (who: string) => ({
      resourceType: 'PractitionerRole',
      active: true,
      practitioner: { reference: who },
      organization: { reference: `Organization/${it.centre.id}` },
      code: [{ coding: [{ system: 'urn:remote-care-hub:role', code: 'doctor' }] }],
    });
    await refused(it.caregiver, 'POST', '/fhir/R4/PractitionerRole', role(it.caregiver.reference!));
    await refused(it.self, 'POST', '/fhir/R4/PractitionerRole', role(it.self.reference!));
    await refused(it.doctor, 'POST', '/fhir/R4/Consent', {
      resourceType: 'Consent',
      status: 'active',
      scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
      category: [{ text: 'x' }],
      patient: { reference: `Patient/${it.foreign.id}` },
      policyRule: { text: 'x' },
      provision: { type: 'permit' },
    });
    for (const who of [it.doctor, it.self, it.administrator]) {
      await refused(who, 'POST', '/fhir/R4/AuditEvent', { resourceType: 'AuditEvent' });
      await refused(who, 'DELETE', '/fhir/R4/AuditEvent?date=gt2020-01-01');
    }
  });
});
