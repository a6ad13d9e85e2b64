// A small world for tests of consultations: people in a real record, and a server with the consultation's namespace and routes.
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import type { Resource } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import pino from 'pino';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { readConfig } from '../../hub/config.ts';
import type { EncounterView, JoinAnswer } from '../../hub/consult/contract.ts';
import { startConsult } from '../../hub/consult/index.ts';
import { notSignedIn, Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import { type Person, type PersonRole, service } from '../../hub/identity/actor.ts';
import { noteRoutes, noteStates, type OpenRecords, openRecords, recordRoutes } from '../../hub/records/index.ts';
import { INSTITUTION_NUMBER, ROLE_SYSTEM } from '../../hub/records/systems.ts';
import { type Database, openFiles } from '../../hub/store/index.ts';

const log = pino({ level: process.env.TEST_LOG ?? 'silent' });

export interface Clinic {
  records: OpenRecords;
  doctor: Person;
  specialist: Person;
  /** A doctor of the same hospital who is invited nowhere. */
  colleague: Person;
  patient: Person;
  stranger: Person;
}

/** An island hospital with two doctors and a patient, a university hospital with a specialist, and another patient. */
export async function foundClinic(database: Database): Promise<Clinic> {
  const records = await openRecords({ database, log });
  const setup = records.as(service('setup'));
  const create = async (resource: Resource) => `${resource.resourceType}/${(await setup.create(resource)).id}`;
  const island = await create({
    resourceType: 'Organization',
    name: '島の病院',
    identifier: [{ system: INSTITUTION_NUMBER, value: '4711234567' }],
  });
  const university = await create({
    resourceType: 'Organization',
    name: '大学病院',
    identifier: [{ system: INSTITUTION_NUMBER, value: '4017654321' }],
  });
  const practitioner = async (family: string, given: string, role: PersonRole, organization: string, organizationName: string) => {
    const name = `${family} ${given}`;
    const reference = await create({
      resourceType: 'Practitioner',
      name: [{ use: 'official', text: name, family, given: [given] }],
      qualification: [{ code: { text: '医師' }, period: { start: '2004-05-01' } }],
    });
    await create({
      resourceType: 'PractitionerRole',
      active: true,
      practitioner: { reference, display: name },
      organization: { reference: organization, display: organizationName },
      code: [{ coding: [{ system: ROLE_SYSTEM, code: role }] }],
    });
    return person(name, reference, role, organization.slice('Organization/'.length), organizationName);
  };
  const patient = async (family: string, given: string) => {
    const reference = await create({
      resourceType: 'Patient',
      name: [{ use: 'official', text: `${family} ${given}`, family, given: [given] }],
      birthDate: '1941-03-02',
      generalPractitioner: [{ reference: island }],
    });
    return person(`${family} ${given}`, reference, 'patient', '', '');
  };
  return {
    records,
    doctor: await practitioner('島田', '一', 'doctor', island, '島の病院'),
    colleague: await practitioner('同僚', '二', 'doctor', island, '島の病院'),
    specialist: await practitioner('専門', '三', 'specialist', university, '大学病院'),
    patient: await patient('山田', 'ハナ'),
    stranger: await patient('他人', '太郎'),
  };
}

const person = (name: string, reference: string, role: PersonRole, organization: string, organizationName: string): Person => ({
  kind: 'person',
  account: `account-${reference}`,
  session: `session-${reference}`,
  name,
  reference,
  roles: [{ role, organization, organizationName }],
  language: 'ja',
});

export const idOf = (someone: Person) => someone.reference?.split('/')[1] ?? '';

export interface ConsultServer {
  url: string;
  consult: Awaited<ReturnType<typeof startConsult>>;
  /** A request as somebody. Returns status and body. */
  ask<T = EncounterView>(someone: Person, method: string, path: string, body?: unknown): Promise<{ status: number; body: T }>;
  connect(someone: Person): Promise<Caller>;
  close(): Promise<void>;
}

/** Starts the area on a server of its own. Who somebody is comes from `?as=` and stands for the sign-in that the hub does before. */
export async function startServer(
  database: Database,
  clinic: Clinic,
  options: { limits?: Parameters<typeof startConsult>[0]['limits']; workers?: number; port?: number; pages?: string } = {},
): Promise<ConsultServer> {
  const people = new Map(
    Object.values(clinic)
      .filter((each): each is Person => each.kind === 'person')
      .map(each => [each.reference, each]),
  );
  const server = createServer();
  const sockets = new Server(server, { pingInterval: 1000, pingTimeout: 1000 });
  const namespace = sockets.of('/consult');
  const whois = (as: unknown) => people.get(String(as).replace('~', '/'));
  namespace.use((socket, next) => {
    socket.data.actor = whois(socket.handshake.auth.as ?? asked(socket.handshake.headers.cookie));
    next();
  });
  const asked = (cookie: string | undefined) => /as=([^;]+)/.exec(cookie ?? '')?.[1];
  const config = readConfig({
    HUB_DATA: mkdtempSync(path.join(tmpdir(), 'consult-')),
    HUB_MEDIA_PORT: '0',
    HUB_MEDIA_WORKERS: String(options.workers ?? 1),
    HUB_PUBLIC_URL: 'http://hub.test',
  });
  const consult = await startConsult({
    config,
    database,
    records: clinic.records,
    namespace,
    log,
    files: await openFiles({ dataDirectory: config.dataDirectory, area: 'consult', key: randomBytes(32) }),
    limits: options.limits,
    notes: encounters => noteStates(database, encounters),
  });
  const app = new Hono<HubEnv>();
  app.use('/api/*', async (context, next) => {
    const actor = whois(context.req.header('x-as') ?? asked(context.req.header('cookie')));
    if (!actor) throw notSignedIn();
    context.set('actor', actor);
    await next();
  });
  app.get('/health', context => context.json({ ok: true }));
  app.get('/api/session', context => {
    const { account, name, reference, roles, language } = context.var.actor;
    return context.json({ account, name, reference, roles, language, demonstration: false });
  });
  app.route('/api/consult', consult.routes);
  app.route('/api/consult', noteRoutes({ records: clinic.records, database, config, changed: consult.changed }));
  app.route('/api/records', recordRoutes({ records: clinic.records, database }));
  if (options.pages) {
    app.use('/*', serveStatic({ root: options.pages }));
    app.get('/room/*', serveStatic({ root: options.pages, path: 'index.html' }));
  }
  app.onError((error, context) => {
    if (error instanceof Problem) return context.json(error.body(), error.status);
    log.error(error);
    return context.json({ error: { code: 'failed', ja: '', en: String(error) } }, 500);
  });
  server.on('request', getRequestListener(app.fetch));
  // Requests under socket.io's own path are answered by it alone.
  const [engine, ours] = [server.listeners('request')[0], server.listeners('request').at(-1)] as ((...a: unknown[]) => void)[];
  server.removeAllListeners('request');
  server.on('request', (request, response) => (request.url?.startsWith('/socket.io/') ? engine : ours)?.(request, response));
  await new Promise<void>(resolve => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const callers = new Set<Caller>();
  return {
    url,
    consult,
    async ask<T>(someone: Person, method: string, path: string, body?: unknown) {
      const answer = await fetch(`${url}/api/consult${path}`, {
        method,
        headers: { 'x-as': someone.reference ?? '', 'content-type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      return { status: answer.status, body: (await answer.json()) as T };
    },
    async connect(someone) {
      const caller = new Caller(url, someone);
      callers.add(caller);
      await caller.connected;
      return caller;
    },
    async close() {
      for (const caller of callers) caller.close();
      await consult.close();
      await sockets.close();
    },
  };
}

export type Answer = { ok: true } & Record<string, unknown>;
export type Refusal = { ok: false; error: { code: string; ja: string; en: string } };

/** A person's connection without a browser: sends messages, remembers the events. */
export class Caller {
  readonly socket: Socket;
  readonly connected: Promise<void>;
  readonly events: { name: string; payload: unknown }[] = [];

  constructor(url: string, someone: Person) {
    this.socket = io(`${url}/consult`, { auth: { as: someone.reference }, transports: ['websocket'], forceNew: true, reconnection: false });
    this.socket.onAny((name: string, payload: unknown) => this.events.push({ name, payload }));
    this.connected = new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', reject);
    });
  }
  send(name: string, payload: unknown = {}): Promise<Answer | Refusal> {
    return this.socket.timeout(5000).emitWithAck(name, payload);
  }
  /** Sends what must work. */
  async do<T = Record<string, unknown>>(name: string, payload: unknown = {}): Promise<T> {
    const answer = await this.send(name, payload);
    if (!answer.ok) throw new Error(`${name} was refused: ${answer.error.code} ${answer.error.en}`);
    return answer as T;
  }
  /** Sends what must be refused; its code. */
  async refused(name: string, payload: unknown = {}): Promise<string> {
    const answer = await this.send(name, payload);
    if (answer.ok) throw new Error(`${name} was accepted`);
    return answer.error.code;
  }
  join(encounter: string, client?: string): Promise<JoinAnswer> {
    return this.do<JoinAnswer>('join', { encounter, client });
  }
  heard(name: string): unknown[] {
    return this.events.filter(event => event.name === name).map(event => event.payload);
  }
  /** The last told state of the consultation. */
  seen(): EncounterView | undefined {
    return this.heard('encounter').at(-1) as EncounterView | undefined;
  }
  presence(someone: Person): string | undefined {
    return this.seen()?.participants.find(each => each.reference === someone.reference)?.presence;
  }
  close(): void {
    this.socket.disconnect();
  }
}
