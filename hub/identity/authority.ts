// The hub's own certificate authority: signs the certificates of devices, gateways and the broker, and nothing else.
import { createHash, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '../../devices/x509.ts';
import { publicKeyOf } from './certificate-request.ts';

const DAY = 86_400_000;
/** Below the 398 days that clients take of a server (CA/Browser Forum); a device renews long before. */
export const CLIENT_DAYS = 397;
const CA_DAYS = 3652;
const SERVER_DAYS = 90;
/** Clocks of devices and nodes differ: a certificate holds from a little before it was made. */
const EARLIER = 3_600_000;
/** Longest common name (RFC 5280, appendix A.1: ub-common-name). */
const COMMON_NAME_LIMIT = 64;
const P256 = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' };

export interface Issued {
  pem: string;
  /** Hexadecimal, lower case, 16 bytes. */
  serial: string;
  /** SHA-256 of the certificate (DER), hexadecimal, lower case. */
  fingerprint: string;
  notAfter: Date;
}

/** For whom: `commonName` is the MQTT user name, `uri` the identity in the subject alternative name. */
export interface Holder {
  commonName: string;
  uri: string;
  /** How long it holds, days; never longer than the authority itself. Default 397. */
  days?: number;
}

export interface Authority {
  /** The authority's own certificate: what devices and gateways trust. */
  readonly caPem: string;
  /**
   * A client certificate for the key of a request (PKCS#10, PEM). What the request says of its subject is not taken over.
   * @throws Problem 422 for what is no request, a weak key or a wrong signature
   */
  issue(holder: Holder & { csr: string }): Promise<Issued>;
  /** A client certificate with a new key (PKCS#8, PEM) that the hub does not keep: for makers without a tool for requests. */
  issueWithKey(holder: Holder): Promise<Issued & { key: string }>;
  /** A new key and a certificate for a server that is reached by these names and addresses. */
  serverCertificate(hosts: string[]): Promise<Issued & { key: string }>;
}

export interface AuthorityOptions {
  /** The authority is kept in its folder `ca`, made at the first start. Losing it means a new certificate for every device. */
  dataDirectory: string;
  /** Files (PEM) of an authority that is given instead. Several nodes of one hub need the same. */
  given?: { certificate: string; key: string };
  /** ms since 1970. */
  now?: () => number;
}

/**
 * Opens the authority; makes it when there is none yet.
 * @throws Error when the given files cannot be used, or what is kept is damaged: a new authority would lock every device out unseen.
 */
export async function openAuthority({ dataDirectory, given, now = Date.now }: AuthorityOptions): Promise<Authority> {
  const directory = path.join(dataDirectory, 'ca');
  const files = given ?? { certificate: path.join(directory, 'ca.pem'), key: path.join(directory, 'ca.key') };
  if (!given) await makeOnce(directory, now());
  const ca = await readAuthority(files);

  async function sign(
    subject: string,
    publicKey: PublicKey | CryptoKey,
    days: number,
    purpose: ExtendedKeyUsage,
    names: { type: 'dns' | 'ip' | 'url'; value: string }[],
  ): Promise<Issued> {
    const notAfter = new Date(Math.min(now() + days * DAY, ca.certificate.notAfter.getTime()));
    const certificate = await X509CertificateGenerator.create({
      serialNumber: newSerial(),
      issuer: ca.certificate.subjectName,
      subject: [{ CN: [subject] }],
      notBefore: new Date(Math.min(now(), notAfter.getTime()) - EARLIER),
      notAfter,
      publicKey,
      signingKey: ca.key,
      signingAlgorithm: ca.signature,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([purpose]),
        new SubjectAlternativeNameExtension(names),
        await SubjectKeyIdentifierExtension.create(publicKey),
        await AuthorityKeyIdentifierExtension.create(ca.certificate.publicKey),
      ],
    });
    return issued(certificate);
  }
  const client = ({ commonName, uri, days = CLIENT_DAYS }: Holder, publicKey: PublicKey | CryptoKey) =>
    sign(shortened(commonName), publicKey, days, ExtendedKeyUsage.clientAuth, [{ type: 'url', value: uri }]);

  return {
    caPem: pemOf(ca.certificate),
    issue: async ({ csr, ...holder }) => client(holder, await publicKeyOf(csr)),
    async issueWithKey(holder) {
      const { keys, key } = await newKey();
      return { ...(await client(holder, keys.publicKey)), key };
    },
    async serverCertificate(hosts) {
      const { keys, key } = await newKey();
      const names = [...new Set(hosts)].map(value => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value }));
      const subject = shortened(hosts[0] ?? 'localhost');
      return { ...(await sign(subject, keys.publicKey, SERVER_DAYS, ExtendedKeyUsage.serverAuth, names)), key };
    },
  };
}

/** The identity is in the subject alternative name; a common name that would be too long is its last part (a device's own name). */
const shortened = (name: string) =>
  name.length <= COMMON_NAME_LIMIT ? name : name.slice(name.lastIndexOf('/') + 1).slice(-COMMON_NAME_LIMIT);

/** 16 random bytes, positive and with no leading zero (RFC 5280, section 4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

const pemOf = (certificate: X509Certificate) => `${certificate.toString('pem').trim()}\n`;

const issued = (certificate: X509Certificate): Issued => ({
  pem: pemOf(certificate),
  serial: certificate.serialNumber.toLowerCase(),
  fingerprint: createHash('sha256').update(Buffer.from(certificate.rawData)).digest('hex'),
  notAfter: certificate.notAfter,
});

async function newKey(): Promise<{ keys: CryptoKeyPair; key: string }> {
  const keys = await crypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { keys, key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ type: 'pkcs8', format: 'pem' }) as string };
}

/**
 * Makes the authority's folder, whole or not at all: it is written beside and moved into place, and of several roles that start at the same
 * time the first one's stays (a folder is not moved over one that holds files).
 */
async function makeOnce(directory: string, now: number): Promise<void> {
  if (await exists(directory)) return;
  await mkdir(path.dirname(directory), { recursive: true });
  const draft = await mkdtemp(`${directory}-`);
  try {
    const { keys, key } = await newKey();
    const extensions: Extension[] = [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ];
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: newSerial(),
      name: [{ CN: [`Remote care hub ${randomBytes(4).toString('hex')}`] }],
      notBefore: new Date(now - EARLIER),
      notAfter: new Date(now + CA_DAYS * DAY),
      keys,
      signingAlgorithm: SIGNATURE,
      extensions,
    });
    await chmod(draft, 0o700);
    await writeFile(path.join(draft, 'ca.key'), key, { mode: 0o600, flush: true });
    await writeFile(path.join(draft, 'ca.pem'), pemOf(certificate), { mode: 0o600, flush: true });
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!(await exists(directory))) throw error;
  }
}

const exists = (directory: string) =>
  readFile(path.join(directory, 'ca.pem')).then(
    () => true,
    () => false,
  );

async function readAuthority(files: { certificate: string; key: string }) {
  try {
    const certificate = new X509Certificate(await readFile(files.certificate, 'utf8'));
    const privateKey = createPrivateKey(await readFile(files.key));
    const basic = certificate.getExtension(BasicConstraintsExtension);
    if (!basic?.ca) throw new Error('the certificate is none of an authority (basic constraints: CA)');
    const fits = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).equals(Buffer.from(certificate.publicKey.rawData));
    if (!fits) throw new Error('the key is not the certificate’s');
    const { algorithm, signature } = algorithmOf(privateKey.asymmetricKeyType, privateKey.asymmetricKeyDetails?.namedCurve);
    const der = privateKey.export({ type: 'pkcs8', format: 'der' });
    return { certificate, signature, key: await crypto.subtle.importKey('pkcs8', new Uint8Array(der), algorithm, false, ['sign']) };
  } catch (error) {
    throw new Error(`The certificate authority in ${files.certificate} and ${files.key} cannot be used: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

const CURVES: Record<string, string> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

function algorithmOf(type: string | undefined, curve = '') {
  if (type === 'ec' && CURVES[curve]) return { algorithm: { name: 'ECDSA', namedCurve: CURVES[curve] }, signature: SIGNATURE };
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  if (type === 'rsa') return { algorithm: rsa, signature: rsa };
  throw new Error('its key is neither EC (P-256, P-384, P-521) nor RSA');
}
