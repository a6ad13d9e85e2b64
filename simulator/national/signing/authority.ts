// The certificates of the stand-in: a root for doctors' signatures and one for timestamps, kept in a folder, and what they issue. For tests and demonstration.
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const CURVE = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' };
const DAY = 86_400_000;
/** RFC 3161 section 2.3. */
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';

export interface Issued {
  certificate: X509Certificate;
  key: KeyObject;
}

export interface Root {
  certificate: X509Certificate;
  /** A certificate for whom a distinguished name says. */
  issue(name: string | JsonName, purpose: 'signature' | 'timestamp', days?: number): Promise<Issued>;
}

/** Opens the root of this name in `folder`, making it when there is none: `<name>-ca.pem` is what others are to believe. */
export async function openRoot(folder: string, name: string, commonName: string, now: () => Date): Promise<Root> {
  mkdirSync(folder, { recursive: true });
  const [pem, secret] = [path.join(folder, `${name}-ca.pem`), path.join(folder, `${name}-ca.key`)];
  let root: X509Certificate;
  let privateKey: CryptoKey;
  if (existsSync(pem) && existsSync(secret)) {
    root = new X509Certificate(readFileSync(pem, 'utf8'));
    privateKey = await crypto.subtle.importKey('pkcs8', readFileSync(secret), CURVE, true, ['sign']);
  } else {
    const keys = (await crypto.subtle.generateKey(CURVE, true, ['sign', 'verify'])) as CryptoKeyPair;
    privateKey = keys.privateKey;
    root = await X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: `CN=${commonName}, O=Simulated`,
      notBefore: new Date(now().getTime() - DAY),
      notAfter: new Date(now().getTime() + 3650 * DAY),
      signingAlgorithm: SIGNING,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    });
    writeFileSync(secret, Buffer.from(await crypto.subtle.exportKey('pkcs8', privateKey)), { mode: 0o600 });
    writeFileSync(pem, `${root.toString('pem')}\n`);
  }
  return {
    certificate: root,
    async issue(subject, purpose, days = 365) {
      const keys = (await crypto.subtle.generateKey(CURVE, true, ['sign', 'verify'])) as CryptoKeyPair;
      const usage: Extension[] =
        purpose === 'timestamp'
          ? [new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true), new ExtendedKeyUsageExtension([TIME_STAMPING], true)]
          : [new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.nonRepudiation, true)];
      const certificate = await X509CertificateGenerator.create({
        serialNumber: serial(),
        subject,
        issuer: root.subject,
        notBefore: new Date(now().getTime() - 3_600_000),
        notAfter: new Date(now().getTime() + days * DAY),
        publicKey: keys.publicKey,
        signingKey: privateKey,
        signingAlgorithm: SIGNING,
        extensions: [new BasicConstraintsExtension(false, undefined, true), ...usage],
      });
      const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
      return { certificate, key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }) };
    },
  };
}

/** A positive serial number of 16 bytes. */
const serial = () => `01${Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString('hex')}`;
