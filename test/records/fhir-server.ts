// /fhir/R4 on a real socket for the record's tests, spoken to as whoever the test says.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Bundle, OperationOutcome, Resource } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/index.ts';
import { fhirRoutes, type OpenRecords } from '../../hub/records/index.ts';
import { silent } from './people.ts';

export interface Answer<T> {
  status: number;
  headers: Headers;
  json: T;
}

export interface FhirServer {
  /** Below the base, e.g. `/Patient?name=x`, or an absolute link of an answer. */
  ask<T = OperationOutcome>(
    actor: Person,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<T>>;
  /** Ids of what a search matched, in its order. */
  ids(actor: Person, path: string): Promise<string[]>;
  close(): Promise<void>;
}

export async function fhirServer(records: OpenRecords): Promise<FhirServer> {
  const people = new Map<string, Person>();
  const app = new Hono<HubEnv>();
  app.use(async (context, next) => {
    context.set('actor', people.get(context.req.header('x-test-person') ?? '')!);
    context.set('log', silent);
    await next();
  });
  app.route('/fhir/R4', fhirRoutes({ records }));
  const server = createServer(getRequestListener(app.fetch));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir/R4`;
  const ask: FhirServer['ask'] = async (actor, method, path, body, headers = {}) => {
    people.set(actor.account, actor);
    const response = await fetch(path.startsWith('http') ? path : `${base}${path}`, {
      method,
      headers: { 'x-test-person': actor.account, 'content-type': 'application/fhir+json', ...headers },
      body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: (text ? JSON.parse(text) : undefined) as never };
  };
  return {
    ask,
    async ids(actor, path) {
      const { status, json } = await ask<Bundle<Resource>>(actor, 'GET', path);
      if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(json)}`);
      return (json.entry ?? []).filter(({ search }) => search?.mode === 'match').map(({ resource }) => resource?.id ?? '');
    },
    close: () => new Promise<void>(resolve => server.close(() => resolve())),
  };
}
