// A certificate authority for one conformance run: the bench broker's own certificate, the device's first, and its renewals. Nothing
// outside the run trusts it.
import { createPrivateKey, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '../x509.ts';

const P256 = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' };
const HOUR = 3_600_000;
/** A run is over long before. */
const HOLDS = 7 * 24 * HOUR;

export interface WithKey {
  /** PEM. */
  certificate: string;
  /** PKCS#8, PEM. */
  key: string;
}

export interface BenchAuthority {
  /** PEM: what the device trusts. */
  ca: string;
  server: WithKey;
  /** A certificate with a new key, for a device that has none yet. */
  device: WithKey;
  /** @param csr PKCS#10, PEM. @returns PEM of a certificate for its key. @throws Error for what is no request, or not signed by its key */
  renew(csr: string): Promise<string>;
}

/** @param hosts Names and addresses under which the device reaches the run. */
export async function makeBenchAuthority(facility: string, device: string, hosts: readonly string[]): Promise<BenchAuthority> {
  const { keys } = await newKey();
  const now = Date.now();
  const from = new Date(now - HOUR);
  const to = new Date(now + HOLDS);
  const own = await X509CertificateGenerator.createSelfSigned({
    ...{ serialNumber: serial(), name: [{ CN: ['Conformance run'] }], notBefore: from, notAfter: to, keys, signingAlgorithm: SIGNATURE },
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  async function sign(
    subject: string,
    publicKey: PublicKey | CryptoKey,
    purpose: ExtendedKeyUsage,
    names: { type: 'dns' | 'ip' | 'url'; value: string }[],
  ): Promise<string> {
    const certificate = await X509CertificateGenerator.create({
      ...{ serialNumber: serial(), issuer: own.subjectName, subject: [{ CN: [subject] }], notBefore: from, notAfter: to, publicKey },
      ...{ signingKey: keys.privateKey, signingAlgorithm: SIGNATURE },
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([purpose]),
        new SubjectAlternativeNameExtension(names),
      ],
    });
    return certificate.toString('pem');
  }
  // Names of certificates are limited to 64 characters (RFC 5280, appendix A.1); the whole identity stands in the alternative name.
  const subject = `${facility}/${device}`.length <= 64 ? `${facility}/${device}` : device;
  const forDevice = (publicKey: PublicKey | CryptoKey) =>
    sign(subject, publicKey, ExtendedKeyUsage.clientAuth, [{ type: 'url', value: `urn:hub:device:${facility}:${device}` }]);

  const [serverKey, deviceKey] = [await newKey(), await newKey()];
  const names = hosts.map(value => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value }));
  return {
    ca: own.toString('pem'),
    server: {
      certificate: await sign(hosts[0] ?? 'localhost', serverKey.keys.publicKey, ExtendedKeyUsage.serverAuth, names),
      key: serverKey.pem,
    },
    device: { certificate: await forDevice(deviceKey.keys.publicKey), key: deviceKey.pem },
    async renew(csr) {
      const request = new Pkcs10CertificateRequest(csr);
      if (!(await request.verify())) throw new Error('the request is not signed by its own key');
      return forDevice(request.publicKey);
    },
  };
}

async function newKey(): Promise<{ keys: CryptoKeyPair; pem: string }> {
  const keys = await crypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { keys, pem: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }) as string };
}

/** Positive, with no leading zero (RFC 5280, section 4.1.2.2). */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}
