// Every route asks for a session and a right, and bodies that are none are refused in words.
import { describe, expect, test } from 'vitest';
import { LISTED, MOUNTED, ROLES, ROUTES, rightsAt } from '../route-rights.ts';
import type { Answer } from '../visitor.ts';
import { foreign, neighbour, nobody, people } from './stand.ts';

describe('HTTP', () => {
  const at = (route: string) => {
    const right = rightsAt(foreign)[route];
    if (!right) throw new Error(`${route} has no row in route-rights.ts: say who may use it`);
    return { method: route.split(' ')[0]!, ...right };
  };
  const guarded = ROUTES.filter(route => !/\/api\/(session|oauth|shared)/.test(route));
  const worded = (answer: Answer) => {
    if (!answer.type.includes('fhir')) return expect(answer.body).toMatchObject({ error: { code: /./, ja: /./, en: /./ } });
    return expect(answer.body).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ severity: 'error' }] });
  };

  test('the list of routes is the one that is mounted', () => {
    expect(LISTED).toEqual(MOUNTED);
    expect(Object.keys(rightsAt(foreign)).sort()).toEqual([...guarded].sort());
  });

  test('every route asks for a session', async () => {
    for (const route of [...guarded, 'GET /api/session', 'PUT /api/session/language']) {
      const { method, path, body } = route.includes('/api/session')
        ? { method: route.split(' ')[0]!, path: route.split(' ')[1]!, body: undefined }
        : at(route);
      const answer = await nobody.ask(method, path, body ?? (method === 'GET' ? undefined : {}));
      expect(answer.status, route).toBe(401);
      const forged = await nobody.ask(method, path, body ?? (method === 'GET' ? undefined : {}), {
        cookie: 'hub.session_token=forged.signature',
      });
      expect(forged.status, route).toBe(401);
    }
  });

  // The administrator comes last: what is the administrator's right is really done.
  test.each(ROLES)('a %s gets from a foreign facility what is everybody’s, and nothing else', async role => {
    const got: Record<string, number> = {};
    const wanted: Record<string, number> = {};
    for (const route of guarded) {
      const { method, path, body, status, other } = at(route);
      const answer = await people[role].ask(method, path, body);
      got[route] = answer.status;
      wanted[route] = other?.[role] ?? status;
      expect(JSON.stringify(answer.body), route).not.toContain('宮城');
    }
    expect(got).toEqual(wanted);
  });

  test('what changes something comes from a page of the hub only', async () => {
    const answer = await people.manager.ask('POST', '/api/devices', {}, { origin: 'https://evil.example' });
    expect(answer).toMatchObject({ status: 403, body: { error: { code: 'other-origin' } } });
    expect((await people.manager.ask('POST', '/api/devices', {}, { origin: 'null' })).status).toBe(403);
  });

  test('bodies that are none are refused in words', async () => {
    const hint = `/api/alerts/hint/${neighbour.patient}`;
    const cases: [method: string, path: string, body: unknown, status: number][] = [
      ['PUT', hint, '{"text":', 400],
      ['PUT', hint, { text: 7 }, 422],
      ['PUT', hint, { text: 'a\u0000b' }, 422],
      ['PUT', hint, { text: 'x'.repeat(1001) }, 422],
      ['PUT', hint, { text: 'x'.repeat(3 * 1024 * 1024) }, 413],
      ['POST', '/api/session/link', { token: 'x'.repeat(30) }, 401],
      ['GET', '/api/alerts/------------------------------------', undefined, 404],
      ['GET', '/api/no-such-thing', undefined, 404],
      ['GET', '/api/vitals/%00', undefined, 422],
      ['GET', `/api/vitals/${neighbour.patient}?from=yesterday`, undefined, 422],
    ];
    for (const [method, path, body, status] of cases) {
      const answer = await people.caregiver.ask(method, path, body);
      expect(answer.status, `${method} ${path} ${JSON.stringify(body)?.slice(0, 40)}`).toBe(status);
      worded(answer);
    }
  });
});
