// FHIR that is invalid or foreign: refused as an OperationOutcome, and no way around brings anything of somebody else.
import { describe, expect, test } from 'vitest';
import { ROLES } from '../route-rights.ts';
import { foreign, neighbour, people, world } from './stand.ts';

describe('FHIR', () => {
  test('FHIR that is invalid, foreign or not understood is an OperationOutcome', async () => {
    const base = '/fhir/R4';
    const mine = { reference: `Patient/${neighbour.patient}` };
    const theirs = { reference: `Patient/${foreign.patient}` };
    const observation = (subject: object) => ({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject });
    const cases: [what: string, method: string, path: string, body: unknown, status: number[]][] = [
      ['not JSON', 'POST', `${base}/Observation`, '{"resourceType"', [400]],
      ['no object', 'POST', `${base}/Observation`, '7', [400]],
      ['too large', 'POST', `${base}/Observation`, { ...observation(mine), note: [{ text: 'x'.repeat(1_100_000) }] }, [413]],
      ['invalid', 'POST', `${base}/Observation`, { ...observation(mine), status: 'so-so', nonsense: 1 }, [400, 422]],
      ['half a surrogate pair', 'POST', `${base}/Observation`, { ...observation(mine), note: [{ text: '\ud800' }] }, [400, 422]],
      ['a NUL', 'POST', `${base}/Observation`, { ...observation(mine), note: [{ text: 'a\u0000b' }] }, [400, 422]],
      ['unknown modifier', 'GET', `${base}/Patient?name:sounds=x`, undefined, [400]],
      ['a chain through what is no reference', 'GET', `${base}/Observation?status.name=x`, undefined, [400]],
      ['a reverse chain that nothing points along', 'GET', `${base}/Patient?_has:Observation:code:status=x`, undefined, [400]],
      ['a reverse include of what is no reference', 'GET', `${base}/Patient?_revinclude=Observation:status`, undefined, [400]],
      ['a cursor that is made up', 'GET', `${base}/Patient?_cursor=x`, undefined, [400]],
      ['somebody else’s compartment', 'GET', `${base}/Patient/${foreign.patient}/*`, undefined, [403]],
      ['everything of somebody else', 'GET', `${base}/Patient/${foreign.patient}/$everything`, undefined, [403]],
      ['a deletion without a condition', 'DELETE', `${base}/Observation`, undefined, [400]],
      ['a NUL in a search', 'GET', `${base}/Patient?name=%00`, undefined, [400, 422]],
      ['somebody else', 'GET', `${base}/Patient/${foreign.patient}`, undefined, [403]],
      ['somebody else’s history', 'GET', `${base}/Patient/${foreign.patient}/_history`, undefined, [403]],
      ['somebody else’s version', 'GET', `${base}/Patient/${foreign.patient}/_history/1`, undefined, [403]],
      ['somebody else’s document', 'GET', `${base}/Bundle/${foreign.bundle}`, undefined, [403]],
      ['for somebody else', 'POST', `${base}/Observation`, observation(theirs), [403]],
      [
        'Binary of somebody else',
        'POST',
        `${base}/Binary`,
        { resourceType: 'Binary', contentType: 'text/plain', securityContext: theirs },
        [403],
      ],
      [
        'Bundle of somebody else',
        'POST',
        `${base}/Bundle`,
        { resourceType: 'Bundle', type: 'collection', entry: [{ resource: { resourceType: 'Patient', id: foreign.patient } }] },
        [403],
      ],
      ['a change', 'PUT', `${base}/Patient/${foreign.patient}`, { resourceType: 'Patient', id: foreign.patient }, [403]],
      ['a patch', 'PATCH', `${base}/Patient/${foreign.patient}`, [{ op: 'replace', path: '/gender', value: 'male' }], [403]],
      ['a deletion', 'DELETE', `${base}/Patient/${foreign.patient}`, undefined, [403]],
    ];
    for (const role of ['doctor', 'patient'] as const) {
      for (const [what, method, path, body, status] of cases) {
        const answer = await people[role].ask(method, path, body);
        if (role === 'doctor') expect(status, `${what}: ${JSON.stringify(answer.body)}`).toContain(answer.status);
        expect(answer.status, what).toBeGreaterThanOrEqual(400);
        expect(answer.status, what).toBeLessThan(500);
        expect(answer.body, what).toMatchObject({ resourceType: 'OperationOutcome' });
      }
    }
  });

  test('a batch, a transaction, an include or a guessed id brings nothing of a foreign patient', async () => {
    const bundle = (type: string) => ({
      resourceType: 'Bundle',
      type,
      entry: [
        { request: { method: 'GET', url: `Patient/${foreign.patient}` } },
        { request: { method: 'GET', url: `Encounter?_id=${foreign.encounter}&_include=Encounter:subject` } },
        {
          request: { method: 'POST', url: 'Observation' },
          resource: {
            resourceType: 'Observation',
            status: 'final',
            code: { text: 'x' },
            subject: { reference: `Patient/${foreign.patient}` },
          },
        },
      ],
    });
    for (const role of ROLES) {
      const batch = await people[role].ask('POST', '/fhir/R4', bundle('batch'));
      const entries = (batch.body as { entry?: { response: { status: string }; resource?: { entry?: unknown[] } }[] }).entry ?? [];
      expect(
        entries.map(({ response }) => response.status.slice(0, 3)),
        role,
      ).toEqual(['403', '200', '403']);
      expect(entries[1]?.resource?.entry ?? [], role).toEqual([]);
      const transaction = await people[role].ask('POST', '/fhir/R4', bundle('transaction'));
      expect(transaction.status, role).toBeGreaterThanOrEqual(400);
      for (const query of [
        `Patient?_id=${foreign.patient}`,
        `Patient?name=宮城`,
        `Observation?subject=Patient/${foreign.patient}`,
        `Bundle?_id=${foreign.bundle}`,
        `Consent?patient=Patient/${foreign.patient}`,
        `Encounter?_total=accurate&patient=Patient/${foreign.patient}`,
        `Observation?_total=accurate&subject:Patient._id=${foreign.patient}`,
        `Organization?_total=accurate&_has:Patient:general-practitioner:_id=${foreign.patient}`,
        `Patient?_total=accurate&_has:Observation:patient:subject=Patient/${foreign.patient}`,
        `Patient?_id=${foreign.patient}&_revinclude=Observation:subject&_revinclude=Encounter:patient`,
      ]) {
        const answer = await people[role].ask('GET', `/fhir/R4/${query}`);
        const found = answer.body as { entry?: unknown[]; total?: number };
        expect(found.entry ?? [], `${role} ${query}`).toEqual([]);
        expect(found.total ?? 0, `${role} ${query}`).toBe(0);
      }
    }
  });

  test('nobody speaks in another’s name, and a manager makes no doctors', async () => {
    const said = (sender: string) => ({
      resourceType: 'Communication',
      status: 'completed',
      subject: { reference: `Patient/${world.residents[0]!.patient}` },
      sender: { reference: sender },
      payload: [{ contentString: 'x' }],
    });
    expect((await people.patient.ask('POST', '/fhir/R4/Communication', said(`Practitioner/${world.practitioners.doctor}`))).status).toBe(
      403,
    );
    expect((await people.patient.ask('POST', '/fhir/R4/Communication', said(`Patient/${world.residents[0]!.patient}`))).status).toBe(201);
    const role = (code: string) => ({
      resourceType: 'PractitionerRole',
      active: true,
      practitioner: { reference: `Practitioner/${world.practitioners.manager}` },
      organization: { reference: `Organization/${world.organizations.home}` },
      code: [{ coding: [{ system: 'urn:remote-care-hub:role', code }] }],
    });
    expect((await people.manager.ask('POST', '/fhir/R4/PractitionerRole', role('doctor'))).status).toBe(403);
    expect((await people.manager.ask('POST', '/fhir/R4/PractitionerRole', role('caregiver'))).status).toBe(201);
  });
});
