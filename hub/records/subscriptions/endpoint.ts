// Where a rest-hook may lead: out of the hub's own network, by HTTPS; other hosts only when the configuration names them.
import { type LookupAddress, lookup } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';

const REQUEST_MS = 10_000;

/** Addresses that are nobody's on the internet (RFC 6890): a subscriber must not make the hub ask its own machines. */
const OWN_NETWORK = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  OWN_NETWORK.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of [
  ['::', 128],
  ['::1', 128],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  OWN_NETWORK.addSubnet(net, bits, 'ipv6');

const isOwn = (address: string) => OWN_NETWORK.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Why an endpoint cannot be used; null when it can. `hosts` are those of the configuration (`name` or `name:port`). */
export function endpointFault(endpoint: string | undefined, hosts: readonly string[]): { ja: string; en: string } | null {
  if (!endpoint || !URL.canParse(endpoint)) return { ja: 'endpoint がアドレスではありません。', en: 'endpoint is no address.' };
  const url = new URL(endpoint);
  if (url.username || url.password)
    return { ja: 'endpoint に名前や合言葉は書けません。', en: 'endpoint must not hold a name or password.' };
  if (hosts.includes(url.host) && /^https?:$/.test(url.protocol)) return null;
  if (url.protocol !== 'https:') return { ja: 'endpoint は https だけです。', en: 'endpoint must be https.' };
  const name = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const inside = isIP(name) ? isOwn(name) : !name.includes('.') || /\.(localhost|local|internal|home\.arpa)$/.test(name);
  return inside ? { ja: 'endpoint が外のアドレスではありません。', en: 'endpoint does not lead out of this network.' } : null;
}

/** Looks a name up and takes it only when all its addresses are outside: what is connected to is what was looked at. */
const lookupOutside: LookupFunction = (name, options, done) => {
  lookup(name, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const own = error ? undefined : addresses.find(({ address }) => isOwn(address));
    const [first] = addresses ?? [];
    if (error || own || !first) return done(error ?? Object.assign(new Error('leads into the own network'), { code: 'EOWNNET' }), '', 0);
    if (options.all) done(null, addresses);
    else done(null, first.address, first.family);
  });
};

export interface Hook {
  method: 'POST' | 'PUT';
  url: string;
  headers: Record<string, string>;
  body?: string;
}

/** Sends one notification. Redirects are not followed. @throws Error unless the answer is 2xx within ten seconds */
export async function send({ method, url, headers, body = '' }: Hook, hosts: readonly string[]): Promise<void> {
  const fault = endpointFault(url, hosts);
  if (fault) throw new Error(fault.en);
  const target = new URL(url);
  const given = hosts.includes(target.host);
  const request = target.protocol === 'https:' ? requestHttps : requestHttp;
  const status = await new Promise<number>((resolve, reject) => {
    const sent = request(
      target,
      {
        method,
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        ...(given ? {} : { lookup: lookupOutside }),
        signal: AbortSignal.timeout(REQUEST_MS),
        agent: false,
      },
      response => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
  if (status < 200 || status > 299) throw new Error(`answered ${status}`);
}
