// What is bent out of shape: paths, ids, bodies, headers. Refused in words, never an error of the hub itself, and every answer is closed tight.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AttackStand, attackStand, SECRET } from './stand.ts';

let it: AttackStand;
beforeAll(async () => {
  it = await attackStand();
});
afterAll(() => it?.database.close());

const inWords = (text: string) => /"(issue|error)":/.test(text);

describe('a path that leads elsewhere', () => {
  test.each([
    '/assets/..%2f..%2fpackage.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/..%5c..%5cpackage.json',
    '/%2e%2e%2fhub%2fsecrets.ts',
    '/assets/../../../../etc/passwd',
    '/fhir/R4/%2e%2e/%2e%2e/api/session',
    '/fhir/R4/Binary/..%2f..%2fsecret',
    '//etc/passwd',
    '/%00',
    '/assets/%c0%ae%c0%ae/package.json',
  ])('%s gives no file of the machine', async path => {
    const said = await it.ask(it.doctor, 'GET', path);
    expect(said.text).not.toMatch(/"name": ?"remote-care-hub"|root:|createHmac/);
    expect(said.status).toBeLessThan(500);
  });
});

describe('an id that is none', () => {
  test.each([
    ['%00', 'a NUL'],
    ['%EF%BC%91%EF%BC%92', 'wide digits'],
    ['%E2%80%8B', 'a space that nobody sees'],
    ['..', 'a parent'],
    ["'%20or%201=1--", 'SQL'],
    ['%ud800', 'half a letter'],
    ['a'.repeat(5000), 'a very long one'],
    ['__proto__', 'a prototype'],
    ['constructor', 'a constructor'],
    ['%0d%0aset-cookie:%20x=1', 'a header'],
  ])('%s (%s) is refused and never an error of the hub', async id => {
    for (const path of [
      `/fhir/R4/Patient/${id}`,
      `/fhir/R4/Observation?subject=Patient/${id}`,
      `/fhir/R4/${id}`,
      `/api/records/timeline/${id}`,
    ]) {
      const said = await it.ask(it.doctor, 'GET', path);
      expect(said.status, path.slice(0, 80)).toBeLessThan(500);
      expect(said.headers.get('set-cookie')).toBeNull();
      expect(said.text).not.toContain(SECRET);
    }
  });

  test('one that only looks like another’s is nobody’s', async () => {
    for (const twin of [it.patient.id.toUpperCase(), `${it.patient.id}%20`, `${it.patient.id}.`, it.patient.id.replace('-', '%E2%80%90')]) {
      expect((await it.ask(it.doctor, 'GET', `/fhir/R4/Patient/${twin}`)).status).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('a body that is none', () => {
  const subject = () => ({ reference: `Patient/${it.patient.id}` });
  const observation = (more: object) => ({
    resourceType: 'Observation',
    status: 'final',
    code: { text: 'x' },
    subject: subject(),
    ...more,
  });

  test('is refused in words', async () => {
    const cases: [string, unknown, number[]][] = [
      ['/fhir/R4/Observation', '{"resourceType":"Observation"', [400]],
      ['/fhir/R4/Observation', 'null', [400]],
      ['/fhir/R4/Observation', '[]', [400, 422]],
      ['/fhir/R4/Observation', '['.repeat(90_000), [422]],
      ['/fhir/R4/Observation', `${'{"contained":['.repeat(3000)}${']}'.repeat(3000)}`, [422]],
      ['/fhir/R4/Observation', `{"__proto__":{"admin":true},${JSON.stringify(observation({})).slice(1)}`, [422]],
      ['/fhir/R4/Observation', JSON.stringify({ ...observation({}), constructor: { prototype: { admin: true } } }), [400, 422]],
      ['/fhir/R4/Observation', { ...observation({}), resourceType: 'Patient' }, [400, 403, 422]],
      ['/fhir/R4/Observation', { ...observation({}), administrator: true, actor: 'x' }, [400, 422]],
      ['/fhir/R4/Observation', { ...observation({}), valueString: 'a\u0000b' }, [400, 422]],
      ['/fhir/R4/Observation', { ...observation({}), code: { text: 'x'.repeat(1_100_000) } }, [413]],
      ['/fhir/R4', { resourceType: 'Bundle', type: 'transaction', entry: Array(50_000).fill({}) }, [400, 413, 422]],
    ];
    for (const [path, body, wanted] of cases) {
      const said = await it.ask(it.doctor, 'POST', path, body);
      expect(wanted, `${JSON.stringify(body).slice(0, 60)} answered ${said.status} ${said.text.slice(0, 200)}`).toContain(said.status);
      expect(inWords(said.text)).toBe(true);
    }
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });

  test('a patch reaches no prototype, no root and no place that is not there', async () => {
    const url = `/fhir/R4/Observation/${it.own.id}`;
    for (const patch of [
      [{ op: 'add', path: '/__proto__/admin', value: true }],
      [{ op: 'add', path: '/constructor/prototype/admin', value: true }],
      [{ op: 'copy', from: '/__proto__', path: '/valueString' }],
      [{ op: 'replace', path: '', value: { resourceType: 'Patient', id: it.foreign.id } }],
      [{ op: 'replace', path: '/resourceType', value: 'Patient' }],
      [{ op: 'replace', path: '/id', value: it.hidden.id }],
      [{ op: 'remove', path: '/subject' }],
      Array(20_000).fill({ op: 'test', path: '/status', value: 'final' }),
    ]) {
      const said = await it.ask(it.doctor, 'PATCH', url, patch);
      expect(said.status, JSON.stringify(patch).slice(0, 80)).toBeLessThan(500);
    }
    expect(
      (await it.ask(it.doctor, 'PATCH', url, [{ op: 'add', path: '/constructor', value: { admin: true } }])).status,
    ).toBeGreaterThanOrEqual(400);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
    expect(await it.stored('Observation', it.own.id)).toMatchObject({ id: it.own.id, resourceType: 'Observation', subject: subject() });
    expect(await it.stored('Observation', it.hidden.id)).toMatchObject({ valueString: `${SECRET} 2` });
  });
});

test('every kind of answer carries the whole set of security headers: data, refusals, pages, files, what is not there', async () => {
  const answers: [string, string, unknown?, Record<string, string>?][] = [
    ['GET', `/fhir/R4/Observation/${it.own.id}`],
    ['GET', '/fhir/R4/Observation'],
    ['GET', `/fhir/R4/Observation/${it.hidden.id}`],
    ['GET', '/fhir/R4/metadata'],
    ['GET', '/fhir/R4/Nonsense/x'],
    ['POST', '/fhir/R4/Observation', 'no json'],
    ['POST', '/fhir/R4/Observation', {}, { origin: 'https://evil.example' }],
    ['GET', `/api/records/timeline/${it.patient.id}`],
    ['GET', '/api/nothing'],
    ['OPTIONS', '/fhir/R4/Observation'],
    ['HEAD', '/'],
    ['GET', '/'],
    ['GET', '/residents'],
    ['GET', '/missing.js'],
    ['GET', '/assets/missing.js'],
  ];
  for (const [method, path, body, headers] of answers) {
    const said = await it.ask(it.doctor, method, path, body, headers);
    const policy = said.headers.get('content-security-policy') ?? '';
    expect(policy, `${method} ${path}`).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(Object.fromEntries(said.headers), `${method} ${path}`).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'permissions-policy': expect.stringMatching(/camera=\(self\), microphone=\(self\).*geolocation=\(\)/),
      'strict-transport-security': 'max-age=31536000',
      'cache-control': expect.stringMatching(path.startsWith('/fhir') || path.startsWith('/api') ? /^no-store$/ : /no-store|no-cache/),
    });
    expect(said.headers.get('access-control-allow-origin')).toBeNull();
  }
});
