// HTTP of signing in and out: `/api/session`, and the guard before everything else.
import type { Context } from 'hono';
import { Hono, type MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import { type HubEnv, notFound, Problem, peerOf, readBody } from '../http/index.ts';
import type { Person } from './actor.ts';
import { ASKED_COOKIE, answerOf, keepAsked } from './asked-cookie.ts';
import { Code, FirstAdministrator, PasskeyAnswer, PasswordSignIn, SetLanguage, UseLink } from './contract.ts';
import { enterAs, requireStanding, viewOf } from './enter.ts';
import { confirmRoutes, factorRoutes } from './factor-routes.ts';
import { type Identity, linkOver, requirePerson, wrongCode, wrongPasskey, wrongPassword } from './identity.ts';

/**
 * Puts who acts into `c.var.actor`; everything mounted behind it answers 401 to others. An app's token speaks at the FHIR interface and
 * nowhere else; with one, a cookie that comes along does not count.
 */
export const signedIn =
  (identity: Identity): MiddlewareHandler<HubEnv> =>
  async (context, next) => {
    const bearer = /^Bearer (\S+)$/i.exec(context.req.header('authorization') ?? '')?.[1];
    const byToken = bearer !== undefined && context.req.path.startsWith('/fhir/R4');
    context.set('actor', byToken ? await byBearer(identity, bearer) : await requirePerson(identity, context.req.raw.headers));
    await next();
  };

async function byBearer(identity: Identity, token: string): Promise<Person> {
  try {
    return await identity.apps.actorOf(token);
  } catch (refusal) {
    if (refusal instanceof Problem)
      await identity.audit({
        actor: null,
        action: 'sign-in',
        what: { ja: 'アプリの鍵を断りました', en: 'A token was refused' },
        allowed: false,
      });
    throw refusal;
  }
}

export function sessionRoutes(identity: Identity): Hono<HubEnv> {
  const { attempts, factors, links, people, passkeys } = identity;

  /** Runs one attempt: refused while it has to wait, counted and audited when it fails. `who` is what is being guessed for. */
  async function attempt<T>(context: Context<HubEnv>, who: string | null, prove: () => Promise<T | null>, wrong: () => Error): Promise<T> {
    const peer = peerOf(context);
    try {
      await attempts.admit(who, peer);
      const proven = await prove();
      if (proven === null) {
        await attempts.failed(who, peer);
        throw wrong();
      }
      if (who !== null) await attempts.succeeded(who);
      return proven;
    } catch (refusal) {
      await identity.audit({
        actor: null,
        action: 'sign-in',
        what: { ja: 'サインインを断りました', en: 'A sign-in was refused' },
        allowed: false,
      });
      throw refusal;
    }
  }

  return new Hono<HubEnv>()
    .get('/', async context => context.json(await viewOf(identity, await requireStanding(identity, context.req.raw.headers))))
    .post('/link', async context => {
      const { token } = await readBody(context, UseLink);
      const account = await attempt(context, null, () => usable(links.use(token)), linkOver);
      return context.json(await viewOf(identity, await enterAs(identity, context, account, ['link'])));
    })
    .post('/password', async context => {
      const { email, password } = await readBody(context, PasswordSignIn);
      const account = await attempt(context, email, () => factors.byPassword(email, password), wrongPassword);
      return context.json(await viewOf(identity, await enterAs(identity, context, account, ['password'])));
    })
    .post('/second', async context => {
      const { code } = await readBody(context, Code);
      const { account, factors: held } = await requireStanding(identity, context.req.raw.headers);
      const factor = await attempt(context, account.id, () => factors.byCode(account.id, code, new Date()), wrongCode);
      return context.json(await viewOf(identity, await enterAs(identity, context, account.id, [...held, factor])));
    })
    .post('/passkey/begin', async context => {
      await attempts.admit(null, peerOf(context));
      const { key, options } = await passkeys.ask(null);
      keepAsked(context, identity.publicUrl, key);
      return context.json(options);
    })
    .post('/passkey', async context => {
      const { answer } = await readBody(context, PasskeyAnswer);
      const key = getCookie(context, ASKED_COOKIE) ?? '';
      const account = await attempt(context, null, () => usable(passkeys.prove(key, answerOf(answer), null)), wrongPasskey);
      return context.json(await viewOf(identity, await enterAs(identity, context, account, ['passkey'])));
    })
    .post('/first', async context => {
      const { token, name, email, password } = await readBody(context, FirstAdministrator);
      await attempt(context, null, async () => ((await people.none()) && (await links.useFirst(token))) || null, linkOver);
      const account = await people.create({ name, email, reference: null, language: 'ja', administrator: true });
      await factors.setPassword(account.id, password);
      await links.end(null);
      return context.json(await viewOf(identity, await enterAs(identity, context, account.id, ['password'])));
    })
    .put('/language', async context => {
      const standing = await requireStanding(identity, context.req.raw.headers);
      const { language } = await readBody(context, SetLanguage);
      await people.setLanguage(standing.account.id, language);
      return context.json(await viewOf(identity, { ...standing, account: { ...standing.account, language } }));
    })
    .delete('/', async context => {
      const actor = await identity.actorOf(context.req.raw.headers, { renew: false });
      if (actor) await identity.audit({ actor, action: 'sign-out', what: { ja: 'サインアウト', en: 'Signed out' }, allowed: true });
      for (const cookie of await identity.close(context.req.raw.headers)) context.header('set-cookie', cookie, { append: true });
      return context.body(null, 204);
    })
    .route('/factors', factorRoutes(identity))
    .route('/confirm', confirmRoutes(identity))
    .route('/sessions', ownSessionRoutes(identity));

  /** The account, unless it is ended. */
  async function usable(found: Promise<string | null>): Promise<string | null> {
    const account = await found;
    return account && (await people.find(account))?.ended === null ? account : null;
  }
}

/** Where the person is signed in now; only their own, and also the session that asks. */
function ownSessionRoutes(identity: Identity): Hono<HubEnv> {
  const { sessions } = identity;
  return new Hono<HubEnv>()
    .get('/', async context => {
      const actor = await requirePerson(identity, context.req.raw.headers);
      return context.json(await sessions.list(actor.account, actor.session));
    })
    .delete('/', async context => {
      const actor = await requirePerson(identity, context.req.raw.headers);
      await sessions.endAll(actor.account, actor.session);
      await identity.audit({
        actor,
        action: 'delete',
        what: { ja: 'ほかのサインインをすべて終えました', en: 'Ended all other sessions' },
        allowed: true,
      });
      return context.body(null, 204);
    })
    .delete('/:session', async context => {
      const actor = await requirePerson(identity, context.req.raw.headers);
      if (!(await sessions.end(actor.account, context.req.param('session')))) throw notFound();
      await identity.audit({ actor, action: 'delete', what: { ja: 'サインインを一つ終えました', en: 'Ended a session' }, allowed: true });
      return context.body(null, 204);
    });
}
