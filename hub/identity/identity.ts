// Identity as the other areas use it: who sent this request, the routes of signing in, and the accounts of people.
import type { Logger } from 'pino';
import { notSignedIn, Problem, type Text } from '../http/problem.ts';
import type { Database } from '../store/index.ts';
import type { Actor, Person } from './actor.ts';
import { type LinkStore, openLinks } from './links.ts';
import { openPeople, type People, type RolesInRecord } from './people.ts';
import { openSignIn, PEER_HEADER, type SignIn } from './sign-in.ts';

export interface Identity {
  people: People;
  links: LinkStore;
  signIn: SignIn;
  publicUrl: string;
  demonstration: boolean;
  audit: Audit;
  /** The signed-in person of a request or a socket's handshake, or null. With `renew: false` the session lasts no longer by it. */
  actorOf(headers: Headers, options?: { renew?: boolean }): Promise<Person | null>;
  /** Hands a sign-in to better-auth and returns its answer with the session cookie. `peer` is the client's address, for the rate limit. */
  open(
    path: '/sign-in/email' | '/sign-in/link',
    body: object,
    request: Headers,
    peer: string,
  ): Promise<{ account: string; cookies: string[] }>;
  close(headers: Headers): Promise<string[]>;
}

/** Notification {}: a session has ended; connections that belong to one are looked at again. */
export const SESSIONS_CHANNEL = 'sessions';

export type Audit = (entry: { actor: Actor | null; action: string; what: Text; allowed: boolean }) => Promise<void>;

export interface IdentityOptions {
  database: Database;
  /** Signs the session cookies. */
  secret: string;
  publicUrl: string;
  rolesInRecord: RolesInRecord;
  audit: Audit;
  demonstration: boolean;
  log: Logger;
}

export function openIdentity(options: IdentityOptions): Identity {
  const { database, secret, publicUrl, audit } = options;
  const links = openLinks(database);
  const people = openPeople(database, options.rolesInRecord);
  const signIn = openSignIn({ pool: database.pool, secret, publicUrl, links });
  return {
    people,
    links,
    signIn,
    publicUrl,
    demonstration: options.demonstration,
    audit,
    async actorOf(headers, { renew = true } = {}) {
      const found = await signIn.api.getSession({ headers, query: { disableRefresh: !renew } });
      if (!found) return null;
      const { user, session } = found;
      const language = user.language === 'en' ? 'en' : 'ja';
      const account = {
        id: user.id,
        name: user.name,
        email: user.email,
        reference: user.reference ?? null,
        language,
        administrator: user.administrator,
      } as const;
      return {
        kind: 'person',
        account: user.id,
        session: session.id,
        name: user.name,
        reference: account.reference,
        roles: await people.roles(account),
        language,
      };
    },
    async open(path, body, request, peer) {
      const headers = new Headers({ 'content-type': 'application/json', [PEER_HEADER]: peer });
      for (const name of ['host', 'origin', 'user-agent', 'cookie']) {
        const value = request.get(name);
        if (value) headers.set(name, value);
      }
      const answer = await signIn.handler(
        new Request(`${publicUrl}/api/auth${path}`, { method: 'POST', headers, body: JSON.stringify(body) }),
      );
      if (answer.ok) {
        const content = (await answer.json()) as { account?: string; user?: { id: string } };
        return { account: content.account ?? content.user?.id ?? '', cookies: answer.headers.getSetCookie() };
      }
      await audit({ actor: null, action: 'sign-in', what: { ja: 'サインインを断りました', en: 'A sign-in was refused' }, allowed: false });
      if (answer.status === 429) {
        throw new Problem(429, 'too-many', {
          ja: '何度も試されました。1分待ってから、もう一度試してください。',
          en: 'Too many attempts. Wait a minute, then try again.',
        });
      }
      throw path === '/sign-in/link' ? linkOver() : wrongPassword();
    },
    async close(headers) {
      const answer = await signIn.api.signOut({ headers, asResponse: true });
      await database.notify(SESSIONS_CHANNEL, {});
      return answer.headers.getSetCookie();
    },
  };
}

const wrongPassword = () =>
  new Problem(401, 'wrong-password', { ja: 'メールアドレスかパスワードが違います。', en: 'The e-mail address or the password is wrong.' });
export const linkOver = () =>
  new Problem(401, 'link-over', {
    ja: 'このリンクは、もう使えません。施設の管理者に新しいリンクをもらってください。',
    en: 'This link can no longer be used. Ask your administrator for a new one.',
  });

/** @throws Problem 401 when nobody is signed in. */
export async function requirePerson(identity: Identity, headers: Headers): Promise<Person> {
  const actor = await identity.actorOf(headers);
  if (!actor) throw notSignedIn();
  return actor;
}
