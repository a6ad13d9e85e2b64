// The port of the pages with TLS: versions, renewal without a restart, plain text led to https, slow and oversized requests cut.
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { connect as netConnect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type SecureVersion, connect as tlsConnect } from 'node:tls';
import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../hub/config.ts';
import { keepCertificate, openDoor, trustPage } from '../../hub/http/index.ts';
import { type Authority, openAuthority } from '../../hub/identity/index.ts';
import { freePort } from '../../hub/store/index.ts';
import { frame, silent } from './stand.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'hub-door-'));
const files = { certificate: path.join(folder, 'hub.pem'), key: path.join(folder, 'hub.key') };
let authority: Authority;
let door: ReturnType<typeof openDoor>;
let [port, redirectPort] = [0, 0];

async function give() {
  const { pem, key, fingerprint } = await authority.serverCertificate(['hub.example', '127.0.0.1']);
  writeFileSync(files.key, key);
  writeFileSync(files.certificate, pem);
  return fingerprint;
}

beforeAll(async () => {
  authority = await openAuthority({ dataDirectory: folder });
  await give();
  [port, redirectPort] = [await freePort(), await freePort()];
  const certificate = await keepCertificate({ given: files, issue: () => Promise.reject(), log: silent, name: 'test', lookEvery: 20 });
  door = openDoor({
    host: '127.0.0.1',
    port,
    redirectPort,
    publicUrl: 'https://hub.example:8443',
    certificate,
    plain: trustPage(authority.caPem).answer,
  });
  const { app } = frame();
  door.server.on('request', getRequestListener(app.fetch));
  await door.listen();
});
afterAll(() => {
  door.close();
  rmSync(folder, { recursive: true, force: true });
});

const secure = (route: string) =>
  new Promise<{ status?: number; headers: NodeJS.Dict<string | string[]>; body: string }>((resolve, reject) => {
    httpsGet(
      {
        host: '127.0.0.1',
        port,
        path: route,
        ca: authority.caPem,
        headers: { host: 'hub.example:8443' },
        servername: 'hub.example',
        agent: false,
      },
      answer => {
        text(answer).then(body => resolve({ status: answer.statusCode, headers: answer.headers, body }), reject);
      },
    ).on('error', reject);
  });
const plain = (at: number, route: string, method = 'GET') =>
  new Promise<{ status?: number; headers: NodeJS.Dict<string | string[]>; body: string }>((resolve, reject) => {
    httpGet({ host: '127.0.0.1', port: at, path: route, method, agent: false }, answer => {
      text(answer).then(body => resolve({ status: answer.statusCode, headers: answer.headers, body }), reject);
    }).on('error', reject);
  });
const handshake = (options: object) =>
  new Promise<string>((resolve, reject) => {
    const socket = tlsConnect({ host: '127.0.0.1', port, ca: authority.caPem, servername: 'hub.example', ...options }, () => {
      resolve(`${socket.getProtocol()} ${socket.getCipher().name}`);
      socket.destroy();
    });
    socket.on('error', reject);
  });

test('browsers get TLS 1.3, older ones TLS 1.2 with forward secrecy, and nothing below', async () => {
  expect(await handshake({})).toMatch(/^TLSv1\.3 /);
  expect(await handshake({ maxVersion: 'TLSv1.2' })).toMatch(/^TLSv1\.2 ECDHE-.*(GCM|POLY1305)/);
  for (const version of ['TLSv1', 'TLSv1.1'] as SecureVersion[]) {
    await expect(handshake({ minVersion: version, maxVersion: version, ciphers: 'ALL@SECLEVEL=0' })).rejects.toThrow();
  }
  await expect(handshake({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA:AES128-SHA' })).rejects.toThrow();
});

test('pages come with strict transport security', async () => {
  const answer = await secure('/');
  expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('page') });
  expect(answer.headers['strict-transport-security']).toBe('max-age=31536000');
});

test.each([
  ['the same port', () => port],
  ['the port for it', () => redirectPort],
])('plain text at %s is led to the same place under https', async (_, at) => {
  const answer = await plain(at(), '/residents?floor=2');
  expect(answer).toMatchObject({ status: 308, headers: { location: 'https://hub.example:8443/residents?floor=2' } });
  expect(answer.headers['strict-transport-security']).toBeUndefined();
  expect((await plain(at(), '//evil.example/x')).headers.location).toBe('https://hub.example:8443/evil.example/x');
  expect((await plain(at(), '/api/session/password', 'POST')).status).toBe(403);
});

test('the authority is given out before anybody can trust it, with its fingerprint and words how to install it', async () => {
  const page = await plain(redirectPort, '/trust');
  const { fingerprint256 } = new X509Certificate(authority.caPem);
  expect(page.body).toContain(fingerprint256);
  expect(page.body).toMatch(/証明書信頼設定[\s\S]*Certificate Trust Settings/);
  expect(page.headers['content-security-policy']).toMatch(/style-src 'sha256-/);
  const file = await plain(redirectPort, '/trust/hub-ca.crt');
  expect(file).toMatchObject({ body: authority.caPem, headers: { 'content-type': 'application/x-x509-ca-cert' } });
});

test('a renewed certificate is used without a restart, and one that does not fit is not', async () => {
  const shown = () =>
    new Promise<string>((resolve, reject) => {
      const socket = tlsConnect({ host: '127.0.0.1', port, ca: authority.caPem, servername: 'hub.example' }, () => {
        resolve(socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase());
        socket.destroy();
      }).on('error', reject);
    });
  const next = await give();
  await expect.poll(shown).toBe(next);
  writeFileSync(files.key, (await authority.serverCertificate(['hub.example'])).key);
  await secure('/');
  expect(await shown()).toBe(next);
});

describe('what does not speak as a browser does is cut:', () => {
  const raw = (bytes: string) =>
    new Promise<string>(resolve => {
      const socket = netConnect(redirectPort, '127.0.0.1', () => socket.write(bytes));
      let got = '';
      socket
        .on('data', piece => (got += piece))
        .on('close', () => resolve(got))
        .on('error', () => undefined);
    });
  test('headers of more than 16 kB', async () => {
    expect(await raw(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431/);
  });
  test('two lengths for one body (request smuggling)', async () => {
    expect(await raw('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n')).toMatch(
      /^HTTP\/1.1 400/,
    );
  });
  test('a header that is never finished, after a while', () => {
    expect(door.server).toMatchObject({ headersTimeout: 15_000, requestTimeout: 300_000, maxHeadersCount: 100 });
  });
});

describe('configuration:', () => {
  const config = (more: Record<string, string>) => readConfig({ HUB_DATA: path.join(folder, 'data'), ...more });
  test('a hub that others reach in plain text does not start, and says what to set', () => {
    for (const HUB_HOST of ['0.0.0.0', '::', '192.0.2.1', 'hub.example']) {
      expect(() => config({ HUB_HOST })).toThrow(
        /HUB_TLS: HTTP would listen on .* in plain text. Set HUB_TLS=own .*HUB_TLS_CERT.*HUB_TLS=proxy/,
      );
    }
    expect(() => config({ HUB_HOST: '0.0.0.0', HUB_TLS: 'off' })).toThrow('HUB_TLS');
  });
  test('on loopback it is plain; with TLS the public address is https', () => {
    expect(config({}).http.publicUrl).toBe('http://localhost:8080');
    expect(config({ HUB_HOST: '0.0.0.0', HUB_TLS: 'own' }).http.publicUrl).toBe('https://localhost:8080');
    expect(config({ HUB_HOST: '0.0.0.0', HUB_TLS: 'proxy', HUB_PUBLIC_URL: 'https://hub.example/' })).toMatchObject({
      http: { publicUrl: 'https://hub.example' },
      door: { tls: 'proxy' },
    });
    expect(config({ HUB_HOST: '0.0.0.0', HUB_TLS_CERT: 'a.pem', HUB_TLS_KEY: 'a.key' }).door.tls).toMatchObject({ given: {} });
  });
  test.each<[Record<string, string>, RegExp]>([
    [{ HUB_TLS: 'given' }, /HUB_TLS_CERT and HUB_TLS_KEY/],
    [{ HUB_TLS_CERT: 'a.pem' }, /set both or neither/],
    [{ HUB_TLS: 'proxy', HUB_TLS_CERT: 'a.pem', HUB_TLS_KEY: 'a.key' }, /HUB_TLS=given/],
    [{ HUB_TLS: 'own', HUB_PUBLIC_URL: 'http://hub.example' }, /https:\/\//],
    [{ HUB_REDIRECT_PORT: '80' }, /HUB_REDIRECT_PORT/],
  ])('%o is refused with what to do', (given, words) => {
    expect(() => config(given)).toThrow(words);
  });
});
