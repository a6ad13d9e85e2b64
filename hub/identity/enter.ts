// Into a session: opened for who has proven to be an account, audited, and told to the page.
import type { Context } from 'hono';
import { type HubEnv, notSignedIn, peerOf } from '../http/index.ts';
import type { Factor } from './actor.ts';
import type { SessionView } from './contract.ts';
import { type Identity, personOf, type Standing } from './identity.ts';

/** Whoever has a session, finished or not. @throws Problem 401 */
export async function requireStanding(identity: Identity, headers: Headers): Promise<Standing> {
  const standing = await identity.standingOf(headers);
  if (!standing) throw notSignedIn();
  return standing;
}

/** What a page is told about a session; before sign-in is finished, no roles. */
export async function viewOf(identity: Identity, standing: Standing): Promise<SessionView> {
  const { account, step } = standing;
  const { actsFor } = step ? {} : await identity.personOf(standing);
  return {
    account: account.id,
    name: account.name,
    reference: account.reference,
    roles: step ? [] : await identity.people.roles(account),
    language: account.language,
    demonstration: identity.demonstration,
    ...(step ? { step } : {}),
    ...(actsFor ? { actsFor } : {}),
  };
}

/** Opens the session, puts its cookies on the answer and audits it. */
export async function enterAs(
  identity: Identity,
  context: Context<HubEnv>,
  account: string,
  factors: readonly Factor[],
): Promise<Standing> {
  const { headers } = context.req.raw;
  const cookies = await identity.open(account, factors, headers, peerOf(context));
  for (const cookie of cookies) context.header('set-cookie', cookie, { append: true });
  const standing = await requireStanding(identity, new Headers({ cookie: cookies.map(cookie => cookie.split(';')[0]).join('; ') }));
  const roles = standing.step ? [] : await identity.people.roles(standing.account);
  const actor = personOf(standing, roles);
  const what = standing.step
    ? { ja: `サインインの途中(${factors.join('+')})`, en: `Began to sign in (${factors.join(' + ')})` }
    : { ja: `サインイン(${factors.join('+')})`, en: `Signed in (${factors.join(' + ')})` };
  await identity.audit({ actor, action: 'sign-in', what, allowed: true });
  return standing;
}
