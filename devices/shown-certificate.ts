// Whom a certificate of the hub's authority names, and the one that a client showed over TLS: for the hub's broker and the gateways'.
import type { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import { type Login, loginOfUri } from './topics.ts';

export type ShownCertificate =
  | {
      holder: Exclude<Login, { kind: 'hub' }>;
      /** SHA-256 of the certificate (DER), hexadecimal, lower case. */
      fingerprint: string;
    }
  | { refused: string };

/** The device or gateway in the subject alternative name (`urn:hub:…`); the common name may be shortened. Null for any other certificate. */
export function holderOf(certificate: X509Certificate): Exclude<Login, { kind: 'hub' }> | null {
  const uri = /^URI:(urn:hub:[A-Za-z0-9:-]+)$/.exec(certificate.subjectAltName ?? '')?.[1];
  return uri === undefined ? null : loginOfUri(uri);
}

/**
 * The certificate that a client showed, as far as it speaks for itself: from the authority that the listener knows, in date, for a client, and
 * naming a device or a gateway. Whether it is in force the registry says. Null without one, and without TLS.
 * @param socket Of a listener with `requestCert`.
 */
export function clientOf(socket: unknown, now = Date.now()): ShownCertificate | null {
  if (!(socket instanceof TLSSocket)) return null;
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return null;
  if (!socket.authorized) return { refused: String(socket.authorizationError ?? 'not verified') };
  // A resumed TLS session was verified in an earlier handshake.
  if (Date.parse(certificate.validTo) <= now) return { refused: 'CERT_HAS_EXPIRED' };
  const holder = holderOf(certificate);
  if (!holder) return { refused: 'names no device' };
  return { holder, fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase() };
}
