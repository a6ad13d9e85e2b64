// The signing port: certificates of who signs, and a signature over given bytes. A card or a service outside makes it, or the hub itself.
import { createECDH, createHash, createPrivateKey, createPublicKey, type KeyObject, sign, webcrypto } from 'node:crypto';
import { z } from 'zod';
import { X509Certificate, X509CertificateGenerator } from '../../../devices/x509.ts';
import { Problem } from '../../http/problem.ts';

/** Who confirms, as the record names them. */
export interface SignerPerson {
  name: string;
  /** 医籍登録番号; null when the record has none. */
  registration: string | null;
}

export interface Signing {
  /** DER, the signer's own first, then who issued it. */
  certificates: Buffer[];
  /** ECDSA over SHA-256 of `input` on P-256 as r and s, 64 bytes (RFC 7518 section 3.4). */
  sign(input: Buffer): Promise<Buffer>;
}

export interface Signer {
  /** @throws Problem 503 when the signer is away, 403 when it has no certificate for this person */
  begin(who: SignerPerson): Promise<Signing>;
}

const REQUEST_MS = 10_000;
const Certificates = z.object({ key: z.string(), x5c: z.array(z.string()).min(1).max(5) });
const Signature = z.object({ signature: z.string() });

const signerAway = (cause: unknown) =>
  new Problem(
    503,
    'signer-away',
    {
      ja: '署名サービスにつながりません。下書きは残っています。少し待って、もう一度「確定」を押してください。',
      en: 'The signing service cannot be reached. The draft is kept. Wait a little, then confirm again.',
    },
    { cause },
  );

/**
 * A signing service outside, such as one that speaks to a doctor's HPKI card: it is told the name, the registration number and a SHA-256 digest,
 * never the document. `POST certificates {name, registration}` → `{key, x5c}`, `POST signatures {key, algorithm, digest}` → `{signature}`.
 */
export function signingService(url: string, { fetch: ask = fetch }: { fetch?: typeof fetch } = {}): Signer {
  const base = url.endsWith('/') ? url : `${url}/`;
  async function post<T extends z.ZodType>(path: string, body: unknown, schema: T): Promise<z.infer<T>> {
    let response: Response;
    try {
      const headers = { 'content-type': 'application/json' };
      response = await ask(new URL(path, base), {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(REQUEST_MS),
      });
    } catch (error) {
      throw signerAway(error);
    }
    if (response.status === 403 || response.status === 404) {
      throw new Problem(403, 'signer-unknown', {
        ja: '署名サービスに、あなたの証明書がありません。医籍登録番号が正しいか、管理者にきいてください。',
        en: 'The signing service has no certificate for you. Ask the administrator whether your registration number is right.',
      });
    }
    const answer = response.ok ? schema.safeParse(await response.json().catch(() => null)) : undefined;
    if (!answer?.success) throw signerAway(new Error(`the signing service answered ${response.status}`));
    return answer.data;
  }
  return {
    async begin(who) {
      const { key, x5c } = await post('certificates', who, Certificates);
      return {
        certificates: x5c.map(der => Buffer.from(der, 'base64')),
        async sign(input) {
          const digest = createHash('sha256').update(input).digest('base64url');
          const { signature } = await post('signatures', { key, algorithm: 'ES256', digest }, Signature);
          return Buffer.from(signature, 'base64url');
        },
      };
    },
  };
}

/** Common name of the hub's own certificate: it says of itself what it is. */
export const LOCAL_SIGNER_NAME = 'Remote care hub: local signature, no personal certificate';
/** The longest that X.509 can say: the key is as old as the hub's secret. */
const NEVER = new Date('9999-12-31T23:59:59Z');

/**
 * The hub's own signer, for where no signing service is configured: one key for all, from the hub's secret, so that every node has the same.
 * It proves that the content was not changed since this hub confirmed it, and not who held a card.
 */
export async function localSigner(seed: Buffer): Promise<Signer & { certificate: Buffer }> {
  const key = keyFrom(seed);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const imported = async (format: 'pkcs8' | 'spki', object: KeyObject, usage: 'sign' | 'verify') =>
    webcrypto.subtle.importKey(format, new Uint8Array(object.export({ format: 'der', type: format as 'pkcs8' })), algorithm, true, [usage]);
  const keys = { privateKey: await imported('pkcs8', key, 'sign'), publicKey: await imported('spki', createPublicKey(key), 'verify') };
  const made = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${LOCAL_SIGNER_NAME.replaceAll(',', '\\,')}`,
    notBefore: new Date('2020-01-01T00:00:00Z'),
    notAfter: NEVER,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    keys: keys as CryptoKeyPair,
  });
  const certificate = Buffer.from(new X509Certificate(made.rawData).rawData);
  const signing: Signing = {
    certificates: [certificate],
    sign: async input => sign('sha256', input, { key, dsaEncoding: 'ieee-p1363' }),
  };
  return { certificate, begin: async () => signing };
}

/** A P-256 key from 32 bytes of secret: the first of a row of hashes that is a valid scalar (almost always the first). */
function keyFrom(seed: Buffer): KeyObject {
  const curve = createECDH('prime256v1');
  for (let counter = 0; ; counter++) {
    const scalar = createHash('sha256')
      .update('document signer')
      .update(seed)
      .update(Buffer.from([counter]))
      .digest();
    try {
      curve.setPrivateKey(scalar);
    } catch {
      continue;
    }
    const point = curve.getPublicKey();
    const [x, y] = [point.subarray(1, 33), point.subarray(33, 65)].map(part => part.toString('base64url'));
    return createPrivateKey({ key: { kty: 'EC', crv: 'P-256', d: scalar.toString('base64url'), x, y }, format: 'jwk' });
  }
}
