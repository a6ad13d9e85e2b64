// A document's signature: detached JWS (RFC 7515 appendix F, RFC 7797) with JAdES-like header, made through the signing port and checked on reading.
import { createHash, X509Certificate } from 'node:crypto';
import type { Bundle, Signature } from '@medplum/fhirtypes';
import { flattenedVerify } from 'jose';
import { z } from 'zod';
import type { Text } from '../../http/problem.ts';
import { CANONICAL_FORM, signedBytes } from './canonical.ts';
import type { SignatureView } from './contract.ts';
import type { Signer, SignerPerson } from './signer.ts';

/** FHIR R4 signature-type (ASTM E1762): the author's own, the verification of a proxy entry, and a later version's. */
const PURPOSES = {
  author: { code: '1.2.840.10065.1.12.1.1', display: 'Author’s Signature' },
  verification: { code: '1.2.840.10065.1.12.1.5', display: 'Verification Signature' },
  addendum: { code: '1.2.840.10065.1.12.1.15', display: 'Addendum Signature' },
} as const;
export type Purpose = keyof typeof PURPOSES;
const PURPOSE_SYSTEM = 'urn:iso-astm:E1762-95:2013';

/** The protected header: RFC 7515 with `b64` of RFC 7797 and `sigT` of JAdES (ETSI TS 119 182-1 section 5.2.1). */
const Header = z.object({
  alg: z.literal('ES256'),
  b64: z.literal(false),
  crit: z.array(z.string()),
  sigT: z.string(),
  'x5t#S256': z.string(),
  x5c: z.array(z.string()).min(1).max(5),
});

/**
 * Signs a document. The signature covers `signedBytes(bundle)`; the port sees the digest of header and document, not the document.
 * @throws Problem of the signer
 */
export async function signBundle(
  signer: Signer,
  bundle: Bundle,
  { who, reference, purposes, at }: { who: SignerPerson; reference: string; purposes: Purpose[]; at: Date },
): Promise<Signature> {
  const { certificates, sign } = await signer.begin(who);
  const header = {
    alg: 'ES256',
    b64: false,
    crit: ['b64', 'sigT'],
    sigT: `${at.toISOString().slice(0, 19)}Z`,
    'x5t#S256': createHash('sha256').update(certificates[0]!).digest('base64url'),
    x5c: certificates.map(der => der.toString('base64')),
  };
  const encoded = Buffer.from(JSON.stringify(header)).toString('base64url');
  const signature = await sign(Buffer.concat([Buffer.from(`${encoded}.`), signedBytes(bundle)]));
  return {
    type: purposes.map(purpose => ({ system: PURPOSE_SYSTEM, ...PURPOSES[purpose] })),
    when: at.toISOString(),
    who: { reference },
    targetFormat: CANONICAL_FORM,
    sigFormat: 'application/jose',
    data: Buffer.from(`${encoded}..${signature.toString('base64url')}`).toString('base64'),
  };
}

/** Whom the hub believes: authorities of signing certificates, and its own certificate. */
export interface SignatureTrust {
  authorities: X509Certificate[];
  /** DER of the hub's own signer. */
  own: Buffer | null;
}

const say = (ja: string, en: string): Text => ({ ja, en });
const UNSIGNED: SignatureView = { state: 'none', signer: null, authority: null, local: false, at: null, reason: null };

/** Whether a document is what was signed, and by whom. Never throws for what a document holds. */
export async function checkSignature(bundle: Bundle, signature: Signature | undefined, trust: SignatureTrust): Promise<SignatureView> {
  if (!signature?.data) return UNSIGNED;
  const unread: SignatureView = {
    ...UNSIGNED,
    state: 'unsure',
    reason: say('この形の署名は、ここでは読めません。', 'A signature of this form cannot be read here.'),
  };
  const [encoded = '', payload, value = ''] = Buffer.from(signature.data, 'base64').toString('latin1').split('.');
  if (payload !== '') return unread;
  let header: z.infer<typeof Header>;
  let chain: X509Certificate[];
  try {
    header = Header.parse(JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8')));
    chain = header.x5c.map(der => new X509Certificate(Buffer.from(der, 'base64')));
  } catch {
    return unread;
  }
  const leaf = chain[0]!;
  const local = trust.own?.equals(leaf.raw) ?? false;
  const named = { signer: commonName(leaf.subject), authority: commonName(leaf.issuer), local, at: header.sigT };
  const thumbprint = createHash('sha256').update(leaf.raw).digest('base64url');
  try {
    if (thumbprint !== header['x5t#S256']) throw new Error('another certificate');
    await flattenedVerify({ protected: encoded, payload: signedBytes(bundle), signature: value }, leaf.publicKey, {
      algorithms: ['ES256'],
      crit: { sigT: true },
    });
  } catch {
    return {
      ...named,
      state: 'changed',
      reason: say('署名したあとで、内容が変えられています。', 'The content is not what was signed.'),
    };
  }
  const doubt = local ? null : doubtOf(chain, trust.authorities, new Date(header.sigT));
  return { ...named, state: doubt ? 'unsure' : 'good', reason: doubt };
}

/** Why a certificate is not believed at a moment; null when a known authority vouches for it. */
export function doubtOf(chain: X509Certificate[], authorities: X509Certificate[], at: Date): Text | null {
  const unknown = say('署名者を証明する機関を、このシステムは知りません。', 'This system does not know the authority behind the signer.');
  if (!chain.every(certificate => holdsAt(certificate, at)))
    return say('署名のときに、証明書の期限が切れていました。', 'The certificate did not hold at the time of signing.');
  if (chain[0]!.ca) return unknown;
  for (const [index, certificate] of chain.entries()) {
    if (authorities.some(authority => holdsAt(authority, at) && issued(authority, certificate))) return null;
    const above = chain[index + 1];
    if (!above || !issued(above, certificate)) return unknown;
  }
  return unknown;
}

const issued = (authority: X509Certificate, certificate: X509Certificate) =>
  authority.ca && certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
const holdsAt = (certificate: X509Certificate, at: Date) => certificate.validFromDate <= at && at <= certificate.validToDate;

/** The common name in a distinguished name as Node writes it; the whole when there is none. */
export const commonName = (name: string): string => /^CN=(.*)$/m.exec(name)?.[1] ?? name.replaceAll('\n', ', ');
