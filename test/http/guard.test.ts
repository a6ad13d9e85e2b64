// Who is let to the routes at all: the hub's own names, changes from its own pages, and not more than a person sends.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { networkOf } from '../../hub/http/rates.ts';
import { frame } from './stand.ts';

const { ask } = frame();
const cookie = 'who=yamada';
const json = { 'content-type': 'application/json' };

describe('another site’s page', () => {
  const own = { cookie, ...json };
  test.each([
    ['its own address', { ...own, origin: 'https://evil.example' }],
    ['no address (a sandboxed frame, a data: page)', { ...own, origin: 'null' }],
    ['a subdomain', { ...own, origin: 'https://sub.hub.example' }],
    ['a name that begins like the hub’s', { ...own, origin: 'https://hub.example.evil.example' }],
    ['the hub’s name in plain text', { ...own, origin: 'http://hub.example' }],
    ['another port', { ...own, origin: 'https://hub.example:8443' }],
    ['an address that is none', { ...own, origin: 'hub.example' }],
    ['an extension’s address', { ...own, origin: 'chrome-extension://abcdef' }],
    ['no word of where it is, but the browser says cross-site', { ...own, 'sec-fetch-site': 'cross-site' }],
    ['a neighbour of the same site', { ...own, 'sec-fetch-site': 'same-site' }],
    ['a form’s text that looks like JSON', { cookie, 'content-type': 'text/plain' }],
    ['a form', { cookie, 'content-type': 'application/x-www-form-urlencoded' }],
    ['a form with files', { cookie, 'content-type': 'multipart/form-data; boundary=x' }],
  ])('changes nothing with %s', async (_, headers) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await ask(method, '/api/things', headers, method === 'DELETE' ? undefined : '{}');
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ error: { code: 'other-origin', ja: /./, en: /./ } });
    }
  });

  test('reads nothing in its own name, but may lead here', async () => {
    const from = { cookie, 'sec-fetch-site': 'cross-site' };
    expect((await ask('GET', '/api/things', { ...from, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' })).status).toBe(403);
    expect((await ask('GET', '/api/things', { ...from, 'sec-fetch-mode': 'cors' })).status).toBe(403);
    expect((await ask('GET', '/', { ...from, 'sec-fetch-mode': 'navigate' })).status).toBe(200);
  });

  test('gets no leave to ask across sites (CORS)', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'PUT' };
    const answer = await ask('OPTIONS', '/api/things', headers);
    expect([...answer.headers.keys()].filter(name => name.startsWith('access-control'))).toEqual([]);
  });
});

test.each([
  ['a page of the hub', { cookie, ...json, origin: 'https://hub.example', 'sec-fetch-site': 'same-origin' }],
  ['a program with a cookie and JSON', { cookie, ...json }],
  ['a form of the hub’s own page', { cookie, 'content-type': 'text/plain', 'sec-fetch-site': 'same-origin' }],
])('%s may change things', async (_, headers) => {
  expect((await ask('POST', '/api/things', headers, '{"a":1}')).status).toBe(200);
});

describe('a name that is not the hub’s own', () => {
  test.each(['https://evil.example', 'https://evil.example:443', 'https://hub.example.evil.example', 'https://hub'])(
    '%s is refused before anything else (DNS rebinding)',
    async base => {
      const answer = await ask('GET', `${base}/api/things`, { cookie });
      expect(answer.status).toBe(421);
      expect(await answer.json()).toMatchObject({ error: { code: 'other-host' } });
    },
  );
  test.each([
    'https://hub.example',
    'https://hub.local:8080',
    'http://localhost:8080',
    'http://192.0.2.7',
    'http://[2001:db8::7]:8080',
    'https://HUB.example.',
  ])('%s is answered', async base => {
    expect((await ask('GET', `${base}/api/things`, { cookie })).status).toBe(200);
  });
});

describe('too many requests', () => {
  beforeAll(() => void vi.useFakeTimers({ now: 0 }));
  afterAll(() => void vi.useRealTimers());

  test('of one person are refused in words, with the time to wait, and nobody else is held back', async () => {
    const few = frame({ rates: { person: 3, address: 1000 } });
    for (let i = 0; i < 3; i++) expect((await few.ask('GET', '/api/things', { cookie })).status).toBe(200);
    const refused = await few.ask('GET', '/api/things', { cookie });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ error: { code: 'too-many', ja: /秒/, en: /seconds/ } });
    expect((await few.ask('GET', '/api/things', { cookie: 'who=suzuki' })).status).toBe(200);
    vi.advanceTimersByTime(61_000);
    expect((await few.ask('GET', '/api/things', { cookie })).status).toBe(200);
  });

  test('of one address are refused before anybody is looked up; behind a proxy, of the address that the proxy names', async () => {
    const few = frame({ rates: { person: 1000, address: 2 }, proxied: true });
    const from = (address: string) => ({ 'x-forwarded-for': `198.51.100.1, ${address}` });
    for (let i = 0; i < 2; i++) expect((await few.ask('GET', '/health', from('203.0.113.9'))).status).toBe(200);
    expect((await few.ask('GET', '/health', from('203.0.113.9'))).status).toBe(429);
    expect((await few.ask('GET', '/health', from('203.0.113.10'))).status).toBe(200);
    const direct = frame({ rates: { person: 1000, address: 2 } });
    for (let i = 0; i < 2; i++) await direct.ask('GET', '/health', from(`203.0.113.${i}`));
    // Without a proxy the header is the client's own word.
    expect((await direct.ask('GET', '/health', from('203.0.113.77'))).status).toBe(429);
  });
});

test('an IPv6 network is one address to the limits', () => {
  expect(networkOf('2001:db8:1:2:aaaa::1')).toBe(networkOf('2001:0db8:0001:0002:bbbb:0:0:9'));
  expect(networkOf('2001:db8:1:2::1')).not.toBe(networkOf('2001:db8:1:3::1'));
  expect(networkOf('::ffff:192.0.2.1')).toBe('192.0.2.1');
});

describe('a body', () => {
  const send = async (body: string) => {
    const answer = await ask('POST', '/api/things', { cookie, ...json }, body);
    return { status: answer.status, body: (await answer.json()) as object };
  };
  test('nested very deep is refused in words', async () => {
    for (const deep of ['['.repeat(100_000), `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`]) {
      expect(await send(deep)).toMatchObject({ status: 422, body: { error: { code: 'too-deep' } } });
    }
    expect((await send(`{"text":"${'['.repeat(5000)}"}`)).status).toBe(200);
  });
  test('cannot reach into the prototype of every object', async () => {
    for (const body of [
      '{"__proto__":{"administrator":true}}',
      '{"a":[{"\\u005f_proto__":{"x":1}}]}',
      '{"a":{"constructor":{"prototype":{"x":1}}}}',
      '{"toString":1}',
    ]) {
      expect(await send(body)).toMatchObject({ status: 422, body: { error: { code: 'name-forbidden' } } });
    }
    expect(({} as Record<string, unknown>).administrator).toBeUndefined();
    expect((await send('{"text":"__proto__ \\u65e5"}')).status).toBe(200);
  });
});
