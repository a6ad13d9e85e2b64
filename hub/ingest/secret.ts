// Secrets of devices and gateways: random enough that a fast hash is right, and compared in constant time.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** 32 random bytes in base64url, shown once. */
export const newSecret = (): string => randomBytes(32).toString('base64url');

export const sha256 = (secret: string | Buffer): Buffer => createHash('sha256').update(secret).digest();

/** Whether `given` is the secret whose hex SHA-256 is `kept`; takes the same time wherever they differ. */
export function isSecret(given: string | Buffer, kept: string): boolean {
  const expected = Buffer.from(kept, 'hex');
  return expected.length === 32 && timingSafeEqual(sha256(given), expected);
}
