// The stand-in for signatures and timestamps against the hub, and its timestamps against OpenSSL, which shares no code with either.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Bundle } from '@medplum/fhirtypes';
import { flattenedVerify, importX509 } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalJson, signedBytes } from '../../hub/records/documents/canonical.ts';
import { checkSignature, signBundle } from '../../hub/records/documents/signature.ts';
import { localSigner, signingService } from '../../hub/records/documents/signer.ts';
import { certificatesIn } from '../../hub/records/documents/signing.ts';
import { checkStamp, requestStamp } from '../../hub/records/documents/timestamp.ts';
import { type SigningService, startSigning } from '../../simulator/national/signing/service.ts';

const data = mkdtempSync(path.join(tmpdir(), 'signing-'));
let service: SigningService;
beforeAll(async () => {
  service = await startSigning({ port: 0, data });
});
afterAll(async () => {
  await service?.close();
  rmSync(data, { recursive: true, force: true });
});

const bundle: Bundle = {
  resourceType: 'Bundle',
  id: 'b1',
  meta: { versionId: '1' },
  type: 'document',
  timestamp: '2026-01-01T00:00:00Z',
  identifier: { system: 'urn:x', value: '1' },
  entry: [{ resource: { resourceType: 'Basic', code: { text: '診療' } } }],
};
const who = { name: '山田 太郎', registration: '123456' };
const sign = async (at = new Date()) =>
  signBundle(signingService(`${service.url}/signer/`), bundle, { who, reference: 'urn:uuid:1', purposes: ['author'], at });
const trust = () => ({ authorities: certificatesIn(service.signerCa), own: null });

test('canonical JSON is that of RFC 8785', () => {
  // Section 3.2.2 and 3.2.3 of the RFC, in short.
  expect(
    canonicalJson({
      numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 1e-27],
      string: '€$\u000f\nA\'B"\\\\"/',
      literals: [null, true, false],
    }),
  ).toBe('{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}');
  expect(
    Object.keys(JSON.parse(canonicalJson({ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, ö: 7 })) as object),
  ).toHaveLength(7);
});

describe('a signature', () => {
  test('holds, names the signer and who vouches, and covers what a server does not change', async () => {
    const signature = await sign();
    expect(await checkSignature(bundle, signature, trust())).toMatchObject({
      state: 'good',
      signer: '山田 太郎',
      authority: 'Simulated HPKI CA',
      local: false,
    });
    expect((await checkSignature({ ...bundle, id: 'other', meta: { versionId: '9' } }, signature, trust())).state).toBe('good');
    expect((await checkSignature({ ...bundle, timestamp: '2026-01-02T00:00:00Z' }, signature, trust())).state).toBe('changed');
  });

  test('is a detached JWS that any reader of RFC 7515 and 7797 can check', async () => {
    const signature = await sign();
    const [header, payload, value] = Buffer.from(signature.data!, 'base64').toString('latin1').split('.');
    expect(payload).toBe('');
    const { x5c } = JSON.parse(Buffer.from(header!, 'base64url').toString()) as { x5c: string[] };
    const key = await importX509(`-----BEGIN CERTIFICATE-----\n${x5c[0]}\n-----END CERTIFICATE-----`, 'ES256');
    await flattenedVerify({ protected: header!, payload: signedBytes(bundle), signature: value! }, key, { crit: { sigT: true } });
  });

  test('of an authority that nobody here knows, or made outside the certificate’s time, is unsure and not good', async () => {
    const signature = await sign();
    expect((await checkSignature(bundle, signature, { authorities: [], own: null })).state).toBe('unsure');
    expect((await checkSignature(bundle, await sign(new Date('2020-01-01')), trust())).state).toBe('unsure');
  });

  test('whose header was changed, or whose algorithm is none, is not believed', async () => {
    const signature = await sign();
    const [header, , value] = Buffer.from(signature.data!, 'base64').toString('latin1').split('.');
    const fields = JSON.parse(Buffer.from(header!, 'base64url').toString()) as object;
    const with_ = (change: object, mark = value) =>
      Buffer.from(`${Buffer.from(JSON.stringify({ ...fields, ...change })).toString('base64url')}..${mark}`).toString('base64');
    const state = async (data: string) => (await checkSignature(bundle, { ...signature, data }, trust())).state;
    expect(await state(with_({ sigT: '2026-01-01T00:00:00Z' }))).toBe('changed');
    expect(await state(with_({ alg: 'none' }, ''))).toBe('unsure');
    expect(await state(with_({ alg: 'HS256' }))).toBe('unsure');
  });

  test('of the hub itself says of itself what it is', async () => {
    const local = await localSigner(Buffer.alloc(32, 3));
    const signature = await signBundle(local, bundle, { who, reference: 'urn:uuid:1', purposes: ['author'], at: new Date() });
    expect(await checkSignature(bundle, signature, { authorities: [], own: local.certificate })).toMatchObject({
      state: 'good',
      local: true,
    });
    const again = await localSigner(Buffer.alloc(32, 3));
    expect((await checkSignature(bundle, signature, { authorities: [], own: again.certificate })).signer).toContain(
      'no personal certificate',
    );
  });

  test('is refused for who has no card, and says so when the service is away', async () => {
    const begin = (url: string, name: string) => signingService(url).begin({ name, registration: null });
    await expect(begin(`${service.url}/signer/`, '不明')).rejects.toMatchObject({ code: 'signer-unknown' });
    await expect(begin('http://127.0.0.1:9/', '山田 太郎')).rejects.toMatchObject({ code: 'signer-away' });
  });
});

describe('a timestamp', () => {
  const stamp = (now?: () => Date) =>
    requestStamp('c2lnbmF0dXJl', { url: `${service.url}/tsa`, authorities: certificatesIn(service.stampCa), now });

  test('holds for its signature only, and names its authority and time', async () => {
    const token = await stamp();
    const authorities = certificatesIn(service.stampCa);
    expect(checkStamp(token, 'c2lnbmF0dXJl', authorities)).toMatchObject({ state: 'good', authority: 'Simulated Timestamp Authority' });
    expect(checkStamp(token, 'YW5vdGhlcg==', authorities).state).toBe('changed');
    expect(checkStamp(token, 'c2lnbmF0dXJl', []).state).toBe('unsure');
    expect(checkStamp(token, 'c2lnbmF0dXJl', certificatesIn(service.signerCa)).state).toBe('unsure');
    expect(checkStamp(Buffer.from('no token'), 'c2lnbmF0dXJl', authorities).state).toBe('unsure');
    // Any changed byte of what it states leaves it not good.
    const stated = token.indexOf(createHash('sha256').update('c2lnbmF0dXJl').digest()) - 36;
    for (let at = stated; at < stated + 100; at++) {
      const spoiled = Buffer.from(token);
      spoiled[at] = spoiled[at]! ^ 1;
      expect(checkStamp(spoiled, 'c2lnbmF0dXJl', authorities).state, `byte ${at}`).not.toBe('good');
    }
  });

  test('is refused when the clocks differ', async () => {
    await expect(stamp(() => new Date(Date.now() - 3_600_000))).rejects.toThrow('clocks');
  });

  test.skipIf(spawnSync('openssl', ['version']).status !== 0)('is one for OpenSSL too', async () => {
    const token = await stamp();
    const file = (name: string, content: Buffer | string) => {
      writeFileSync(path.join(data, name), content);
      return path.join(data, name);
    };
    const digest = createHash('sha256').update('c2lnbmF0dXJl').digest('hex');
    const verdict = execFileSync(
      'openssl',
      ['ts', '-verify', '-digest', digest, '-in', file('token.der', token), '-token_in', '-CAfile', service.stampCa],
      { encoding: 'utf8' },
    );
    expect(verdict).toContain('Verification: OK');
  });
});
