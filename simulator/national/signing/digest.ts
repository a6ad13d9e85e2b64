// A signature over a digest, as a card makes it: ECDSA on P-256 (FIPS 186-5 section 6.4.1). Node signs data, not digests, so the last step is done here.
import { createECDH, type KeyObject } from 'node:crypto';

/** Order of the group P-256 (SEC 2 section 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const numberOf = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const bytesOf = (number: bigint) => Buffer.from(number.toString(16).padStart(64, '0'), 'hex');
const modulo = (number: bigint) => ((number % ORDER) + ORDER) % ORDER;

/** The inverse modulo the order, by Fermat's little theorem (the order is prime). */
function inverse(number: bigint): bigint {
  let [result, base, exponent] = [1n, modulo(number), ORDER - 2n];
  for (; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % ORDER;
    base = (base * base) % ORDER;
  }
  return result;
}

/** r and s, 64 bytes (RFC 7518 section 3.4). @param digest 32 bytes */
export function signDigest(key: KeyObject, digest: Buffer): Buffer {
  const secret = numberOf(Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url'));
  for (;;) {
    const once = createECDH('prime256v1');
    // The public key of a random number is that multiple of the base point: its x gives r.
    const r = modulo(numberOf(once.generateKeys().subarray(1, 33)));
    const s = modulo(inverse(numberOf(once.getPrivateKey())) * modulo(numberOf(digest) + r * secret));
    if (r !== 0n && s !== 0n) return Buffer.concat([bytesOf(r), bytesOf(s)]);
  }
}
