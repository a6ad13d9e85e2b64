// Apps and partner systems that may speak to the record (SMART App Launch 2.2, Backend Services), and their tokens.
import { randomUUID } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose';
import { sql } from 'kysely';
import { Problem } from '../http/problem.ts';
import type { Database } from '../store/index.ts';
import type { Person, PersonRole } from './actor.ts';
import type { AppView } from './contract.ts';
import type { SigningKey } from './keys.ts';
import type { Once } from './once.ts';
import type { People } from './people.ts';
import { covers } from './scopes.ts';

/** Seconds an access token lives: SMART asks for at most five minutes from backend services. */
export const TOKEN_SECONDS = 300;
/** RS384 and ES384 are what SMART requires of servers; ES256 is what most have. */
const ASSERTION_ALGORITHMS = ['ES256', 'ES384', 'RS384'];
/** An assertion lives at most five minutes (SMART Backend Services). */
const ASSERTION_SECONDS = 300;

export interface App {
  id: string;
  name: string;
  /** `service`: acts by itself, in a role at an organization; `user`: in the name of who is signed in, with what they may do. */
  kind: 'service' | 'user';
  keys: JSONWebKeySet | null;
  redirects: string[];
  scopes: string[];
  role: PersonRole | null;
  organization: string | null;
  organization_name: string | null;
  created: Date;
  ended: Date | null;
}

export interface Grant {
  app: App;
  scopes: string[];
  /** Null: the app itself. */
  account: string | null;
  /** Patient id of the launch context. */
  patient: string | null;
}

export interface Apps {
  register(app: Omit<App, 'id' | 'created' | 'ended'>, by: string): Promise<App>;
  find(id: string): Promise<App | undefined>;
  list(): Promise<AppView[]>;
  /** Ends the app, and with it every token it holds. False: it was ended before. */
  end(id: string): Promise<boolean>;
  /** The app that signed this assertion for the token endpoint, once. @throws Problem 401 */
  authenticate(assertion: string): Promise<App>;
  issue(grant: Grant): Promise<{ token: string; expiresIn: number }>;
  /** Who a token speaks for, as things stand now. @throws Problem 401 */
  actorOf(token: string): Promise<Person>;
  /** RFC 7009: only the app's own. */
  revoke(app: App, token: string): Promise<void>;
  revokeOf(account: string): Promise<void>;
}

export function openApps(options: { database: Database; people: People; once: Once; key: SigningKey; publicUrl: string }): Apps {
  const { people, once, key, publicUrl } = options;
  const { kysely } = options.database;
  const audience = `${publicUrl}/fhir/R4`;
  const tokenUrl = `${publicUrl}/api/oauth/token`;
  const ownKeys = createLocalJWKSet({ keys: [key.publicJwk] });

  async function find(id: string): Promise<App | undefined> {
    const { rows } = await sql<App>`select * from identity_app where id = ${id}`.execute(kysely);
    return rows[0];
  }
  const read = (token: string) =>
    jwtVerify(token, ownKeys, {
      issuer: publicUrl,
      audience,
      algorithms: ['ES256'],
      typ: 'at+jwt',
      requiredClaims: ['jti', 'exp', 'client_id'],
    }).catch((cause: unknown) => {
      throw badToken(cause);
    });

  return {
    async register({ name, kind, keys, redirects, scopes, role, organization, organization_name }, by) {
      const { rows } =
        await sql<App>`insert into identity_app (id, name, kind, keys, redirects, scopes, role, organization, organization_name, created, created_by)
        values (${randomUUID()}, ${name}, ${kind}, ${keys && JSON.stringify(keys)}::jsonb, ${redirects}::text[], ${scopes}::text[], ${role}, ${organization},
          ${organization_name}, now(), ${by}) returning *`.execute(kysely);
      return rows[0]!;
    },
    find,
    async list() {
      const { rows } = await sql<App & { last_used: Date | null; tokens: number }>`select a.*,
        (select max(coalesce(t.last_used, t.issued)) from identity_token t where t.app = a.id) as last_used,
        (select count(*)::int from identity_token t where t.app = a.id and t.revoked is null and t.expires > now()) as tokens
        from identity_app a order by a.ended nulls first, a.name`.execute(kysely);
      return rows.map(row => ({
        id: row.id,
        name: row.name,
        kind: row.kind,
        scopes: row.scopes,
        redirects: row.redirects,
        role: row.role,
        organizationName: row.organization_name,
        created: row.created.toISOString(),
        ended: row.ended?.toISOString() ?? null,
        lastUsed: row.last_used?.toISOString() ?? null,
        tokens: row.tokens,
      }));
    },
    async end(id) {
      await sql`update identity_token set revoked = now() where app = ${id} and revoked is null`.execute(kysely);
      const ended = await sql`update identity_app set ended = now() where id = ${id} and ended is null`.execute(kysely);
      return ended.numAffectedRows === 1n;
    },
    async authenticate(assertion) {
      const claimed = subjectOf(assertion);
      const app = claimed === undefined ? undefined : await find(claimed);
      if (!app?.keys || app.ended) throw badClient();
      const { payload } = await jwtVerify(assertion, createLocalJWKSet(app.keys), {
        issuer: app.id,
        subject: app.id,
        audience: tokenUrl,
        algorithms: ASSERTION_ALGORITHMS,
        requiredClaims: ['jti', 'exp'],
        clockTolerance: 10,
      }).catch((cause: unknown) => {
        throw badClient(cause);
      });
      const now = Date.now() / 1000;
      if (payload.exp! > now + ASSERTION_SECONDS + 10) throw badClient(new Error('it would live too long'));
      if (!(await once.first('client-assertion', `${app.id} ${payload.jti}`, new Date((payload.exp! + 60) * 1000))))
        throw badClient(new Error('replayed'));
      return app;
    },
    async issue({ app, scopes, account, patient }) {
      const id = randomUUID();
      await sql`with over as (delete from identity_token where expires < now() - interval '30 days')
        insert into identity_token (id, app, account, scopes, patient, issued, expires)
        values (${id}, ${app.id}, ${account}, ${scopes}::text[], ${patient}, now(), now() + make_interval(secs => ${TOKEN_SECONDS}))`.execute(
        kysely,
      );
      const token = await new SignJWT({ client_id: app.id, scope: scopes.join(' ') })
        .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: 'at+jwt' })
        .setIssuer(publicUrl)
        .setAudience(audience)
        .setSubject(account ?? app.id)
        .setJti(id)
        .setIssuedAt()
        .setExpirationTime(`${TOKEN_SECONDS}s`)
        .sign(key.privateKey);
      return { token, expiresIn: TOKEN_SECONDS };
    },
    async actorOf(token) {
      const { payload } = await read(token);
      // What the token says of itself is not enough: it, its app and its person must still stand.
      const { rows } = await sql<{ app: string; account: string | null; scopes: string[]; patient: string | null }>`
        update identity_token t set last_used = now() from identity_app a
        where t.id = ${payload.jti!} and t.app = a.id and a.id = ${String(payload.client_id)} and t.revoked is null and t.expires > now() and a.ended is null
        returning t.app, t.account, t.scopes, t.patient`.execute(kysely);
      const held = rows[0];
      const app = held && (await find(held.app));
      if (!held || !app) throw badToken();
      const limits = {
        session: payload.jti!,
        via: 'token',
        scopes: held.scopes,
        ...(held.patient ? { onlyPatient: held.patient } : {}),
      } as const;
      if (held.account === null) {
        const roles =
          app.role && app.organization
            ? [{ role: app.role, organization: app.organization, organizationName: app.organization_name ?? '' }]
            : [];
        return { kind: 'person', account: `app:${app.id}`, name: app.name, reference: null, roles, language: 'en', ...limits };
      }
      const account = await people.find(held.account);
      if (!account || account.ended) throw badToken();
      const roles = await people.roles(account);
      return {
        kind: 'person',
        account: account.id,
        name: account.name,
        reference: account.reference,
        roles,
        language: account.language,
        ...limits,
      };
    },
    async revoke(app, token) {
      const { payload } = await read(token).catch(() => ({ payload: null }));
      if (payload)
        await sql`update identity_token set revoked = now() where id = ${payload.jti!} and app = ${app.id} and revoked is null`.execute(
          kysely,
        );
    },
    async revokeOf(account) {
      await sql`update identity_token set revoked = now() where account = ${account} and revoked is null`.execute(kysely);
    },
  };
}

/** Whether the app may have all of these. */
export const mayHave = (app: App, scopes: readonly string[]) => scopes.length > 0 && scopes.every(scope => covers(app.scopes, scope));

/** Who an assertion says it is from; nothing is believed of it yet. */
function subjectOf(assertion: string): string | undefined {
  try {
    const { sub } = JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()) as { sub?: unknown };
    return typeof sub === 'string' ? sub : undefined;
  } catch {
    return undefined;
  }
}

const badToken = (cause?: unknown) =>
  new Problem(401, 'bad-token', { ja: 'このトークンは使えません。', en: 'This token is not valid (any more).' }, { cause });
export const badClient = (cause?: unknown) =>
  new Problem(401, 'invalid_client', { ja: 'アプリの証明が正しくありません。', en: 'The app could not be authenticated.' }, { cause });
