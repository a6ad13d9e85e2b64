// A server's certificate that is renewed while the server runs: the hub's own authority signs a new one in time, given files are read anew.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';

const DAY = 86_400_000;
/** The hub's own certificate is made anew so long before it ends, ms. */
const RENEWED_BEFORE = 30 * DAY;
/** How often given files are looked at, ms: who renews them need not tell the hub. */
const LOOK_EVERY = 60_000;

export interface KeyPair {
  cert: string;
  key: string;
}

export interface CertificateOptions {
  /** Files (PEM) of a given certificate; without them `issue` makes one. */
  given?: { certificate: string; key: string };
  issue(): Promise<{ pem: string; key: string; notAfter: Date }>;
  log: Logger;
  /** What it is for, as the log names it. */
  name: string;
  lookEvery?: number;
}

export interface KeptCertificate {
  /** What holds now. */
  current(): KeyPair;
  /** Is told each new certificate. */
  onRenewed(apply: (pair: KeyPair) => void): void;
  close(): void;
}

/** @throws Error when the first certificate cannot be had: files missing, or the key is not the certificate's */
export async function keepCertificate(options: CertificateOptions): Promise<KeptCertificate> {
  let held = await obtain(options);
  const told: ((pair: KeyPair) => void)[] = [];
  const look = async () => {
    try {
      if (!options.given && held.until - Date.now() > RENEWED_BEFORE) return;
      const next = await obtain(options);
      if (next.pair.cert === held.pair.cert && next.pair.key === held.pair.key) return;
      for (const apply of told) apply(next.pair);
      held = next;
      options.log.info({ certificate: options.name, until: new Date(next.until).toISOString() }, 'a new certificate is used');
    } catch (error) {
      options.log.error(
        { certificate: options.name, problem: (error as Error).message },
        'the certificate could not be renewed; the present one goes on',
      );
    }
  };
  const timer = setInterval(() => void look(), options.lookEvery ?? LOOK_EVERY).unref();
  return { current: () => held.pair, onRenewed: apply => told.push(apply), close: () => clearInterval(timer) };
}

async function obtain({ given, issue }: CertificateOptions): Promise<{ pair: KeyPair; until: number }> {
  if (!given) {
    const { pem, key, notAfter } = await issue();
    return { pair: { cert: pem, key }, until: notAfter.getTime() };
  }
  const [cert, key] = await Promise.all([readFile(given.certificate, 'utf8'), readFile(given.key, 'utf8')]);
  // Both files are written one after the other: a pair that does not fit is not taken.
  const certificate = new X509Certificate(cert);
  if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error(`the key in ${given.key} is not that of ${given.certificate}`);
  return { pair: { cert, key }, until: Date.parse(certificate.validTo) };
}
