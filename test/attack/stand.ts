// What an attacker meets: the hub's own frame with the record behind it, two hospitals, a care facility, two patients, and a secret of each.
import { randomUUID } from 'node:crypto';
import type { Binary, Bundle, DocumentReference, Observation, Resource } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { type HubEnv, notSignedIn } from '../../hub/http/index.ts';
import type { Person } from '../../hub/identity/index.ts';
import { fhirRoutes, recordRoutes } from '../../hub/records/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { frame } from '../http/stand.ts';
import { smallWorld } from '../records/people.ts';

/** Stands in every resource of the other patient: it must never come back to who has nothing to do with that patient. */
export const SECRET = '極秘-4711';
/** Stands in what the first patient has not been told yet. */
export const UNTOLD = '未告知-0815';

export interface Said {
  status: number;
  text: string;
  headers: Headers;
}

export async function attackStand() {
  const database = await freshDatabase();
  const world = await smallWorld(database);
  const { seed, patient, foreign } = world;
  const of = (id: string) => ({ reference: `Patient/${id}` });
  const observation = (id: string, text: string, more: Partial<Observation> = {}) =>
    seed.create<Observation>({
      resourceType: 'Observation',
      status: 'final',
      code: { text },
      valueString: text,
      effectiveDateTime: '2026-01-02T03:04:05Z',
      subject: of(id),
      ...more,
    });
  const own = await observation(patient.id, '自分の記録');
  const hidden = await observation(foreign.id, SECRET);
  await seed.update({ ...hidden, valueString: `${SECRET} 2` });
  const untold = await observation(patient.id, UNTOLD, {
    meta: { tag: [{ system: 'http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication', code: 'UNINFORMED' }] },
  });
  const binary = await seed.create<Binary>({
    resourceType: 'Binary',
    contentType: 'text/plain',
    data: Buffer.from(SECRET).toString('base64'),
    securityContext: of(foreign.id),
  });
  const document = await seed.create<DocumentReference>({
    resourceType: 'DocumentReference',
    status: 'current',
    description: SECRET,
    subject: of(foreign.id),
    content: [{ attachment: { url: `Binary/${binary.id}`, contentType: 'text/plain', title: SECRET } }],
  });
  const people = new Map<string, Person>();
  const { app } = frame({
    async signedIn(context, next) {
      const actor = people.get(context.req.header('cookie') ?? '');
      if (!actor) throw notSignedIn();
      context.set('actor', actor);
      await next();
    },
    guarded: [
      ['/fhir/R4', fhirRoutes({ records: world.records })],
      ['/api/records', recordRoutes({ records: world.records, database })],
    ],
    rates: { person: 100_000, address: 100_000 },
  });
  return {
    ...world,
    database,
    own,
    hidden,
    untold,
    binary,
    document,
    /** A request as a browser of `who` sends it; a body as JSON, or as it is when it is text. */
    async ask(who: Person, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Said> {
      people.set(who.account, who);
      const answer = await app.request(`https://hub.example${path}`, {
        method,
        headers: {
          cookie: who.account,
          ...(body === undefined ? {} : { 'content-type': method === 'PATCH' ? 'application/json-patch+json' : 'application/fhir+json' }),
          ...headers,
        },
        body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
      });
      return { status: answer.status, text: await answer.text(), headers: answer.headers };
    },
    /** Refused accesses of a person that name this patient or resource. */
    async refusals(who: Person, about: { patient?: string; resource?: string } = {}): Promise<number> {
      const { rows } = await sql<{ count: number }>`
        select count(*)::int as count from audit_events where account = ${who.account} and (not allowed or refused <> '{}')
          and (${about.patient ?? null}::text is null or ${about.patient ?? ''} = any(refused) or ${about.patient ?? ''} = any(patients))
          and (${about.resource ?? null}::text is null or resource = ${about.resource ?? ''})`.execute(database.kysely);
      return rows[0]!.count;
    },
    /** Accesses of a person that the trail knows, granted or not. */
    async entries(who: Person): Promise<number> {
      const { rows } = await sql<{ count: number }>`select count(*)::int as count from audit_events where account = ${who.account}`.execute(
        database.kysely,
      );
      return rows[0]!.count;
    },
    /** The stored version of a resource, whoever may see it. */
    stored: (type: 'Observation' | 'Patient' | 'DocumentReference' | 'Binary', id: string) => seed.read(type, id),
  };
}
export type AttackStand = Awaited<ReturnType<typeof attackStand>>;

export const bundle = (type: 'batch' | 'transaction', ...entries: [method: string, url: string, resource?: unknown][]) => ({
  resourceType: 'Bundle',
  type,
  entry: entries.map(([method, url, resource]) => ({
    ...(method === 'POST' ? { fullUrl: `urn:uuid:${randomUUID()}` } : {}),
    request: { method, url },
    ...(resource ? { resource } : {}),
  })),
});

export const entriesOf = (said: Said): Resource[] =>
  ((JSON.parse(said.text) as Bundle).entry ?? []).flatMap(({ resource }) => resource ?? []);
export const totalOf = (said: Said): number | undefined => (JSON.parse(said.text) as Bundle).total;
export type { HubEnv };
