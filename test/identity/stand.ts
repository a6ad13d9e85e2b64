// A hub's front door for tests of signing in: its routes over a database of its own, people with roles, and requests as a browser sends them.
import { Hono } from 'hono';
import pino from 'pino';
import { problemOf } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import {
  type IdentityOptions,
  oidcRoutes,
  openIdentity,
  peopleRoutes,
  type RoleAt,
  sessionRoutes,
  signedIn,
} from '../../hub/identity/index.ts';
import type { PatientFacts } from '../../hub/identity/match.ts';
import { codeAt, STEP_SECONDS } from '../../hub/identity/totp.ts';
import { freshDatabase, unique } from '../harness/index.ts';

export const PUBLIC_URL = 'http://hub.test';

export interface Told {
  action: string;
  allowed: boolean;
  what: { en: string };
}

/** A door where staff need two factors. `close` it in `afterAll`. */
export async function openDoor({ twoFactors = true, ...more }: Partial<IdentityOptions> = {}) {
  const database = await freshDatabase();
  const audited: Told[] = [];
  const roles = new Map<string, RoleAt[]>();
  const asked: string[][] = [];
  const patients: { memberId: string; facts: PatientFacts }[] = [];
  const practitioners = new Map<string, string[]>();
  const identity = await openIdentity({
    database,
    secret: 's'.repeat(40),
    publicUrl: PUBLIC_URL,
    rolesInRecord: async references => {
      asked.push(references);
      return new Map(references.map(each => [each, (roles.get(each) ?? []).map(role => ({ from: null, until: null, ...role }))]));
    },
    audit: async entry => void audited.push(entry),
    demonstration: false,
    twoFactors,
    log: pino({ level: 'silent' }),
    ...more,
  });
  const app = new Hono<HubEnv>();
  app.onError((error, context) => {
    const told = problemOf(error);
    if (!told) throw error;
    return context.json(told.body(), told.status);
  });
  app.route('/api/session', sessionRoutes(identity));
  app.route(
    '/api/session',
    oidcRoutes(identity, {
      patientsInsured: async number => patients.filter(({ memberId }) => memberId === number).map(({ facts }) => facts),
      patient: async id => patients.find(({ facts }) => facts.id === id)?.facts ?? null,
      practitioners: async number => practitioners.get(number) ?? [],
    }),
  );
  app.use('/api/people/*', signedIn(identity));
  app.use('/api/people', signedIn(identity));
  app.route(
    '/api/people',
    peopleRoutes(identity, async () => true),
  );
  app.use('/api/echo', signedIn(identity));
  app.get('/api/echo', context => context.json(context.var.actor));

  return {
    database,
    identity,
    audited,
    roles,
    /** Patients in the record, and practitioners by 医籍登録番号. */
    patients,
    practitioners,
    /** References of which the record was asked, by question. */
    asked,
    app,
    browser: () => new Browser((path, init) => app.request(`${PUBLIC_URL}${path}`, init)),
    async person(role: RoleAt['role'], organization = 'org-1') {
      const reference = `Practitioner/${unique('dr')}`;
      roles.set(reference, [{ role, organization, organizationName: 'Hospital' }]);
      return identity.people.create({ name: '山田 太郎', email: `${unique('p')}@example.org`, reference, language: 'ja' });
    },
    linkOf: async (account: string) => (await identity.links.make({ account, hours: 1, uses: 1, createdBy: null })).token,
    async close() {
      await identity.stop();
      await database.close();
    },
  };
}
export type Door = Awaited<ReturnType<typeof openDoor>>;

/** Keeps cookies by name, as a browser does. */
export class Browser {
  readonly cookies = new Map<string, string>();
  readonly #request: (path: string, init: RequestInit) => Response | Promise<Response>;

  constructor(request: (path: string, init: RequestInit) => Response | Promise<Response>) {
    this.#request = request;
  }

  async send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const answer = await this.#request(path, {
      method,
      headers: {
        'content-type': 'application/json',
        cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [pair = '', ...attributes] = cookie.split('; ');
      const at = pair.indexOf('=');
      if (attributes.some(each => /^max-age=0$/i.test(each))) this.cookies.delete(pair.slice(0, at));
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return answer;
  }

  /** The answer's JSON. @throws Error unless it succeeded */
  async json<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.send(method, path, body);
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
    const text = await answer.text();
    return (text ? JSON.parse(text) : undefined) as T;
  }

  async code(method: string, path: string, body?: unknown): Promise<string> {
    const answer = await this.send(method, path, body);
    if (answer.ok) return 'ok';
    return ((await answer.json()) as { error: { code: string } }).error.code;
  }
}

/** The code that an authenticator app shows, `steps` of 30 s from now. */
export const codeOf = (secret: string, at: Date, steps = 0) => codeAt(secret, Math.floor(at.getTime() / 1000 / STEP_SECONDS) + steps);
