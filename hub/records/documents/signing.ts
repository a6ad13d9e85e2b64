// What the hub signs with and whom it believes, by its configuration.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Config } from '../../config.ts';
import { Problem } from '../../http/problem.ts';
import type { SignatureTrust } from './signature.ts';
import { localSigner, type Signer, signingService } from './signer.ts';

export interface Signing {
  signer: Signer;
  /** A timestamp authority is configured. */
  stamping: boolean;
  trust: SignatureTrust;
  stampAuthorities: X509Certificate[];
}

/**
 * @param seed 32 bytes of the hub's secret, for its own signer
 * @throws Error when a file of certificates cannot be read
 */
export async function openSigning({ config, seed, log }: { config: Pick<Config, 'signing'>; seed: Buffer; log: Logger }): Promise<Signing> {
  const { signerUrl, signerCa, fallback, stampUrl, stampCa } = config.signing;
  const own = await localSigner(seed);
  if (!signerUrl) log.info('no signing service is configured (HUB_SIGNER_URL): documents carry the hub’s own signature');
  const signer = signerUrl ? (fallback === 'local' ? orElse(signingService(signerUrl), own, log) : signingService(signerUrl)) : own;
  return {
    signer,
    stamping: stampUrl !== undefined,
    trust: { authorities: certificatesIn(signerCa), own: own.certificate },
    stampAuthorities: certificatesIn(stampCa),
  };
}

/** Certificates of a PEM file; none without a file. @throws Error naming the file */
export function certificatesIn(file: string | undefined): X509Certificate[] {
  if (!file) return [];
  const found = readFileSync(file, 'utf8').match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g);
  if (!found) throw new Error(`${file} holds no certificate (PEM)`);
  return found.map(pem => new X509Certificate(pem));
}

/** Care does not wait for a service that is away: the hub signs itself, and its signature says so. */
function orElse(first: Signer, second: Signer, log: Logger): Signer {
  return {
    async begin(who) {
      try {
        return await first.begin(who);
      } catch (error) {
        if (!(error instanceof Problem) || !error.code.startsWith('signer-')) throw error;
        log.warn({ problem: error.code }, 'the signing service did not sign; the hub signs itself');
        return second.begin(who);
      }
    },
  };
}
