// The door of the pages as the configuration wants it: plain, behind a proxy, or TLS with a given certificate or one of the hub's authority.
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { keepCertificate, openDoor, trustPage } from '../http/index.ts';
import type { Authority } from '../identity/index.ts';

/**
 * The server, not listening yet; by which names it is spoken to; and the page that gives out the authority, where that is the hub's own.
 * @throws Error when a given certificate cannot be used
 */
export async function doorOf({ http, door }: Config, authority: Authority | undefined, log: Logger) {
  const { tls, names, redirectPort } = door;
  const secure = tls === 'own' || typeof tls === 'object';
  const trust = tls === 'own' && authority ? trustPage(authority.caPem) : undefined;
  // On the screen of who starts the hub: what people compare before they trust the authority.
  if (trust) console.log(`Tablets and computers trust this hub by ${http.publicUrl}/trust: SHA-256 ${trust.fingerprint}`);
  const certificate = secure
    ? await keepCertificate({
        given: typeof tls === 'object' ? tls.given : undefined,
        issue: () => (authority ? authority.serverCertificate(hostsOf(http, names)) : Promise.reject(new Error('there is no authority'))),
        name: 'pages',
        log,
      })
    : undefined;
  return {
    ...openDoor({ ...http, redirectPort, certificate, plain: trust?.answer }),
    doors: { publicUrl: http.publicUrl, names },
    proxied: tls === 'proxy',
    trust,
  };
}

/** Names and addresses that browsers reach the hub by. */
function hostsOf({ publicUrl, host }: Config['http'], names: string[]): string[] {
  const listening = ['0.0.0.0', '::'].includes(host) ? [] : [host];
  const own = new URL(publicUrl).hostname.replace(/^\[|\]$/g, '');
  return [...new Set([own, ...names, ...listening, 'localhost', '127.0.0.1', '::1'])];
}
