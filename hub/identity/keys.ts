// The hub's own signing keys (ES256), derived from its secret so that all nodes of one hub have the same.
import { createECDH, createHmac } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, importJWK, type JWK } from 'jose';

export interface SigningKey {
  kid: string;
  privateKey: CryptoKey;
  /** As published, without the private part. */
  publicJwk: JWK;
}

/** `purpose` keeps keys apart: what is signed for one cannot be passed off as the other. */
export async function signingKey(secret: string, purpose: 'oidc-client' | 'access-token'): Promise<SigningKey> {
  const curve = createECDH('prime256v1');
  const seed = createHmac('sha256', secret).update(`es256 ${purpose}`).digest();
  // A scalar beyond the curve's order (one in 2^32) is refused here; the hub then needs another secret.
  curve.setPrivateKey(seed);
  const point = curve.getPublicKey();
  const publicPart = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  };
  const kid = await calculateJwkThumbprint(publicPart);
  const privateKey = (await importJWK({ ...publicPart, d: seed.toString('base64url') }, 'ES256')) as CryptoKey;
  return { kid, privateKey, publicJwk: { ...publicPart, kid, alg: 'ES256', use: 'sig' } };
}
