// Who a client at the broker is: by user name and secret, or by the certificate that it showed over TLS; and what CONNACK says when it is nobody.
import { setTimeout as sleep } from 'node:timers/promises';
import { clientOf, type Login, parseUsername, usernameOf } from '../../devices/index.ts';
import type { Holder } from './credentials.ts';
import type { Directory, HeldCredential } from './directory.ts';
import type { Allowance, Allowances } from './rate.ts';
import { isSecret, sha256 } from './secret.ts';

/** CONNACK return codes, MQTT 3.1.1 section 3.2.2.3. */
export const IDENTIFIER_REJECTED = 2;
export const UNAVAILABLE = 3;
const BAD_CREDENTIALS = 4;
const NOT_AUTHORIZED = 5;
/** While the registry is away a sign-in goes on without its note, ms. */
const NOTED_WITHIN = 1000;

export const refusal = (returnCode: number, message: string) => Object.assign(new Error(message), { returnCode });

export interface Session {
  login: Login;
  /** What it signed in with, in the registry; empty for the hub's own roles. */
  credential: string;
  /** When it was signed in, ms since 1970. */
  since: number;
  /** Null for the hub's own roles: they are not held back. */
  allowance: Allowance | null;
  /** When it was last told that it sends too fast, `performance.now()`. */
  toldAt?: number;
}

/** The user name in a shown certificate, before the registry was asked: good for telling sessions apart, not for rights. */
export function nameShown(socket: unknown): string | undefined {
  const shown = clientOf(socket);
  return shown && 'holder' in shown ? usernameOf(shown.holder) : undefined;
}

/**
 * @param firstUse Told of a credential that was signed in with for the first time. The sign-in waits for it for a second in the most: who
 * changes credentials right after must find this one in use.
 * @returns Signs in a connection. Rejects with a `refusal`, or with the registry's error while it cannot be read. A certificate that is
 * shown must be good: a secret does not make up for it, so that who loses one of the two is noticed.
 */
export function openSignIn({
  mqttInternal,
  directory,
  allowances,
  firstUse,
}: {
  mqttInternal: string;
  directory: Directory;
  allowances: Allowances;
  firstUse: (holder: Holder, credential: string) => Promise<void>;
}): (socket: unknown, username: string | undefined, password: Buffer | undefined) => Promise<Session> {
  const internalSha256 = sha256(mqttInternal).toString('hex');

  async function inForce(holder: Holder, isIt: (held: HeldCredential) => boolean): Promise<HeldCredential | undefined> {
    const good = (held: HeldCredential) => held.until > Date.now() && isIt(held);
    const name = usernameOf(holder);
    const known = (await directory.of(holder.facility)).credentials.get(name)?.find(good);
    // A device that was registered a moment ago.
    return known ?? (await directory.credentialsOf(name)).find(good);
  }

  async function sessionOf(login: Holder, held: HeldCredential, since: number): Promise<Session> {
    if (!held.used) {
      held.used = true;
      await Promise.race([firstUse(login, held.id), sleep(NOTED_WITHIN, undefined, { ref: false })]);
    }
    return { login, credential: held.id, since, allowance: allowances.of(login.kind, usernameOf(login), performance.now()) };
  }

  return async (socket, username, password) => {
    const since = Date.now();
    const shown = clientOf(socket);
    if (shown) {
      if ('refused' in shown) throw refusal(NOT_AUTHORIZED, `certificate: ${shown.refused}`);
      const { holder, fingerprint } = shown;
      if (username !== undefined && username !== usernameOf(holder)) throw refusal(BAD_CREDENTIALS, 'the certificate is another’s');
      const held = await inForce(holder, each => each.fingerprint === fingerprint);
      if (!held) throw refusal(NOT_AUTHORIZED, 'certificate: unknown or revoked');
      return sessionOf(holder, held, since);
    }
    const login = username === undefined ? null : parseUsername(username);
    if (!login || !password?.length) throw refusal(BAD_CREDENTIALS, 'no such username');
    if (login.kind === 'hub') {
      if (!isSecret(password, internalSha256)) throw refusal(BAD_CREDENTIALS, 'wrong secret');
      return { login, credential: '', since, allowance: null };
    }
    const held = await inForce(login, each => each.secretSha256 !== null && isSecret(password, each.secretSha256));
    if (!held) throw refusal(BAD_CREDENTIALS, 'unknown, revoked or wrong secret');
    return sessionOf(login, held, since);
  };
}
