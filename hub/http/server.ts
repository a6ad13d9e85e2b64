// The port that browsers reach: plain behind a proxy or on the machine itself, else TLS; who comes in plain text is sent to https.
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { createServer as createNetServer, type Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { KeptCertificate } from './certificate.ts';
import { ALWAYS } from './headers.ts';
import { trustPolicy } from './trust.ts';

/** Slow and oversized requests end here: times in ms, header lines by number, headers in bytes. */
const LIMITS = {
  headersTimeout: 15_000,
  requestTimeout: 300_000,
  keepAliveTimeout: 20_000,
  connectionsCheckingInterval: 5000,
  maxHeaderSize: 16 * 1024,
} satisfies ServerOptions;
const HEADER_LINES = 100;
const CONNECTIONS = 10_000;
/** Who connects to the TLS port must say something within so long, ms. */
const FIRST_BYTE = 15_000;

/** TLS 1.3, and of 1.2 what has forward secrecy and authenticated encryption (RFC 9325, section 4.2). */
export const TLS_OPTIONS = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256',
  ].join(':'),
} satisfies SecureContextOptions;

export interface DoorOptions {
  host: string;
  port: number;
  publicUrl: string;
  /** Without it the port speaks plain HTTP. */
  certificate?: KeptCertificate;
  /** A further port in plain text that only sends to https, e.g. 80. */
  redirectPort?: number;
  /** What is answered in plain text too, before anybody can trust the certificate; null for all else. */
  plain?: (path: string) => { type: string; body: string; style: string } | null;
}

export interface Door {
  /** Requests and upgrades come here. */
  server: HttpServer | HttpsServer;
  listen(): Promise<void>;
  close(): void;
}

/** The server of the hub's pages and its interface, not listening yet. */
export function openDoor(options: DoorOptions): Door {
  const { certificate } = options;
  if (!certificate) {
    const server = bounded(createServer(LIMITS));
    return { server, listen: () => listening(server, options.port, options.host), close: () => server.closeAllConnections() };
  }
  const server = bounded(createHttpsServer({ ...LIMITS, ...TLS_OPTIONS, ...certificate.current(), handshakeTimeout: FIRST_BYTE }));
  certificate.onRenewed(pair => server.setSecureContext({ ...TLS_OPTIONS, ...pair }));
  const redirect = bounded(createServer(LIMITS, (request, response) => toHttps(request, response, options)));
  const door = createNetServer({ pauseOnConnect: false }, socket => sort(socket, server, redirect));
  door.maxConnections = CONNECTIONS;
  const open = new Set<Socket>();
  door.on('connection', socket => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return {
    server,
    async listen() {
      await listening(door, options.port, options.host);
      if (options.redirectPort !== undefined) await listening(redirect, options.redirectPort, options.host);
    },
    close() {
      certificate.close();
      door.close();
      redirect.close();
      redirect.closeAllConnections();
      server.closeAllConnections();
      for (const socket of open) socket.destroy();
    },
  };
}

function bounded<S extends HttpServer | HttpsServer>(server: S): S {
  server.maxHeadersCount = HEADER_LINES;
  server.maxConnections = CONNECTIONS;
  return server;
}

/** A connection's first byte tells what it speaks: 22 is a TLS handshake (RFC 8446, section 5.1). */
function sort(socket: Socket, tls: HttpsServer, plain: HttpServer) {
  socket.on('error', () => socket.destroy());
  socket.setTimeout(FIRST_BYTE, () => socket.destroy());
  socket.once('data', first => {
    socket.setTimeout(0);
    socket.removeAllListeners('timeout');
    socket.pause();
    socket.unshift(first);
    (first[0] === 22 ? tls : plain).emit('connection', socket);
    process.nextTick(() => socket.resume());
  });
}

/** Leads to the same place under https; forms are not sent a second time. */
function toHttps(request: IncomingMessage, response: ServerResponse, { publicUrl, plain }: DoorOptions) {
  const path = request.url?.startsWith('/') ? request.url : '/';
  for (const [name, value] of Object.entries(ALWAYS)) response.setHeader(name, value);
  response.setHeader('cache-control', 'no-store');
  response.setHeader('connection', 'close');
  const given = plain?.(path);
  response.setHeader('content-security-policy', given ? trustPolicy(given.style) : "default-src 'none'; frame-ancestors 'none'");
  if (given && (request.method === 'GET' || request.method === 'HEAD')) {
    return response.writeHead(200, { 'content-type': given.type }).end(request.method === 'HEAD' ? undefined : given.body);
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return response.writeHead(403).end();
  // Always to the hub's own name: what the request says of its host is anybody's word.
  response.writeHead(308, { location: `${new URL(publicUrl).origin}${path.replace(/^\/+/, '/')}` }).end();
}

const listening = (server: HttpServer | HttpsServer | ReturnType<typeof createNetServer>, port: number, host: string) =>
  new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
