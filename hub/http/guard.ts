// Who may speak to the hub at all: requests to its own names, and changes from its own pages (DNS rebinding, cross-site request forgery).
import { isIP } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import { Problem } from './problem.ts';
import type { HubEnv } from './server-types.ts';

export interface Doors {
  /** How browsers reach the hub. */
  publicUrl: string;
  /** Further names that it answers to, without port. */
  names: readonly string[];
}

/** What a guard looks at: of an HTTP request, or of a socket's handshake. */
export interface Knock {
  method: string;
  /** With port. */
  host: string | undefined;
  header(name: string): string | undefined;
}

const SAFE = ['GET', 'HEAD', 'OPTIONS'];
/** Types that any page may send to any site without asking first (Fetch standard, CORS-safelisted request-header). */
const SIMPLE = /^(application\/x-www-form-urlencoded|multipart\/form-data|text\/plain)\b/i;

/** Why a request is not even looked at; undefined when it is. */
export function refusalOf(knock: Knock, doors: Doors): Problem | undefined {
  if (!isOwnHost(knock.host, doors)) return otherHost();
  const site = knock.header('sec-fetch-site');
  const fromElsewhere = site === 'cross-site' || site === 'same-site';
  // A link from another site leads to the hub; nothing else of another site gets an answer (Fetch Metadata).
  if (SAFE.includes(knock.method)) return fromElsewhere && knock.header('sec-fetch-mode') !== 'navigate' ? otherOrigin() : undefined;
  const origin = knock.header('origin');
  if (fromElsewhere || (origin !== undefined && !isOwnOrigin(origin, knock.host, doors))) return otherOrigin();
  // What a form can send must say that it comes from here, where a cookie would speak for somebody.
  const known = origin !== undefined || site === 'same-origin';
  if (!known && knock.header('cookie') && SIMPLE.test(knock.header('content-type') ?? '')) return otherOrigin();
  return undefined;
}

/** Addresses cannot be rebound, and `localhost` is the machine's own: other names must be known (DNS rebinding). */
function isOwnHost(host: string | undefined, { publicUrl, names }: Doors): boolean {
  if (!host || !URL.canParse(`http://${host}`)) return false;
  const { hostname } = new URL(`http://${host}`);
  const name = hostname.replace(/\.$/, '');
  return (
    isIP(name.replace(/^\[|\]$/g, '')) !== 0 ||
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === new URL(publicUrl).hostname ||
    names.some(known => known.toLowerCase() === name)
  );
}

/** The page's address is the one that was asked, or the public one (a proxy may ask under another); `null` is nobody's. */
function isOwnOrigin(origin: string, host: string | undefined, { publicUrl }: Doors): boolean {
  if (!URL.canParse(origin)) return false;
  const [page, own] = [new URL(origin), new URL(publicUrl)];
  if (page.origin === own.origin) return true;
  const secure = own.protocol === 'https:' ? page.protocol === 'https:' : /^https?:$/.test(page.protocol);
  return secure && page.host === host;
}

export const guarded =
  (doors: Doors): MiddlewareHandler<HubEnv> =>
  async (context, next) => {
    const { req } = context;
    const refusal = refusalOf({ method: req.method, host: new URL(req.url).host, header: name => req.header(name) }, doors);
    if (refusal) throw refusal;
    await next();
  };

const otherOrigin = () =>
  new Problem(403, 'other-origin', {
    ja: 'ほかのサイトからの操作は受け付けません。',
    en: 'Requests from other sites are not accepted.',
  });
const otherHost = () =>
  new Problem(421, 'other-host', {
    ja: 'このサーバーは、その名前では応答しません。管理者は HUB_PUBLIC_URL か HUB_HOSTS にその名前を加えてください。',
    en: 'This server does not answer to that name. The administrator adds it to HUB_PUBLIC_URL or HUB_HOSTS.',
  });
