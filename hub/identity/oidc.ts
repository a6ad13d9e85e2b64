// Sign-in elsewhere by OpenID Connect: code flow with PKCE S256, state, nonce, private_key_jwt and ID tokens in ES256 (デジタル認証アプリ, HPKI).
import { createHash, randomUUID } from 'node:crypto';
import { createRemoteJWKSet, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { Problem } from '../http/problem.ts';
import { type SigningKey, signingKey } from './keys.ts';
import { type Once, randomToken } from './once.ts';

export interface OidcProvider {
  issuer: string;
  /** The client id that the provider gave this hub. */
  client: string;
}
export type ProviderId = 'patient' | 'clinician';

/** Seconds in which a person comes back from the provider. */
const AWAY_SECONDS = 600;
const ANSWER_MS = 10_000;
const SCOPES: Record<ProviderId, string> = { patient: 'openid name address birthdate gender', clinician: 'openid name hpki' };

/** What the provider says of itself (OpenID Connect Discovery 1.0, section 3); only what is used here. */
const Discovery = z.object({
  issuer: z.string(),
  authorization_endpoint: z.url(),
  token_endpoint: z.url(),
  userinfo_endpoint: z.url(),
  jwks_uri: z.url(),
});
type Discovered = z.infer<typeof Discovery>;

interface Flow {
  provider: ProviderId;
  state: string;
  nonce: string;
  verifier: string;
  /** The account that is signed in and wants to link this sign-in. */
  account: string | null;
}

export interface CameBack {
  state: string;
  code?: string;
  iss?: string;
  error?: string;
}

export interface Oidc {
  providers: Partial<Record<ProviderId, OidcProvider>>;
  /** The public key by which providers know this hub. */
  key: SigningKey;
  /** Where to send the browser, and the key of this attempt, for a cookie of this browser. */
  begin(provider: ProviderId, account: string | null): Promise<{ url: string; key: string }>;
  /**
   * Turns what came back into claims that are known to be the provider's, for this hub, and for this attempt of this browser.
   * @throws Problem 401 `oidc-refused` (the reason is its cause, for the log), 502 when the provider cannot be reached
   */
  finish(provider: ProviderId, key: string, back: CameBack): Promise<{ issuer: string; claims: JWTPayload; account: string | null }>;
}

export async function openOidc(options: {
  providers: Partial<Record<ProviderId, OidcProvider>>;
  secret: string;
  publicUrl: string;
  once: Once;
}): Promise<Oidc> {
  const { providers, once, publicUrl } = options;
  const key = await signingKey(options.secret, 'oidc-client');
  const discovered = new Map<string, Promise<{ at: Discovered; keys: ReturnType<typeof createRemoteJWKSet> }>>();

  const redirectOf = (id: ProviderId) => `${publicUrl}/oidc/${id}`;
  function known(id: ProviderId): OidcProvider {
    const provider = providers[id];
    if (!provider)
      throw new Problem(404, 'no-provider', { ja: 'この入り方は、ここでは使えません。', en: 'This sign-in is not offered here.' });
    return provider;
  }
  function discover(issuer: string) {
    const before = discovered.get(issuer);
    if (before) return before;
    const asked = (async () => {
      const at = Discovery.parse(await answerOf(await ask(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)));
      // Mix-up: a document that speaks for another issuer is not this one's (Discovery 1.0, section 4.3).
      if (at.issuer !== issuer) throw refused(`discovery names ${at.issuer}`);
      return { at, keys: createRemoteJWKSet(new URL(at.jwks_uri), { timeoutDuration: ANSWER_MS }) };
    })();
    discovered.set(issuer, asked);
    asked.catch(() => discovered.delete(issuer));
    return asked;
  }

  /** RFC 7523: the hub proves itself by its key; no shared secret. */
  const assertion = (client: string, audience: string) =>
    new SignJWT()
      .setProtectedHeader({ alg: 'ES256', kid: key.kid })
      .setIssuer(client)
      .setSubject(client)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(key.privateKey);

  return {
    providers,
    key,
    async begin(id, account) {
      const provider = known(id);
      const { at } = await discover(provider.issuer);
      const flow: Flow = { provider: id, state: randomToken(), nonce: randomToken(), verifier: randomToken(), account };
      const url = new URL(at.authorization_endpoint);
      const query = {
        response_type: 'code',
        client_id: provider.client,
        redirect_uri: redirectOf(id),
        scope: SCOPES[id],
        state: flow.state,
        nonce: flow.nonce,
        code_challenge: createHash('sha256').update(flow.verifier).digest('base64url'),
        code_challenge_method: 'S256',
      };
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      return { url: url.href, key: await once.keep('oidc', flow, AWAY_SECONDS) };
    },
    async finish(id, kept, back) {
      const provider = known(id);
      // Taken first: the same answer, sent again or from another browser, finds nothing to answer.
      const flow = await once.take<Flow>('oidc', kept);
      if (flow?.provider !== id) throw refused('no such attempt in this browser');
      if (back.state !== flow.state) throw refused('another state');
      const { at, keys } = await discover(provider.issuer);
      // RFC 9207: whose answer this is.
      if (back.iss !== undefined && back.iss !== at.issuer) throw refused('another issuer answered');
      if (back.error || !back.code) throw refused(`the provider says ${back.error ?? 'nothing'}`);
      const answer = await ask(at.token_endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: back.code,
          redirect_uri: redirectOf(id),
          code_verifier: flow.verifier,
          client_id: provider.client,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: await assertion(provider.client, at.issuer),
        }).toString(),
      });
      const tokens = Tokens.safeParse(await answerOf(answer));
      if (!tokens.success) throw refused('the token endpoint gave no tokens');
      const { payload } = await jwtVerify(tokens.data.id_token, keys, {
        issuer: at.issuer,
        audience: provider.client,
        algorithms: ['ES256'],
        requiredClaims: ['sub', 'iat', 'exp', 'nonce'],
        maxTokenAge: AWAY_SECONDS,
        clockTolerance: 30,
      }).catch((cause: unknown) => {
        throw refused('the ID token does not hold', cause);
      });
      if (payload.nonce !== flow.nonce) throw refused('another nonce');
      // OpenID Connect Core 1.0, section 3.1.3.7, steps 4 and 5.
      const audiences = [payload.aud].flat();
      if ((audiences.length > 1 || payload.azp !== undefined) && payload.azp !== provider.client) throw refused('for another party');
      const more = (await answerOf(
        await ask(at.userinfo_endpoint, { headers: { authorization: `Bearer ${tokens.data.access_token}`, accept: 'application/json' } }),
      )) as JWTPayload;
      if (more.sub !== payload.sub) throw refused('the user information is about somebody else');
      return { issuer: at.issuer, claims: { ...more, ...payload }, account: flow.account };
    },
  };
}

const Tokens = z.object({ id_token: z.string().max(20_000), access_token: z.string().max(20_000) });

async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS) });
  } catch (cause) {
    throw new Problem(
      502,
      'provider-away',
      {
        ja: '認証のサービスにつながりません。少し待って、もう一度試してください。',
        en: 'The sign-in service cannot be reached. Wait a moment, then try again.',
      },
      { cause },
    );
  }
}

async function answerOf(answer: Response): Promise<unknown> {
  if (!answer.ok) throw refused(`the provider answered ${answer.status}`);
  return answer.json().catch((cause: unknown) => {
    throw refused('the provider’s answer is not JSON', cause);
  });
}

/** One set of words for all that may be wrong: they tell an attacker nothing. */
const refused = (reason: string, cause?: unknown) =>
  new Problem(
    401,
    'oidc-refused',
    {
      ja: '本人の確認ができませんでした。はじめから、もう一度試してください。',
      en: 'Your identity could not be confirmed. Please start again.',
    },
    { cause: new Error(reason, { cause }) },
  );
