// The broker's second door: MQTT over TLS. Clients may show a certificate of the hub's authority in place of a secret.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server } from 'node:tls';
import type { Logger } from 'pino';
import type { Authority } from '../identity/index.ts';

const DAY = 86_400_000;
/** The hub's own certificate is made anew so long before it ends, and given files are read anew as often, ms. */
const RENEWED_BEFORE = 30 * DAY;
const LOOK_EVERY = DAY / 2;
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
  let current = await identityOf(options);
  const server = createServer(
    {
      ...current.context,
      ca: options.authority.caPem,
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      // A client cannot make the server work again and again on one connection.
      secureOptions: SSL_OP_NO_RENEGOTIATION,
      handshakeTimeout: HANDSHAKE,
      noDelay: true,
    },
    accept,
  );
  server.on('tlsClientError', error => log.debug({ reason: error.message }, 'a TLS handshake failed'));
  const renew = async () => {
    if (current.until - Date.now() > RENEWED_BEFORE && !options.given) return;
    try {
      current = await identityOf(options);
      server.setSecureContext({ ...current.context, ca: options.authority.caPem, minVersion: 'TLSv1.2' });
    } catch (error) {
      log.error({ err: error }, 'the broker’s certificate could not be renewed; the present one goes on');
    }
  };
  const timer = setInterval(() => void renew(), LOOK_EVERY).unref();
  return { server, close: () => clearInterval(timer) };
}
/** OpenSSL's SSL_OP_NO_RENEGOTIATION, which node:constants does not name. */
const SSL_OP_NO_RENEGOTIATION = 2 ** 30;

async function identityOf({ given, hosts, authority }: TlsOptions): Promise<{ context: SecureContextOptions; until: number }> {
  if (!given) {
    const { pem, key, notAfter } = await authority.serverCertificate(hosts);
    return { context: { cert: pem, key }, until: notAfter.getTime() };
  }
  const [cert, key] = await Promise.all([readFile(given.certificate, 'utf8'), readFile(given.key, 'utf8')]);
  return { context: { cert, key }, until: Date.parse(new X509Certificate(cert).validTo) };
}
