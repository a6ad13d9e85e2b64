// better-auth, set up for this hub: accounts made only by administrators, passwords, and sign-in by a link that was handed over.
import { type BetterAuthOptions, type BetterAuthPlugin, betterAuth } from 'better-auth';
import { APIError, createAuthEndpoint } from 'better-auth/api';
import { setSessionCookie } from 'better-auth/cookies';
import type { Pool } from 'pg';
import { z } from 'zod';
import type { LinkStore } from './links.ts';

export const PASSWORD_LENGTH = { min: 13, max: 200 };

/** Sign-in by link, as a better-auth endpoint, so that sessions and cookies are made in one place. */
function signInByLink(links: LinkStore) {
  return {
    id: 'hub-link',
    endpoints: {
      signInLink: createAuthEndpoint('/sign-in/link', { method: 'POST', body: z.object({ token: z.string() }) }, async context => {
        const account = await links.use(context.body.token);
        const user = account && (await context.context.internalAdapter.findUserById(account));
        if (!user) throw new APIError('UNAUTHORIZED', { message: 'link' });
        const session = await context.context.internalAdapter.createSession(user.id);
        await setSessionCookie(context, { session, user });
        return context.json({ account: user.id });
      }),
    },
    rateLimit: [{ pathMatcher: (path: string) => path === '/sign-in/link', window: 60, max: 30 }],
  } satisfies BetterAuthPlugin;
}

export interface SignInOptions {
  pool: Pool;
  secret: string;
  publicUrl: string;
  links: LinkStore;
}

/** The header in which the hub itself tells better-auth the client's address; a client's own is overwritten. */
export const PEER_HEADER = 'x-hub-peer';

export function signInOptions({ pool, secret, publicUrl, links }: SignInOptions) {
  return {
    database: pool,
    secret,
    baseURL: publicUrl,
    basePath: '/api/auth',
    // A request's Origin must be the address it was sent to; `http/` checks that before anything reaches this.
    trustedOrigins: request => {
      const host = request?.headers.get('host');
      return host ? [`http://${host}`, `https://${host}`] : [];
    },
    telemetry: { enabled: false },
    logger: { disabled: true },
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: PASSWORD_LENGTH.min,
      maxPasswordLength: PASSWORD_LENGTH.max,
    },
    session: { modelName: 'identity_session', expiresIn: 60 * 60 * 12, updateAge: 60 * 30 },
    user: {
      modelName: 'identity_account',
      additionalFields: {
        reference: { type: 'string', required: false, input: false },
        language: { type: 'string', required: true, defaultValue: 'ja', input: false },
        administrator: { type: 'boolean', required: true, defaultValue: false, input: false },
      },
    },
    account: { modelName: 'identity_credential' },
    verification: { modelName: 'identity_verification' },
    rateLimit: {
      enabled: true,
      storage: 'database',
      modelName: 'identity_rate_limit',
      window: 60,
      max: 100,
      customRules: { '/sign-in/email': { window: 60, max: 10 } },
    },
    advanced: {
      cookiePrefix: 'hub',
      useSecureCookies: publicUrl.startsWith('https:'),
      defaultCookieAttributes: { sameSite: 'lax', httpOnly: true },
      ipAddress: { ipAddressHeaders: [PEER_HEADER] },
    },
    plugins: [signInByLink(links)],
  } satisfies BetterAuthOptions;
}

export const openSignIn = (options: SignInOptions) => betterAuth(signInOptions(options));
export type SignIn = ReturnType<typeof openSignIn>;
