// Identity as the other areas use it: who sent this request, how well that is known, and the accounts of people.
import type { AuthenticationResponseJSON } from '@simplewebauthn/server';
import type { JWK } from 'jose';
import type { Logger } from 'pino';
import { notSignedIn, Problem, type Text } from '../http/problem.ts';
import type { Database } from '../store/index.ts';
import type { Actor, Factor, Person } from './actor.ts';
import { type Apps, openApps } from './apps.ts';
import { factorsOf, missing, type Step } from './assurance.ts';
import { type Attempts, openAttempts } from './attempts.ts';
import { type Bindings, openBindings } from './bindings.ts';
import { type Factors, openFactors } from './factors.ts';
import { signingKey } from './keys.ts';
import { type LinkStore, openLinks } from './links.ts';
import { type Oidc, type OidcProvider, openOidc, type ProviderId } from './oidc.ts';
import { type Once, openOnce } from './once.ts';
import { openPasskeys, type Passkeys } from './passkeys.ts';
import { type Account, openPeople, type People, ROLES_CHANNEL, type RolesInRecord } from './people.ts';
import { openSessions, SESSIONS_CHANNEL, type Sessions } from './sessions.ts';
import { openSignIn, PEER_HEADER, type SignIn } from './sign-in.ts';

/** A session as it stands: `step` says what is missing before it counts as signed in. */
export interface Standing {
  account: Account;
  session: string;
  factors: Factor[];
  step: Step | null;
  /** When the person last proved who they are: at sign-in, or since. */
  confirmed: Date;
}

/** A code of the authenticator app (or a backup code), or the device's answer to the question `key`. */
export type Proof = { code: string } | { key: string; answer: AuthenticationResponseJSON };

export interface Identity {
  people: People;
  links: LinkStore;
  signIn: SignIn;
  sessions: Sessions;
  factors: Factors;
  passkeys: Passkeys;
  attempts: Attempts;
  once: Once;
  bindings: Bindings;
  oidc: Oidc;
  apps: Apps;
  /** The public keys of this hub: as a client elsewhere, and of the tokens it gives. */
  keys: JWK[];
  publicUrl: string;
  demonstration: boolean;
  /** Staff need two factors. */
  twoFactors: boolean;
  audit: Audit;
  /** The signed-in person of a request or a socket's handshake, or null. With `renew: false` the session lasts no longer by it. */
  actorOf(headers: Headers, options?: { renew?: boolean }): Promise<Person | null>;
  /** The session of a request, also one whose sign-in is not finished. */
  standingOf(headers: Headers, options?: { renew?: boolean }): Promise<Standing | null>;
  /** Who acts in a session whose sign-in is finished: with the roles of now, and for whom a guardian acts. */
  personOf(standing: Standing): Promise<Person>;
  /** Opens a session for who has proven to be `account`, in place of the browser's former one; returns its cookies. */
  open(account: string, factors: readonly Factor[], request: Headers, peer: string): Promise<string[]>;
  close(headers: Headers): Promise<string[]>;
  /**
   * The fresh second factor of dangerous acts (break-glass, new factors): checks the proof and notes the time.
   * @throws Problem 401 `wrong-code`, 429
   */
  confirm(actor: Pick<Person, 'account' | 'session'>, proof: Proof, peer: string): Promise<void>;
  /** @throws Problem 403 `confirm-needed` unless the person proved who they are within `seconds`. */
  requireFresh(actor: Pick<Person, 'account' | 'session'>, seconds?: number): Promise<void>;
  /** Ends an account everywhere at once (sessions, sockets, rooms, tokens, links, messages), or undoes it. False: nothing changed. */
  endAccount(account: string, by: string): Promise<boolean>;
  reactivate(account: string): Promise<boolean>;
  stop(): Promise<void>;
}

export type Audit = (entry: { actor: Actor | null; action: string; what: Text; allowed: boolean }) => Promise<void>;

export interface IdentityOptions {
  database: Database;
  /** Signs the session cookies. */
  secret: string;
  publicUrl: string;
  rolesInRecord: RolesInRecord;
  audit: Audit;
  demonstration: boolean;
  /** Staff need two factors; false only in the demonstration and in tests. */
  twoFactors: boolean;
  /** For which patient (id) a `RelatedPerson` (id) acts; null when that is over. */
  actsFor?: (relatedPerson: string) => Promise<string | null>;
  /** Sign-ins elsewhere that are taken here. */
  providers?: Partial<Record<ProviderId, OidcProvider>>;
  log: Logger;
  now?: () => Date;
}

/** How long a proof counts as fresh, seconds. */
const FRESH_SECONDS = 300;

export async function openIdentity(options: IdentityOptions): Promise<Identity> {
  const { database, secret, publicUrl, audit, twoFactors, now = () => new Date() } = options;
  const links = openLinks(database);
  const people = openPeople(database, options.rolesInRecord, () => now().getTime());
  const signIn = openSignIn({ pool: database.pool, secret, publicUrl });
  const sessions = openSessions(database);
  const factors = openFactors({ database, signIn, secret });
  const once = openOnce(database);
  const passkeys = openPasskeys({ database, once, publicUrl });
  const attempts = openAttempts(database.pool);
  const bindings = openBindings(database);
  const oidc = await openOidc({ providers: options.providers ?? {}, secret, publicUrl, once });
  const tokenKey = await signingKey(secret, 'access-token');
  const apps = openApps({ database, people, once, key: tokenKey, publicUrl });
  const stop = await database.listen(ROLES_CHANNEL, people.forgetRoles, people.forgetRoles);

  async function standingOf(headers: Headers, { renew = true } = {}): Promise<Standing | null> {
    const found = await signIn.api.getSession({ headers, query: { disableRefresh: !renew } });
    if (!found || found.user.ended) return null;
    const { user, session } = found;
    const account: Account = {
      id: user.id,
      name: user.name,
      email: user.email,
      reference: user.reference ?? null,
      language: user.language === 'en' ? 'en' : 'ja',
      administrator: user.administrator,
      ended: null,
    };
    const held = factorsOf(session.factors);
    const patient = /^(Patient|RelatedPerson)\//.test(account.reference ?? '') && !account.administrator;
    // Only who has not proven two factors is asked what they have set up: the others pay no query for it.
    const open = missing({ factors: held, patient, enrolled: true }, twoFactors);
    const step = open && missing({ factors: held, patient, enrolled: await enrolled(account.id) }, twoFactors);
    if (renew) await sessions.touch(session.id);
    return { account, session: session.id, factors: held, step, confirmed: session.confirmed ?? session.createdAt };
  }

  async function acting(standing: Standing): Promise<Person> {
    const person = personOf(standing, await people.roles(standing.account));
    if (!person.reference?.startsWith('RelatedPerson/')) return person;
    const patient = await options.actsFor?.(person.reference.slice('RelatedPerson/'.length));
    return patient ? { ...person, actsFor: patient } : person;
  }

  async function enrolled(account: string): Promise<boolean> {
    const { password, totp } = await factors.of(account);
    return (password && totp) || (await passkeys.list(account)).length > 0;
  }

  const headersFor = (request: Headers, peer: string) => {
    const headers = new Headers({ [PEER_HEADER]: peer });
    for (const name of ['user-agent', 'cookie']) {
      const value = request.get(name);
      if (value) headers.set(name, value);
    }
    return headers;
  };

  return {
    people,
    links,
    signIn,
    sessions,
    factors,
    passkeys,
    attempts,
    once,
    bindings,
    oidc,
    apps,
    keys: [oidc.key.publicJwk, tokenKey.publicJwk],
    publicUrl,
    demonstration: options.demonstration,
    twoFactors,
    audit,
    standingOf,
    async actorOf(headers, how) {
      const standing = await standingOf(headers, how);
      if (!standing || standing.step) return null;
      return acting(standing);
    },
    personOf: acting,
    async open(account, proven, request, peer) {
      const answer = await signIn.api.openSession({
        headers: headersFor(request, peer),
        body: { account, factors: [...new Set(proven)].join(' ') },
        asResponse: true,
      });
      if (!answer.ok) throw notSignedIn();
      // The browser's former session is over: sockets that came with it are looked at again.
      await database.notify(SESSIONS_CHANNEL, {});
      return answer.headers.getSetCookie();
    },
    async close(headers) {
      const answer = await signIn.api.signOut({ headers, asResponse: true });
      await database.notify(SESSIONS_CHANNEL, {});
      return answer.headers.getSetCookie();
    },
    async confirm(actor, proof, peer) {
      await attempts.admit(actor.account, peer);
      const right =
        'code' in proof
          ? (await factors.byCode(actor.account, proof.code, now())) !== null
          : (await passkeys.prove(proof.key, proof.answer, actor.account)) !== null;
      if (!right) {
        await attempts.failed(actor.account, peer);
        throw wrongCode();
      }
      await attempts.succeeded(actor.account);
      await sessions.confirm(actor.session, now());
    },
    async requireFresh(actor, seconds = FRESH_SECONDS) {
      const at = await sessions.confirmedAt(actor.account, actor.session);
      if (!at || now().getTime() - at.getTime() > seconds * 1000) throw confirmNeeded();
    },
    async endAccount(account, by) {
      if (!(await people.end(account, by))) return false;
      await links.end(account);
      await apps.revokeOf(account);
      await sessions.endAll(account);
      return true;
    },
    reactivate: account => people.reactivate(account),
    stop,
  };
}

export function personOf({ account, session, factors }: Standing, roles: Person['roles']): Person {
  return {
    kind: 'person',
    account: account.id,
    session,
    name: account.name,
    reference: account.reference,
    roles,
    language: account.language,
    factors,
    via: 'session',
  };
}

export const wrongPassword = () =>
  new Problem(401, 'wrong-password', { ja: 'メールアドレスかパスワードが違います。', en: 'The e-mail address or the password is wrong.' });
export const wrongCode = () =>
  new Problem(401, 'wrong-code', {
    ja: '番号が違うか、もう使われました。アプリに次の番号が出たら、それを入れてください。',
    en: 'The code is wrong or was used already. Wait for the next one in the app, then enter that.',
  });
export const wrongPasskey = () =>
  new Problem(401, 'wrong-passkey', {
    ja: 'このパスキーでは入れませんでした。もう一度試すか、ほかの方法で入ってください。',
    en: 'This passkey did not work. Try again, or sign in another way.',
  });
const confirmNeeded = () =>
  new Problem(403, 'confirm-needed', {
    ja: '大切な操作です。もう一度、パスキーかアプリの番号で本人であることを確かめてください。',
    en: 'This matters: confirm once more that it is you, with your passkey or the code of your app.',
  });
export const linkOver = () =>
  new Problem(401, 'link-over', {
    ja: 'このリンクは、もう使えません。施設の管理者に新しいリンクをもらってください。',
    en: 'This link can no longer be used. Ask your administrator for a new one.',
  });
const unfinished = (step: Step) =>
  step === 'enrol'
    ? new Problem(401, 'enrol-first', {
        ja: 'はじめに、パスキーか、パスワードとアプリの番号を設定してください。',
        en: 'First set up a passkey, or a password and a code app.',
      })
    : new Problem(401, 'second-factor-needed', {
        ja: 'もう一つの確認(パスキーまたはアプリの番号)をしてください。',
        en: 'Give your second factor: a passkey or the code of your app.',
      });

/** @throws Problem 401 when nobody is signed in, or signing in is not finished. */
export async function requirePerson(identity: Identity, headers: Headers): Promise<Person> {
  const standing = await identity.standingOf(headers);
  if (!standing) throw notSignedIn();
  if (standing.step) throw unfinished(standing.step);
  return identity.personOf(standing);
}
