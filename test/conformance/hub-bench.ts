// What the tests of conformance runs at a hub share: ingest and bench over real HTTP, socket.io and MQTT, with a maker signed in.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { connectAsync } from 'mqtt';
import { Server } from 'socket.io';
import { loadProfiles, type Profile } from '../../devices/index.ts';
import { type Bench, openBench } from '../../hub/bench/index.ts';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/actor.ts';
import type { Authority } from '../../hub/identity/index.ts';
import { unique } from '../harness/index.ts';
import { log, mqttInternal, openStand } from '../ingest/bench-facility.ts';
import { person } from '../records/people.ts';

/** A bed sensor that measures four times a second, so that a run takes seconds. */
export const quick: Profile = { ...loadProfiles().get('bed')!, intervalSeconds: 0.25 };

export async function openHubBench({ authority }: { authority?: Authority } = {}) {
  const stand = await openStand({ authority });
  const facility = unique('maker');
  const maker = person('Practitioner/maker', [['maker', facility]]);
  const audited: { action: string; en: string; who: string }[] = [];
  const people = new Map<string, Person>([['maker', maker]]);
  const actorOf = (cookie: string | undefined) => people.get(/who=([\w-]+)/.exec(cookie ?? '')?.[1] ?? '') ?? null;
  const server = createServer();
  const io = new Server(server, { serveClient: false });
  const live = io.of('/live').use((socket, next) => {
    socket.data.actor = actorOf(socket.request.headers.cookie);
    next(socket.data.actor ? undefined : new Error('not signed in'));
  });
  const mqtt = await connectAsync(`mqtt://127.0.0.1:${stand.port}`, { username: 'hub', password: mqttInternal, clientId: unique('care') });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const open = () =>
    openBench({
      ...{ database: stand.database, namespace: live, mqtt, log, secret: Buffer.alloc(32, 7).toString('base64url') },
      records: {
        audit: async ({ actor, action, what }) => void audited.push({ action, en: what.en, who: (actor as Person).reference ?? '' }),
      },
      config: { mqtt: { url: `mqtt://127.0.0.1:${stand.port}`, embedded: true }, http: { publicUrl: 'https://hub.example' } },
      profiles: new Map([...loadProfiles(), ['bed', quick]]),
      timing: { wait: 3000, returnLimit: 3000, away: 1000, observe: 2000 },
    });
  let bench: Bench = await open();
  const app = new Hono<HubEnv>()
    .post('/api/session/password', context => {
      context.header('set-cookie', 'who=maker; Path=/; HttpOnly');
      return context.json({});
    })
    .use(async (context, next) => {
      const actor = actorOf(context.req.header('cookie'));
      if (!actor) return context.json({ error: { code: 'not-signed-in', ja: 'サインインしてください。', en: 'Sign in.' } }, 401);
      context.set('actor', actor);
      await next();
    })
    .get('/api/session', context => context.json({ roles: context.var.actor.roles }))
    .delete('/api/session', context => context.json({}))
    .all('/api/bench/*', context => {
      const routes = new Hono<HubEnv>()
        .use(async (inner, next) => {
          inner.set('actor', context.var.actor);
          await next();
        })
        .route('/api/bench', bench.routes);
      routes.onError((error, inner) => {
        if (error instanceof Problem) return inner.json(error.body(), error.status);
        throw error;
      });
      return routes.fetch(context.req.raw);
    });
  const answer = getRequestListener(app.fetch);
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/socket.io/')) void answer(request, response);
  });

  return {
    stand,
    facility,
    url,
    audited,
    mqtt,
    as(name: string, who: Person) {
      people.set(name, who);
    },
    async call<T>(method: string, path: string, body?: object, who = 'maker') {
      const response = await fetch(`${url}/api/bench${path}`, {
        method,
        headers: { cookie: `who=${who}` },
        body: body && JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, text, body: JSON.parse(text.startsWith('<') ? '{}' : text) as T };
    },
    /** Assigned an hour ago, so that samples of a clock that is behind are not from before that. */
    newDevice: (subject: string | null = `Location/bench-${facility}`) =>
      stand.registry.createDevice({
        ...{ facility, profile: 'bed', subject },
        from: new Date(Date.now() - 3_600_000),
      }),
    /** As a restart of the care role that nobody announced: the process is gone, its rows stay. */
    async reopen() {
      bench = await open();
    },
    closeBench: () => bench.close(),
    async close() {
      await bench.close();
      await mqtt.endAsync(true);
      await io.close();
      server.closeAllConnections();
      await stand.close();
    },
  };
}
