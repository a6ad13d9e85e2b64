// Reads a request for a certificate (PKCS#10, RFC 2986) from a device's maker: only a sound key whose holder signed the request passes.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Pkcs10CertificateRequest, type PublicKey } from '../../devices/x509.ts';
import { Problem, type Text } from '../http/problem.ts';

/** Longest request, characters of PEM: an RSA key of 8,192 bits with its signature takes about 3,000. */
export const REQUEST_LIMIT = 16_384;
const RSA_BITS = [2048, 8192] as const;
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];
/** Hashes of signatures that nobody can forge today; SHA-1 and MD5 are not among them. */
const HASHES = ['SHA-256', 'SHA-384', 'SHA-512'];

const refuse = (code: string, text: Text, cause?: unknown) => new Problem(422, code, text, { cause });

/**
 * The public key of a request. Its subject and attributes are not looked at: whom a certificate names, the registry says.
 * @param pem `-----BEGIN CERTIFICATE REQUEST-----` …
 * @throws Problem 422: `csr-unreadable`, `csr-key-weak` (RSA below 2,048 bits, unknown curve or kind), `csr-signature-wrong`
 */
export async function publicKeyOf(pem: string): Promise<PublicKey> {
  const request = read(pem);
  requireStrong(request);
  let signed = false;
  try {
    signed = HASHES.includes(hashOf(request)) && (await request.verify());
  } catch {
    // A signature that the algorithm cannot even read is a wrong one.
  }
  if (signed) return request.publicKey;
  throw refuse('csr-signature-wrong', {
    ja: '証明書の要求（CSR）の署名が正しくありません。機器の秘密鍵で、SHA-256 を使って作り直してください。',
    en: 'The signature of the certificate request (CSR) is wrong. Make it again with the device’s private key and SHA-256.',
  });
}

function read(pem: string): Pkcs10CertificateRequest {
  try {
    if (pem.length > REQUEST_LIMIT || !/-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(pem)) throw new Error('no PEM of a request');
    return new Pkcs10CertificateRequest(pem.replaceAll(' NEW CERTIFICATE', ' CERTIFICATE'));
  } catch (error) {
    throw refuse(
      'csr-unreadable',
      {
        ja: '証明書の要求（CSR）として読めません。「-----BEGIN CERTIFICATE REQUEST-----」から始まる PEM を入れてください。',
        en: 'This is no certificate request (CSR). Give the PEM text that begins with “-----BEGIN CERTIFICATE REQUEST-----”.',
      },
      error,
    );
  }
}

function requireStrong(request: Pkcs10CertificateRequest) {
  let key: KeyObject | undefined;
  try {
    key = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
  } catch {
    // A curve or kind that OpenSSL does not know.
  }
  if (key && isStrong(key)) return;
  throw refuse('csr-key-weak', {
    ja: 'この鍵は使えません。EC の P-256（または P-384、P-521）、Ed25519、または 2048 ビット以上の RSA で作り直してください。',
    en: 'This key cannot be used. Make one of EC P-256 (or P-384, P-521), Ed25519, or RSA of at least 2,048 bits.',
  });
}

function isStrong({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): boolean {
  if (type === 'ed25519') return true;
  if (type === 'ec') return CURVES.includes(details?.namedCurve ?? '');
  const bits = details?.modulusLength ?? 0;
  // Exponents below 65,537 have made weak padding fatal (FIPS 186-5, section 5.1).
  return type === 'rsa' && bits >= RSA_BITS[0] && bits <= RSA_BITS[1] && (details?.publicExponent ?? 0n) >= 65_537n;
}

/** Ed25519 brings its own hash (RFC 8032: SHA-512). */
function hashOf({ signatureAlgorithm }: Pkcs10CertificateRequest): string {
  const { name, hash } = signatureAlgorithm as { name: string; hash?: { name: string } };
  return name === 'Ed25519' || name === 'EdDSA' ? 'SHA-512' : (hash?.name ?? '');
}
