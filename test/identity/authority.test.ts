// The hub's certificate authority: made once, named by the registry alone, and strict with the requests that makers send.
import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openAuthority } from '../../hub/identity/authority.ts';

const folders: string[] = [];
const folder = () => {
  const made = mkdtempSync(path.join(tmpdir(), 'hub-authority-'));
  folders.push(made);
  return made;
};
afterAll(() => {
  for (const each of folders) rmSync(each, { recursive: true });
});

const dataDirectory = folder();
const authority = await openAuthority({ dataDirectory });
const holder = { commonName: 'f1/bed-1', uri: 'urn:hub:device:f1:bed-1' };

/** A request as makers write it, with OpenSSL; `key` are the arguments that make the key. */
function request(key: string[], subject = '/CN=whoever/O=I say so', signature: string[] = []): string {
  const at = folder();
  const [keyFile, csr] = [path.join(at, 'key.pem'), path.join(at, 'request.pem')];
  execFileSync('openssl', ['genpkey', ...key, '-out', keyFile], { stdio: 'ignore' });
  execFileSync('openssl', ['req', '-new', '-key', keyFile, '-subj', subject, ...signature, '-out', csr], { stdio: 'ignore' });
  return readFileSync(csr, 'utf8');
}
const ec = (curve: string) => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`];
const rsa = (bits: number) => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`];
const good = request(ec('P-256'));

test('several roles that start at once share one authority, which is kept for its owner alone', async () => {
  const directory = folder();
  const all = await Promise.all(Array.from({ length: 5 }, () => openAuthority({ dataDirectory: directory })));
  expect(new Set(all.map(({ caPem }) => caPem)).size).toBe(1);
  expect((await openAuthority({ dataDirectory: directory })).caPem).toBe(all[0]!.caPem);
  expect(readdirSync(directory)).toEqual(['ca']);
  expect(statSync(path.join(directory, 'ca')).mode & 0o777).toBe(0o700);
  expect(statSync(path.join(directory, 'ca/ca.key')).mode & 0o777).toBe(0o600);
});

test('a certificate carries the identity that the registry gives, not the one that the request claims', async () => {
  const issued = await authority.issue({ ...holder, csr: good });
  const certificate = new X509Certificate(issued.pem);
  expect(certificate.subject).toBe('CN=f1/bed-1');
  expect(certificate.subjectAltName).toBe('URI:urn:hub:device:f1:bed-1');
  expect(certificate.verify(new X509Certificate(authority.caPem).publicKey)).toBe(true);
  expect(certificate.ca).toBe(false);
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(certificate.serialNumber.toLowerCase()).toBe(issued.serial);
  expect(certificate.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(issued.fingerprint);
  expect((issued.notAfter.getTime() - Date.now()) / 86_400_000).toBeCloseTo(397, 1);
});

test('a name that is too long for a common name is whole in the identity', async () => {
  const [facility, device] = ['f'.repeat(64), 'd'.repeat(64)];
  const { pem } = await authority.issue({ commonName: `${facility}/${device}`, uri: `urn:hub:device:${facility}:${device}`, csr: good });
  const certificate = new X509Certificate(pem);
  expect(certificate.subject).toBe(`CN=${device}`);
  expect(certificate.subjectAltName).toBe(`URI:urn:hub:device:${facility}:${device}`);
});

test('a key that the hub makes is the certificate’s own, and is kept nowhere', async () => {
  const { pem, key } = await authority.issueWithKey(holder);
  expect(new X509Certificate(pem).checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(readdirSync(path.join(dataDirectory, 'ca')).sort()).toEqual(['ca.key', 'ca.pem']);
});

test.each([
  ['EC P-384', ec('P-384')],
  ['EC P-521', ec('P-521')],
  ['Ed25519', ['-algorithm', 'ED25519']],
  ['RSA 2048', rsa(2048)],
])('a request with %s is taken', async (_what, key) => {
  const { pem } = await authority.issue({ ...holder, csr: request(key) });
  expect(new X509Certificate(pem).verify(new X509Certificate(authority.caPem).publicKey)).toBe(true);
});

const body = good.split('\n').slice(1, -2).join('');
const broken = Buffer.from(body, 'base64');
broken[broken.length - 3]! ^= 1;
const pem = (der: Buffer) => `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
test.each([
  ['no request', 'hello', 'csr-unreadable'],
  ['nothing', '', 'csr-unreadable'],
  ['a certificate', authority.caPem, 'csr-unreadable'],
  ['one that is cut off', pem(Buffer.from(body, 'base64').subarray(0, 60)), 'csr-unreadable'],
  ['one that is endless', pem(Buffer.alloc(1_000_000, 0x30)), 'csr-unreadable'],
  ['one with a wrong signature', pem(broken), 'csr-signature-wrong'],
  ['one signed with SHA-1', request(rsa(2048), '/CN=x', ['-sha1']), 'csr-signature-wrong'],
  ['a short RSA key', request(rsa(1024)), 'csr-key-weak'],
  ['an RSA key with a small exponent', request([...rsa(2048), '-pkeyopt', 'rsa_keygen_pubexp:3']), 'csr-key-weak'],
  ['an unknown curve', request(ec('secp256k1')), 'csr-key-weak'],
])('%s in place of a good request is refused in both languages', async (_what, csr, code) => {
  await expect(authority.issue({ ...holder, csr })).rejects.toMatchObject({
    status: 422,
    code,
    text: { ja: expect.stringMatching(/[ぁ-ん]/), en: expect.stringMatching(/[a-z]/) },
  });
});

test('a server’s certificate names its hosts and addresses, and lets nobody sign in as a client', async () => {
  const { pem: server } = await authority.serverCertificate(['hub.example', 'localhost', '127.0.0.1']);
  const certificate = new X509Certificate(server);
  expect(certificate.checkHost('hub.example')).toBe('hub.example');
  expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(certificate.checkHost('other.example')).toBeUndefined();
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
});

test('no certificate outlives the authority that signed it', async () => {
  const late = await openAuthority({ dataDirectory, now: () => Date.now() + 3640 * 86_400_000 });
  const { notAfter } = await late.issue({ ...holder, csr: good });
  expect(notAfter.getTime()).toBe(Date.parse(new X509Certificate(authority.caPem).validTo));
});

test('an authority can be given by its files; ones that do not belong together are refused by name', async () => {
  const at = folder();
  const given = { certificate: path.join(dataDirectory, 'ca/ca.pem'), key: path.join(dataDirectory, 'ca/ca.key') };
  expect((await openAuthority({ dataDirectory: at, given })).caPem).toBe(authority.caPem);
  expect(readdirSync(at)).toEqual([]);
  const other = path.join(at, 'other.key');
  writeFileSync(other, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await expect(openAuthority({ dataDirectory: at, given: { ...given, key: other } })).rejects.toThrow(/other\.key.*the key is not/);
});

test('a damaged authority is not replaced in silence', async () => {
  const directory = folder();
  await openAuthority({ dataDirectory: directory });
  const key = path.join(directory, 'ca/ca.key');
  chmodSync(key, 0o600);
  writeFileSync(key, 'damaged');
  await expect(openAuthority({ dataDirectory: directory })).rejects.toThrow('ca.key');
});
