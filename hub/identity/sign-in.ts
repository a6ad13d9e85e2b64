// better-auth, set up for this hub: it keeps accounts, password hashes, sessions and their cookies. Who may have a session is decided here.
import { type BetterAuthOptions, type BetterAuthPlugin, betterAuth } from 'better-auth';
import { createAuthEndpoint } from 'better-auth/api';
import { setSessionCookie } from 'better-auth/cookies';
import type { Pool } from 'pg';
import { z } from 'zod';

export const PASSWORD_LENGTH = { min: 13, max: 200 };

/**
 * Opens a session for an account that has proven itself, as a better-auth endpoint, so that sessions and cookies are made in one place.
 * Only the hub's own code can call it; better-auth's routes are not reachable from outside at all.
 */
const openSession = {
  id: 'hub-open',
  endpoints: {
    openSession: createAuthEndpoint(
      '/hub/open',
      { method: 'POST', body: z.object({ account: z.string(), factors: z.string() }), metadata: { SERVER_ONLY: true } },
      async context => {
        const { account, factors } = context.body;
        const { internalAdapter } = context.context;
        const user = await internalAdapter.findUserById(account);
        if (!user) throw context.error('UNAUTHORIZED');
        // A new token whatever came with the request (session fixation), and the browser's former session ends.
        const former = await context.getSignedCookie(context.context.authCookies.sessionToken.name, context.context.secret);
        const session = await internalAdapter.createSession(user.id, false, { factors, lastUsed: new Date() }, true);
        if (former) await internalAdapter.deleteSession(former);
        await setSessionCookie(context, { session, user });
        return context.json({ session: session.id });
      },
    ),
  },
} satisfies BetterAuthPlugin;

export interface SignInOptions {
  pool: Pool;
  secret: string;
  publicUrl: string;
}

/** The header in which the hub itself tells better-auth the client's address; a client's own is overwritten. */
export const PEER_HEADER = 'x-hub-peer';

export function signInOptions({ pool, secret, publicUrl }: SignInOptions) {
  return {
    database: pool,
    secret,
    baseURL: publicUrl,
    basePath: '/api/auth',
    telemetry: { enabled: false },
    logger: { disabled: true },
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: PASSWORD_LENGTH.min,
      maxPasswordLength: PASSWORD_LENGTH.max,
    },
    session: {
      modelName: 'identity_session',
      expiresIn: 60 * 60 * 12,
      updateAge: 60 * 30,
      additionalFields: {
        factors: { type: 'string', required: false, input: false },
        lastUsed: { type: 'date', required: false, input: false },
        confirmed: { type: 'date', required: false, input: false },
      },
    },
    user: {
      modelName: 'identity_account',
      additionalFields: {
        reference: { type: 'string', required: false, input: false },
        language: { type: 'string', required: true, defaultValue: 'ja', input: false },
        administrator: { type: 'boolean', required: true, defaultValue: false, input: false },
        ended: { type: 'date', required: false, input: false },
      },
    },
    account: { modelName: 'identity_credential' },
    verification: { modelName: 'identity_verification' },
    // The hub counts attempts itself (attempts.ts): per account as well as per address, with growing delays.
    rateLimit: { enabled: false },
    advanced: {
      cookiePrefix: 'hub',
      useSecureCookies: publicUrl.startsWith('https:'),
      defaultCookieAttributes: { sameSite: 'lax', httpOnly: true },
      ipAddress: { ipAddressHeaders: [PEER_HEADER] },
    },
    plugins: [openSession],
  } satisfies BetterAuthOptions;
}

export const openSignIn = (options: SignInOptions) => betterAuth(signInOptions(options));
export type SignIn = ReturnType<typeof openSignIn>;
