// Security headers of every answer, also of refusals and files. Routes may set a stricter policy of their own (`giveFile`).
import type { MiddlewareHandler } from 'hono';
import type { HubEnv } from './server-types.ts';

const YEAR_SECONDS = 31_536_000;

/** What a page of the hub may load and reach: its own files, its own sockets, and nothing that is written into a page. */
export const pagePolicy = (sockets: string) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "font-src 'self'",
    // Browsers before 2022 do not count sockets among 'self'.
    `connect-src 'self' ${sockets}`,
    "worker-src 'self'",
    "manifest-src 'self'",
    "frame-src 'none'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');

/** Also for what is not answered by the application (socket.io's own answers). */
export const ALWAYS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'x-permitted-cross-domain-policies': 'none',
  'permissions-policy': 'camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=(), serial=(), midi=()',
};

/** Strict transport security for a hub with a name; on `localhost` it would shut out whatever else is served there, on any port. */
export function transportSecurity(https: boolean, host: string): string | undefined {
  const named = https && !/^(.*\.)?localhost$|^[\d.]+$|^\[/.test(host.replace(/:\d+$/, ''));
  return named ? `max-age=${YEAR_SECONDS}` : undefined;
}

/** Puts the headers onto each answer. What says nothing of being kept is kept by nobody. */
export function securityHeaders({ https }: { https: boolean }): MiddlewareHandler<HubEnv> {
  return async (context, next) => {
    await next();
    const { headers } = context.res;
    const { host } = new URL(context.req.url);
    for (const [name, value] of Object.entries(ALWAYS)) headers.set(name, value);
    const strict = transportSecurity(https, host);
    if (strict) headers.set('strict-transport-security', strict);
    if (!headers.has('content-security-policy')) headers.set('content-security-policy', pagePolicy(`${https ? 'wss' : 'ws'}://${host}`));
    if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
  };
}
