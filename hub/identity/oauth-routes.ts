// OAuth 2.0 for apps: `/api/oauth` (token, revoke, and what a signed-in person is asked to allow), and the SMART configuration.
import { createHash } from 'node:crypto';
import { type Context, Hono } from 'hono';
import type { z } from 'zod';
import { type HubEnv, Problem, peerOf, readBody } from '../http/index.ts';
import type { Text } from '../http/problem.ts';
import type { Person } from './actor.ts';
import { type App, badClient, mayHave } from './apps.ts';
import { AppAsks, type AskedView } from './contract.ts';
import { type Identity, requirePerson } from './identity.ts';
import { readScopes, scopeWords } from './scopes.ts';

const CODE_SECONDS = 60;
const BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

interface Allowed {
  app: string;
  account: string;
  scopes: string[];
  patient: string | null;
  redirect: string;
  challenge: string;
}

/** What an OAuth client is told (RFC 6749, section 5.2): its own form, not the hub's. */
class OAuthError extends Error {
  readonly code: string;
  constructor(code: string, why: string) {
    super(why);
    this.code = code;
  }
}

/** `mayLaunch`: whether the person may see this patient at all, for a launch context; audited. */
export function oauthRoutes(identity: Identity, mayLaunch: (actor: Person, patient: string) => Promise<boolean>): Hono<HubEnv> {
  const { apps, once, attempts } = identity;

  async function formOf(context: Context<HubEnv>): Promise<Record<string, string>> {
    if (!/^application\/x-www-form-urlencoded\b/i.test(context.req.header('content-type') ?? ''))
      throw new OAuthError('invalid_request', 'send application/x-www-form-urlencoded');
    const form: Record<string, string> = {};
    for (const [name, value] of new URLSearchParams(await context.req.text())) {
      if (name in form) throw new OAuthError('invalid_request', `${name} is there twice`);
      form[name] = value;
    }
    return form;
  }
  /** The app that sent this. One without keys (in a browser) has only its PKCE to prove that it began the sign-in. */
  async function clientOf(form: Record<string, string>): Promise<App> {
    if (form.client_assertion !== undefined) {
      if (form.client_assertion_type !== BEARER) throw badClient();
      const app = await apps.authenticate(form.client_assertion);
      if (form.client_id !== undefined && form.client_id !== app.id) throw badClient();
      return app;
    }
    const app = form.client_id ? await apps.find(form.client_id) : undefined;
    if (!app || app.ended || app.keys || app.kind !== 'user') throw badClient();
    return app;
  }
  const refuse = (en: string) =>
    identity.audit({ actor: null, action: 'sign-in', what: { ja: 'アプリへの許可を断りました', en }, allowed: false });

  async function token(context: Context<HubEnv>): Promise<Response> {
    const form = await formOf(context);
    const app = await clientOf(form);
    if (form.grant_type === 'client_credentials') {
      const scopes = readScopes(form.scope ?? '');
      if (app.kind !== 'service') throw new OAuthError('unauthorized_client', 'only services act by themselves');
      if (!scopes || !mayHave(app, scopes)) throw new OAuthError('invalid_scope', 'not what was registered');
      return give(context, { app, scopes, account: null, patient: null });
    }
    if (form.grant_type !== 'authorization_code')
      throw new OAuthError('unsupported_grant_type', 'authorization_code or client_credentials');
    const allowed = await once.take<Allowed>('app-code', form.code ?? '');
    const challenge = createHash('sha256')
      .update(form.code_verifier ?? '')
      .digest('base64url');
    if (!allowed || allowed.app !== app.id || allowed.redirect !== form.redirect_uri || allowed.challenge !== challenge)
      throw new OAuthError('invalid_grant', 'the code is not good for this');
    return give(context, { app, scopes: allowed.scopes, account: allowed.account, patient: allowed.patient });
  }
  async function give(context: Context<HubEnv>, grant: { app: App; scopes: string[]; account: string | null; patient: string | null }) {
    const { token: access_token, expiresIn: expires_in } = await apps.issue(grant);
    const what: Text = { ja: `アプリ「${grant.app.name}」に鍵を渡しました`, en: `Gave a token to the app “${grant.app.name}”` };
    await identity.audit({ actor: await apps.actorOf(access_token), action: 'sign-in', what, allowed: true });
    return context.json({
      access_token,
      token_type: 'Bearer',
      expires_in,
      scope: grant.scopes.join(' '),
      ...(grant.patient ? { patient: grant.patient } : {}),
    });
  }

  /** What the app asks of the person who is signed in. @throws Problem 422 before anything is shown or sent anywhere */
  async function asked(body: z.infer<typeof AppAsks>) {
    const app = await apps.find(body.client_id);
    // The address must be one that was registered, letter for letter: nothing is ever sent elsewhere.
    if (!app || app.ended || app.kind !== 'user' || !app.redirects.includes(body.redirect_uri)) throw unknownApp();
    const scopes = readScopes(body.scope);
    if (!scopes || !mayHave(app, scopes) || body.aud !== `${identity.publicUrl}/fhir/R4`) throw wrongRequest();
    return { app, scopes };
  }

  return new Hono<HubEnv>()
    .onError((error, context) => {
      if (error instanceof OAuthError) return context.json({ error: error.code, error_description: error.message }, 400);
      if (error instanceof Problem && error.code === 'invalid_client') return context.json({ error: 'invalid_client' }, 401);
      throw error;
    })
    .post('/token', async context => {
      context.header('cache-control', 'no-store');
      await attempts.admit(null, peerOf(context));
      try {
        return await token(context);
      } catch (error) {
        await attempts.failed(null, peerOf(context));
        await refuse(
          `A token was refused to an app: ${error instanceof OAuthError || error instanceof Problem ? error.code : 'unexpected'}`,
        );
        throw error;
      }
    })
    .post('/revoke', async context => {
      const form = await formOf(context);
      await apps.revoke(await clientOf(form), form.token ?? '');
      return context.body(null, 200);
    })
    .post('/asked', async context => {
      const actor = await requirePerson(identity, context.req.raw.headers);
      const { app, scopes } = await asked(await readBody(context, AppAsks));
      const own = actor.reference?.startsWith('Patient/') ? actor.reference.slice('Patient/'.length) : null;
      return context.json({
        app: app.name,
        scopes: scopes.map(scopeWords),
        needsPatient: scopes.some(onePatient) && !own,
      } satisfies AskedView);
    })
    .post('/allow', async context => {
      const actor = await requirePerson(identity, context.req.raw.headers);
      const body = await readBody(context, AppAsks);
      const { app, scopes } = await asked(body);
      const own = actor.reference?.startsWith('Patient/') ? actor.reference.slice('Patient/'.length) : null;
      const patient = scopes.some(onePatient) ? (own ?? body.patient ?? null) : null;
      if (scopes.some(onePatient) && (!patient || (patient !== own && !(await mayLaunch(actor, patient))))) throw whichPatient();
      const code = await once.keep(
        'app-code',
        {
          app: app.id,
          account: actor.account,
          scopes,
          patient,
          redirect: body.redirect_uri,
          challenge: body.code_challenge,
        } satisfies Allowed,
        CODE_SECONDS,
      );
      await identity.audit({
        actor,
        action: 'create',
        what: { ja: `アプリ「${app.name}」に許可しました`, en: `Allowed the app “${app.name}”` },
        allowed: true,
      });
      const back = new URL(body.redirect_uri);
      for (const [name, value] of Object.entries({ code, state: body.state, iss: identity.publicUrl })) back.searchParams.set(name, value);
      return context.json({ url: back.href });
    });
}

const onePatient = (scope: string) => scope.startsWith('patient/') || scope === 'launch/patient';

/** `/fhir/R4/.well-known/smart-configuration` (SMART App Launch 2.2, section 2.2). */
export function smartConfiguration(identity: Identity): Hono<HubEnv> {
  const { publicUrl } = identity;
  return new Hono<HubEnv>().get('/smart-configuration', context =>
    context.json({
      issuer: publicUrl,
      jwks_uri: `${publicUrl}/.well-known/jwks.json`,
      authorization_endpoint: `${publicUrl}/authorize`,
      token_endpoint: `${publicUrl}/api/oauth/token`,
      revocation_endpoint: `${publicUrl}/api/oauth/revoke`,
      grant_types_supported: ['authorization_code', 'client_credentials'],
      token_endpoint_auth_methods_supported: ['private_key_jwt', 'none'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256', 'ES384', 'RS384'],
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      scopes_supported: ['launch/patient', 'patient/*.cruds', 'user/*.cruds', 'system/*.cruds'],
      capabilities: [
        'launch-standalone',
        'client-public',
        'client-confidential-asymmetric',
        'context-standalone-patient',
        'permission-patient',
        'permission-user',
        'permission-v1',
        'permission-v2',
      ],
    }),
  );
}

const unknownApp = () =>
  new Problem(422, 'unknown-app', {
    ja: 'このアプリは、ここに登録されていません。アプリを開きなおすか、管理者にきいてください。',
    en: 'This app is not registered here. Open it again, or ask your administrator.',
  });
const wrongRequest = () =>
  new Problem(422, 'app-request', {
    ja: 'アプリの求め方が正しくありません。アプリを作った人に知らせてください。',
    en: 'The app did not ask in the right way. Tell whoever made it.',
  });
const whichPatient = () =>
  new Problem(403, 'which-patient', {
    ja: 'どの患者さんの記録かを選んでください。見る権利のある人だけ選べます。',
    en: 'Choose whose record it is, of those that you may see.',
  });
