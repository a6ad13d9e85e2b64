// The gateway's certificate towards the hub: the one it was given, and the ones it has got since. A new one is tried before the old is given up.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import { gatewayUsername, holderOf, identityUri } from '../devices/index.ts';
import { newRequest } from '../devices/request.ts';

/** A certificate is renewed when it holds for no longer than this, ms. */
export const RENEW_BEFORE = 30 * 86_400_000;
/** A new certificate with which the hub did not let the gateway in, or a request without an answer, is followed by the next one so late, ms. */
const AGAIN_AFTER = 6 * 3_600_000;
const ANSWER_WITHIN = 60_000;
/** Faults of the network: they say nothing of a certificate. */
const NETWORK = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'ETIMEDOUT', 'EADDRNOTAVAIL'];

/** A private key (PKCS#8 PEM) and its certificate with the authorities between (PEM), which go together. */
export interface KeyAndCertificate {
  key: string;
  cert: string;
  /** ms since 1970. */
  notBefore: number;
  notAfter: number;
}

export interface GatewayIdentityOptions {
  certFile: string;
  keyFile: string;
  /** Renewed ones are kept here: `identity.pem`, and `identity.new.pem` while it is tried. Key and certificate in one file cannot disagree. */
  dataDirectory: string;
  facility: string;
  log: Logger;
  /** ms since 1970. */
  now?: () => number;
}

export class GatewayIdentity {
  readonly #options: Required<GatewayIdentityOptions>;
  #current: KeyAndCertificate;
  /** Got and not yet proven. */
  #next: KeyAndCertificate | null;
  #tryNext = true;
  #request: { key: string; at: number } | null = null;
  #notBefore = 0;
  #asked = false;

  /** @throws Error naming the file that cannot be used, and why. */
  constructor(options: GatewayIdentityOptions) {
    this.#options = { now: Date.now, ...options };
    const given = read(options.keyFile, options.certFile);
    const renewed = readIf(this.#file('identity.pem'));
    // A person who put a newer certificate in place means it.
    this.#current = renewed && renewed.notBefore > given.notBefore ? renewed : given;
    this.#next = readIf(this.#file('identity.new.pem'));
    if (renewed && this.#current === renewed) this.#notBefore = statSync(this.#file('identity.pem')).mtimeMs + AGAIN_AFTER;
  }

  /** What the next connection signs in with. */
  get offered(): KeyAndCertificate {
    return this.#next && this.#tryNext ? this.#next : this.#current;
  }
  get notAfter(): number {
    return this.#current.notAfter;
  }

  /** The hub let the gateway in with `offered`. */
  connected(): void {
    if (!this.#next) return;
    if (this.#tryNext) {
      renameSync(this.#file('identity.new.pem'), this.#file('identity.pem'));
      this.#current = this.#next;
      this.#asked = false;
      // The hub's wish is a retained message: it may be said once more before the hub has taken it back.
      this.#notBefore = this.#options.now() + AGAIN_AFTER;
      this.#options.log.info({ notAfter: new Date(this.#current.notAfter).toISOString() }, 'the new certificate is in use');
    } else {
      rmSync(this.#file('identity.new.pem'), { force: true });
      this.#notBefore = this.#options.now() + AGAIN_AFTER;
      this.#options.log.error({}, 'the hub does not take the new certificate; the old one stays');
    }
    this.#next = null;
    this.#tryNext = true;
  }

  /** The hub did not let the gateway in with `offered`: the other one is next. @param code Of the system's error, if it was one. */
  failed(code: string | undefined): void {
    if (this.#next && !NETWORK.includes(code ?? '')) this.#tryNext = !this.#tryNext;
  }

  /** The hub asks for a renewal. */
  ask(): void {
    this.#asked = true;
  }

  /**
   * A request for a new certificate (PKCS#10, RFC 2986, PEM) with a new key, when it is time: 30 days before the end, or when the hub asked.
   * @returns null when it is not, or when one is under way.
   */
  async request(): Promise<string | null> {
    const now = this.#options.now();
    const due = this.#asked || this.#current.notAfter - now < RENEW_BEFORE;
    if (!due || this.#next || now < this.#notBefore || (this.#request && now - this.#request.at < ANSWER_WITHIN)) return null;
    this.#request = { key: '', at: now };
    const { csr, key } = await newRequest(gatewayUsername(this.#options.facility));
    this.#request = { key, at: now };
    return csr;
  }

  /**
   * The hub's answer: certificates in PEM, the gateway's own first. It is on disk before it is used.
   * @returns whether to connect anew with it.
   */
  take(pem: string): boolean {
    if (!this.#request?.key) return false;
    const { key } = this.#request;
    const fault = this.#fault(pem, key);
    if (fault) {
      this.#notBefore = this.#options.now() + AGAIN_AFTER;
      this.#request = null;
      this.#options.log.error({ reason: fault }, 'the hub’s new certificate cannot be used; the old one stays');
      return false;
    }
    writeAtomically(this.#file('identity.new.pem'), `${key.trim()}\n${pem.trim()}\n`);
    this.#next = readIf(this.#file('identity.new.pem'));
    this.#tryNext = true;
    this.#request = null;
    return this.#next !== null;
  }

  #file = (name: string) => path.join(this.#options.dataDirectory, name);

  #fault(pem: string, key: string): string | null {
    try {
      const certificate = new X509Certificate(pem);
      if (!certificate.checkPrivateKey(createPrivateKey(key))) return 'it is for another key';
      if (Date.parse(certificate.validTo) <= this.#options.now()) return 'it has ended';
      // The common name may be shortened; the identity is the alternative name.
      const holder = holderOf(certificate);
      const { facility } = this.#options;
      if (holder?.kind === 'gateway' && holder.facility === facility) return null;
      return `it does not name ${identityUri({ kind: 'gateway', facility })}`;
    } catch {
      return 'it is no certificate in PEM';
    }
  }
}

function read(keyFile: string, certFile: string): KeyAndCertificate {
  const key = content('EDGE_KEY', keyFile);
  const cert = content('EDGE_CERT', certFile);
  try {
    return parse(key, cert);
  } catch (cause) {
    throw new Error(`EDGE_CERT ${certFile} and EDGE_KEY ${keyFile} are no certificate and key (PEM) that go together`, { cause });
  }
}
function content(variable: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`${variable}: the file ${file} cannot be read`, { cause });
  }
}
/** @returns null when it is not there, or cut short. */
function readIf(file: string): KeyAndCertificate | null {
  try {
    const both = readFileSync(file, 'utf8');
    const split = both.indexOf('-----BEGIN CERTIFICATE-----');
    return parse(both.slice(0, split), both.slice(split));
  } catch {
    return null;
  }
}
function parse(key: string, cert: string): KeyAndCertificate {
  const certificate = new X509Certificate(cert);
  if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error('the certificate is for another key');
  return { key, cert, notBefore: Date.parse(certificate.validFrom), notAfter: Date.parse(certificate.validTo) };
}
function writeAtomically(file: string, text: string) {
  const draft = `${file}.draft`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  renameSync(draft, file);
}
