// Somebody searches for what must stay hidden: by value, count, order, chain, include, history and export. Nothing of it shows in any answer.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AttackStand, attackStand, bundle, entriesOf, SECRET, totalOf, UNTOLD } from './stand.ts';

let it: AttackStand;
beforeAll(async () => {
  it = await attackStand();
});
afterAll(() => it?.database.close());

/** What must not stand in an answer to somebody who has nothing to do with the other patient. */
const traces = () => [SECRET, encodeURIComponent(SECRET), it.hidden.id, it.binary.id, it.document.id, '高橋', 'タカハシ'];

describe.each(['doctor', 'self', 'caregiver', 'administrator'] as const)('a %s finds nothing of the other patient', role => {
  const quietly = async (method: string, path: string, body?: string | object, headers?: Record<string, string>) => {
    const before = await it.entries(it[role]);
    const said = await it.ask(it[role], method, path, body, headers);
    expect(said.status, `${path} ${said.text.slice(0, 300)}`).toBeLessThan(500);
    // The link to itself repeats the question.
    const text = said.text.replace(/"link":\s*\[[^\]]*\]/g, '');
    for (const trace of traces().filter(trace => !decodeURIComponent(path).includes(trace) && !JSON.stringify(body ?? '').includes(trace)))
      expect(text, `${method} ${path}`).not.toContain(trace);
    return { ...said, noted: (await it.entries(it[role])) - before };
  };
  const matches = async (path: string) => {
    const said = await quietly('GET', path);
    return said.status === 200 ? entriesOf(said).filter(resource => resource.resourceType !== 'OperationOutcome') : [];
  };
  const others = async (path: string) => {
    const found = await matches(path);
    return found.filter(resource => resource.id === it.foreign.id || JSON.stringify(resource).includes(`Patient/${it.foreign.id}`));
  };

  test('by id, subject, value, text or identifier', async () => {
    for (const query of [
      `Observation?_id=${it.hidden.id}`,
      `Observation?_id=${it.own.id},${it.hidden.id}`,
      `Observation?subject=Patient/${it.foreign.id}`,
      `Observation?patient=${it.foreign.id}`,
      `Observation?subject:Patient=${it.foreign.id}`,
      `Observation?value-string=${encodeURIComponent(SECRET)}`,
      `Observation?code:text=${encodeURIComponent(SECRET)}`,
      'Observation?date=2026-01-02',
      'Observation?code:missing=true',
      'Observation?subject:not=Patient/nobody',
      `DocumentReference?description=${encodeURIComponent(SECRET)}`,
      'Patient?name=高橋',
      'Patient?birthdate=1938-04-01',
      'Patient?identifier:contains=タカハシ',
      `Binary?_id=${it.binary.id}`,
      'Bundle?_count=100',
    ]) {
      expect(await others(`/fhir/R4/${query}`), query).toEqual([]);
    }
  });

  test('by chains, and backwards by _has', async () => {
    for (const query of [
      'Observation?subject:Patient.name=高橋',
      'Observation?patient.birthdate=1938-04-01',
      `Patient?_has:Observation:subject:code:text=${encodeURIComponent(SECRET)}`,
      `Patient?_has:Observation:patient:_id=${it.hidden.id}`,
      `Practitioner?_has:Patient:general-practitioner:name=高橋`,
      `Organization?_has:Patient:organization:_id=${it.foreign.id}`,
    ]) {
      expect(await others(`/fhir/R4/${query}`), query).toEqual([]);
    }
    // A chain through somebody hidden finds no more than one through nobody at all.
    const through = async (name: string) => (await matches(`/fhir/R4/Organization?_has:Patient:general-practitioner:name=${name}`)).length;
    expect(await through('高橋')).toBe(await through('いない'));
  });

  test('by what searches bring along', async () => {
    for (const query of [
      'Observation?_include=Observation:subject',
      'Observation?_include=Observation:*',
      'Observation?_include:iterate=*',
      `Organization?_revinclude=Patient:general-practitioner`,
      `Organization?_id=${it.centre.id}&_revinclude=Patient:general-practitioner&_revinclude:iterate=Observation:subject`,
      'Practitioner?_revinclude=*',
      'Location?_revinclude=Encounter:location',
    ]) {
      expect(await others(`/fhir/R4/${query}`), query).toEqual([]);
    }
  });

  test('by counting, sorting or guessing', async () => {
    const hits = async (query: string) => {
      const said = await quietly('GET', `/fhir/R4/${query}`);
      return said.status === 200 ? (totalOf(said) ?? entriesOf(said).length) : 0;
    };
    for (const [guess, nothing] of [
      [`Observation?value-string=${encodeURIComponent(SECRET)}&_summary=count`, 'Observation?value-string=keiner&_summary=count'],
      [
        `Observation?subject=Patient/${it.foreign.id}&_total=accurate&_count=0`,
        'Observation?subject=Patient/nobody&_total=accurate&_count=0',
      ],
      ['Patient?name=高橋&_summary=count', 'Patient?name=いない&_summary=count'],
      [`DocumentReference?_id=${it.document.id}&_total=estimate`, 'DocumentReference?_id=nobody&_total=estimate'],
    ] as const) {
      expect(await hits(guess), guess).toBe(await hits(nothing));
    }
    const mine = (await matches('/fhir/R4/Observation?_count=100')).length;
    expect(await hits('Observation?_total=accurate')).toBe(mine);
    for (const sort of ['_id', '-_lastUpdated', 'date', 'subject', 'value-string'])
      expect(await others(`/fhir/R4/Observation?_sort=${sort}&_count=1`)).toEqual([]);
  });

  test('by asking with a form, in a batch, or over all types', async () => {
    await quietly('POST', '/fhir/R4/Observation/_search', `subject=Patient/${it.foreign.id}`, {
      'content-type': 'application/x-www-form-urlencoded',
      origin: 'https://hub.example',
    });
    await quietly(
      'POST',
      '/fhir/R4',
      bundle('batch', ['GET', `Observation?subject=Patient/${it.foreign.id}`], ['GET', 'Patient?name=高橋']),
    );
    await quietly('GET', `/fhir/R4/?_type=Observation,Patient&_id=${it.hidden.id}`);
    await quietly('GET', `/fhir/R4?_type=Observation`);
  });

  test('in the history of a type or of everything', async () => {
    for (const path of [
      '/fhir/R4/Observation/_history?_count=100',
      '/fhir/R4/_history?_count=200',
      '/fhir/R4/Binary/_history',
      '/fhir/R4/Patient/_history',
    ]) {
      const said = await quietly('GET', path);
      expect(said.text).not.toContain(`Patient/${it.foreign.id}`);
    }
  });

  test('by GraphQL, which is not there', async () => {
    const query = '{ObservationList{id valueString subject{reference}}}';
    for (const [method, path, body] of [
      ['GET', `/fhir/R4/$graphql?query=${encodeURIComponent(query)}`, undefined],
      ['POST', '/fhir/R4/$graphql', { query }],
      ['POST', `/fhir/R4/Patient/${it.foreign.id}/$graphql`, { query }],
      ['POST', '/fhir/R4', bundle('batch', ['POST', '$graphql', { query }])],
    ] as const) {
      const said = await quietly(method, path, body);
      expect(said.text).not.toContain('"data":{');
    }
  });

  test('and each search is in the trail', async () => {
    expect((await quietly('GET', `/fhir/R4/Observation?subject=Patient/${it.foreign.id}`)).noted).toBeGreaterThan(0);
  });
});

test('the patient finds nothing of what was not told yet: not by value, by count, by history, by what is brought along', async () => {
  const ask = (path: string) => it.ask(it.self, 'GET', `/fhir/R4/${path}`);
  for (const path of [
    'Observation',
    `Observation?_id=${it.untold.id}`,
    'Observation?code:text=%E6%9C%AA%E5%91%8A',
    `Patient?_id=${it.patient.id}&_revinclude=Observation:subject`,
    `Patient/${it.patient.id}/$everything`,
    'Observation/_history',
    '_history',
  ]) {
    const { text, status } = await ask(path);
    expect(status, path).toBeLessThan(500);
    expect(text.replace(/"link":\s*\[[^\]]*\]/g, ''), path).not.toContain(UNTOLD);
  }
  expect(totalOf(await ask('Observation?_summary=count'))).toBe(entriesOf(await ask('Observation?_count=100')).length);
  expect(totalOf(await ask('Observation?_tag=UNINFORMED&_summary=count'))).toBe(0);
});

test('a page’s link of one person opens nothing for another', async () => {
  for (let i = 0; i < 3; i++) {
    const subject = { reference: `Patient/${it.patient.id}` };
    await it.seed.create({ resourceType: 'Observation', status: 'final', code: { text: `${SECRET} Seite` }, subject });
  }
  const page = JSON.parse((await it.ask(it.doctor, 'GET', '/fhir/R4/Observation?_count=1&_sort=_id')).text) as {
    link: { relation: string; url: string }[];
  };
  const next = page.link.find(({ relation }) => relation === 'next')?.url;
  expect(next).toBeDefined();
  const { pathname, search } = new URL(next!);
  const stolen = await it.ask(it.maker, 'GET', pathname + search);
  expect(stolen.text).not.toContain(SECRET);
  const bent = await it.ask(it.doctor, 'GET', pathname + search.replace(/.(?=[^.]*$)/, 'x'));
  expect(bent.status).toBeLessThan(500);
});
