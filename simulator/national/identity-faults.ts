// ID tokens as an attacker or a broken provider would make them, for tests of those who must refuse them.
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export const FAULTS = [
  'alg-none',
  'hs256-with-public-key',
  'rs256',
  'other-key',
  'kid-elsewhere',
  'wrong-nonce',
  'wrong-audience',
  'audience-beside',
  'wrong-issuer',
  'expired',
  'from-long-ago',
  'other-subject',
] as const;
export type Fault = (typeof FAULTS)[number];

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The token, changed as the fault says and signed as it says; otherwise with the provider's own `key`. */
export async function forged(fault: Fault, token: string, key: KeyObject, kid: string): Promise<string> {
  const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
  const now = Math.floor(Date.now() / 1000);
  const es256 = (changed: object, header: object = {}, by: KeyObject = key) => {
    const signed = `${part({ alg: 'ES256', typ: 'JWT', kid, ...header })}.${part({ ...claims, ...changed })}`;
    return `${signed}.${sign('sha256', Buffer.from(signed), { key: by, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  switch (fault) {
    case 'alg-none':
      return `${part({ alg: 'none' })}.${part(claims)}.`;
    case 'hs256-with-public-key': {
      const signed = `${part({ alg: 'HS256', kid })}.${part(claims)}`;
      const secret = createPublicKey(key).export({ type: 'spki', format: 'pem' });
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
    }
    case 'rs256': {
      const signed = `${part({ alg: 'RS256', kid })}.${part(claims)}`;
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
    }
    case 'other-key':
      return es256({}, {}, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
    case 'kid-elsewhere': {
      // The header brings its own key and says where more are.
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const jwk = own.publicKey.export({ format: 'jwk' });
      return es256({}, { kid: 'mine', jku: 'http://localhost:9/keys', jwk }, own.privateKey);
    }
    case 'wrong-nonce':
      return es256({ nonce: 'of another attempt' });
    case 'wrong-audience':
      return es256({ aud: 'another-party' });
    case 'audience-beside':
      return es256({ aud: [claims.aud, 'another-party'], azp: 'another-party' });
    case 'wrong-issuer':
      return es256({ iss: 'http://localhost:9' });
    case 'expired':
      return es256({ iat: now - 400, exp: now - 100 });
    case 'from-long-ago':
      return es256({ iat: now - 86_400, exp: now + 86_400 });
    case 'other-subject':
      return es256({ sub: 'somebody else' });
  }
}
