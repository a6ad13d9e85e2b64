// The report of a conformance run: canonical JSON with a detached signature, made and verified here.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Text } from '../refusal.ts';
import type { Observed } from './observed.ts';
import type { Check } from './verdict.ts';

export interface Report {
  format: 'remote-care-hub conformance report 1';
  facility: string;
  device: string;
  /** Address of the hub that observed the device at its own broker; missing when the maker's command was itself the broker. */
  hub?: string;
  profile: { id: string; name: Text } | null;
  /** ISO times, UTC. */
  startedAt: string;
  endedAt: string;
  /** What the device sent, in numbers. */
  seen: { connections: number; messages: number };
  result: 'pass' | 'fail';
  checks: Check[];
}
export interface SignedReport extends Report {
  /** Public key of the signature (JWK, RFC 7517) with its thumbprint (RFC 7638) as `kid`. */
  key: JsonWebKey;
  /** Detached JWS (RFC 7515 appendix F) over the canonical JSON (RFC 8785) of everything else in the report. */
  signature: string;
}

export function reportOf(observed: Observed, profile: Report['profile'], checks: Check[], hub?: string): Report {
  return {
    format: 'remote-care-hub conformance report 1',
    facility: observed.facility,
    device: observed.device,
    ...(hub ? { hub } : {}),
    profile,
    startedAt: new Date(observed.startedAt).toISOString(),
    endedAt: new Date(observed.endedAt).toISOString(),
    seen: { connections: observed.connections.length, messages: observed.messages.length },
    result: checks.some(check => check.status === 'fail') ? 'fail' : 'pass',
    checks,
  };
}

/** Canonical JSON (RFC 8785): keys sorted by UTF-16 code units, no spaces, numbers and strings as ECMAScript writes them. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

/** Thumbprint of a public key, base64url SHA-256 (RFC 7638 section 3). */
export function thumbprint({ kty, crv, x, y }: JsonWebKey): string {
  return createHash('sha256').update(canonical({ kty, crv, x, y })).digest('base64url');
}

/**
 * The key of a folder: `conformance-key.pem`, made once and kept for its owner only; or the one in `file`.
 * @throws Error when the key is neither Ed25519 nor P-256.
 */
export function signingKey(folder: string, file?: string): KeyObject {
  const kept = file ?? path.join(folder, 'conformance-key.pem');
  if (!file && !existsSync(kept)) {
    mkdirSync(folder, { recursive: true });
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(kept, pem, { mode: 0o600, flag: 'wx' });
  }
  const key = createPrivateKey(readFileSync(kept));
  if (!algorithmOf(createPublicKey(key).export({ format: 'jwk' })))
    throw new Error(`${kept}: the key must be Ed25519 or EC P-256 (PKCS #8, PEM)`);
  return key;
}

const algorithmOf = ({ kty, crv }: JsonWebKey): 'EdDSA' | 'ES256' | null =>
  kty === 'OKP' && crv === 'Ed25519' ? 'EdDSA' : kty === 'EC' && crv === 'P-256' ? 'ES256' : null;

/** What node:crypto needs: Ed25519 hashes by itself, ES256 is r and s side by side (RFC 7518 section 3.4). */
const digestOf = (algorithm: 'EdDSA' | 'ES256') => (algorithm === 'ES256' ? 'sha256' : null);
const keyFor = (algorithm: 'EdDSA' | 'ES256', key: KeyObject) =>
  algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' as const } : key;

const signingInput = (header: string, payload: unknown) =>
  Buffer.from(`${header}.${Buffer.from(canonical(payload)).toString('base64url')}`);

/** @returns The content of `report.json`. */
export function signReport(report: Report, privateKey: KeyObject): string {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const algorithm = algorithmOf(jwk);
  if (!algorithm) throw new Error('the key must be Ed25519 or EC P-256');
  const key = { ...jwk, kid: thumbprint(jwk) };
  const header = Buffer.from(canonical({ alg: algorithm, kid: key.kid })).toString('base64url');
  const payload = { ...report, key };
  const signature = signBytes(digestOf(algorithm), signingInput(header, payload), keyFor(algorithm, privateKey));
  return canonical({ ...payload, signature: `${header}..${signature.toString('base64url')}` });
}

/**
 * Whether a report is as it was signed. It proves that nothing was changed, and that the holder of the key with this thumbprint signed;
 * whose key that is must be known from elsewhere.
 * @throws Error saying what is wrong.
 */
export function verifyReport(content: string): SignedReport {
  let report: SignedReport;
  try {
    report = JSON.parse(content) as SignedReport;
  } catch (cause) {
    throw new Error('the report is not JSON', { cause });
  }
  if (canonical(report) !== content) throw new Error('the report is not canonical JSON: it was changed after it was signed');
  const { signature, ...payload } = report;
  const [header, detached, value, ...more] = String(signature ?? '').split('.');
  if (!header || detached !== '' || !value || more.length || !payload.key) throw new Error('the report has no signature');
  const algorithm = algorithmOf(payload.key);
  const stated = Buffer.from(header, 'base64url').toString();
  const kid = thumbprint(payload.key);
  // Nothing is taken from the header: it must be the very one that this key makes.
  if (!algorithm || payload.key.kid !== kid || stated !== canonical({ alg: algorithm, kid }) || !isBase64url(header) || !isBase64url(value))
    throw new Error('the signature does not fit the key in the report');
  const key = createPublicKey({ key: payload.key, format: 'jwk' });
  if (!verifyBytes(digestOf(algorithm), signingInput(header, payload), keyFor(algorithm, key), Buffer.from(value, 'base64url')))
    throw new Error('the signature is wrong: the report was changed after it was signed');
  return report;
}

/** Written the one way it can be written: unused bits of the last letter are zero. */
const isBase64url = (text: string) => Buffer.from(text, 'base64url').toString('base64url') === text;
