// The broker's second door: MQTT over TLS. Clients may show a certificate of the hub's authority in place of a secret.
import type { Socket } from 'node:net';
import { createServer, type Server } from 'node:tls';
import type { Logger } from 'pino';
import { keepCertificate } from '../http/index.ts';
import type { Authority } from '../identity/index.ts';

/** Who connects and does not finish the handshake is cut after so long, ms. */
const HANDSHAKE = 10_000;

export interface TlsOptions {
  port: number;
  /** Names and addresses that clients reach the broker by, for the certificate that the hub makes itself. */
  hosts: string[];
  /** Files (PEM) of a certificate that is given instead, e.g. of a public authority. */
  given?: { certificate: string; key: string };
  authority: Authority;
}

/**
 * A server for TLS 1.2 and above, not listening yet. It asks each client for a certificate and lets in who has none: they sign in by secret.
 * What a shown certificate is worth is `clientOf`'s to say, so that a client gets its answer in MQTT.
 */
export async function openTls(
  options: TlsOptions,
  accept: (socket: Socket) => void,
  log: Logger,
): Promise<{ server: Server; close(): void }> {
  const { authority, hosts, given } = options;
  const certificate = await keepCertificate({ given, issue: () => authority.serverCertificate(hosts), log, name: 'broker' });
  // A client cannot make the server work again and again on one connection.
  const always = { ca: authority.caPem, minVersion: 'TLSv1.2', secureOptions: SSL_OP_NO_RENEGOTIATION } as const;
  const server = createServer(
    { ...always, ...certificate.current(), requestCert: true, rejectUnauthorized: false, handshakeTimeout: HANDSHAKE, noDelay: true },
    accept,
  );
  server.on('tlsClientError', error => log.debug({ reason: error.message }, 'a TLS handshake failed'));
  certificate.onRenewed(pair => server.setSecureContext({ ...always, ...pair }));
  return { server, close: certificate.close };
}
/** OpenSSL's SSL_OP_NO_RENEGOTIATION, which node:constants does not name. */
const SSL_OP_NO_RENEGOTIATION = 2 ** 30;
