// A stand-in hub for tests of pages alone: answers with the facts of `fixtures.ts` and lets a test fail, raise or change things at will.

import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import { Server } from 'socket.io';
import { loadProfiles } from '../../devices/index.ts';
import type { AlertView, Budget, Happening, OnCallView, RiskState } from '../../hub/alerts/contract.ts';
import { DEFAULT_SHIFTS } from '../../hub/alerts/shifts.ts';
import type { RunView } from '../../hub/bench/contract.ts';
import type { PersonRole } from '../../hub/identity/actor.ts';
import type { SessionView } from '../../hub/identity/contract.ts';
import type { BenchMessage, Credentials } from '../../hub/ingest/contract.ts';
import type { PersonValueView } from '../../hub/learning/contract.ts';
import type { TimelineEntry, TimelinePage } from '../../hub/records/contract.ts';
import type { LiveVitals } from '../../hub/vitals/contract.ts';
import { accessFixture } from './access-facts.ts';
import { benchFixture } from './bench-fixtures.ts';
import { type Facts, facts } from './fixtures.ts';
import { learningFacts } from './learning-facts.ts';
import { phrStand } from './phr-facts.ts';
import { sessionFor } from './world-facts.ts';

export interface FixtureHub {
  url: string;
  facts: Facts;
  session: SessionView | null;
  /** Requests as `GET /api/…` in order, for what a test wants to see sent. */
  requests: { line: string; body: unknown }[];
  signIn(...roles: PersonRole[]): void;
  /** Answers every path that begins so with this status from now on; 0 ends the connection. */
  fail(prefix: string, status: number): void;
  /** Everything as at the beginning, nobody signed in. */
  reset(): void;
  raise(patient: string, more?: Partial<AlertView>): AlertView;
  vitals(live: LiveVitals): void;
  /** Who may see this patient has changed. */
  rights(patient: string): void;
  bench(message: BenchMessage): void;
  /** Conformance runs: what is listed, and a change told live. */
  checks: { list(runs: RunView[]): void; tell(view: RunView): void };
  /** A device of this facility does better or worse. */
  coverageChanged(facility: string): void;
  /** Cuts every live connection and refuses new ones until called with false. */
  cutLive(cut: boolean): void;
  close(): Promise<void>;
}

const secret: Credentials = {
  device: 'bed-999',
  facility: 'himawari',
  username: 'himawari/bed-999',
  secret: 'kq0m3-XhYJtq5dTn0pVbQ2sW8zRf1LcAe7uGi9oPx4M',
  topic: 'care/1/himawari/bed-999/json',
  mqttUrl: 'mqtt://localhost:1883',
  mqttsUrl: 'mqtts://localhost:8883',
  certificate: null,
  formerUntil: null,
};
/** Two pages of what is on record, by kind and words as the hub would. */
function timelinePage(all: TimelineEntry[], { kinds, words, before }: Record<string, string>): TimelinePage {
  const found = all.filter(entry => (!kinds || kinds.split(',').includes(entry.kind)) && (!words || entry.title.ja.includes(words)));
  const from = Number(before ?? 0);
  return { entries: found.slice(from, from + 5), next: found.length > from + 5 ? String(from + 5) : null };
}
const problem = (code: string, ja: string, en: string) => ({ error: { code, ja, en } });

/** Starts the stand-in on a free port. @param web folder of the built web application */
export async function startFixtureHub(web: string): Promise<FixtureHub> {
  let failing: { prefix: string; status: number }[] = [];
  let refuseLive = false;
  let learning = learningFacts('himawari');
  const app = new Hono();
  // The policy of the real hub: a page that needs more than this is broken.
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        connectSrc: ["'self'", 'ws:', 'wss:'],
        objectSrc: ["'none'"],
      },
    }),
  );
  app.use(async (context, next) => {
    const { path: at, method } = context.req;
    if (/^\/(api|fhir|health)/.test(at)) {
      const body: unknown = method === 'GET' ? null : await context.req.json().catch(() => null);
      const query = context.req.url.slice(context.req.url.indexOf(at) + at.length);
      hub.requests.push({ line: `${method} ${at}${query}`, body });
      const found = failing.find(({ prefix }) => at.startsWith(prefix));
      if (found?.status === 403) return context.json(problem('not-allowed', '権限がありません。', 'You have no right.'), 403);
      if (found) return context.json(problem('broken', '少し待って、もう一度試してください。', 'Wait and try again.'), found.status as 500);
      if (!hub.session && !at.startsWith('/api/session') && !at.startsWith('/api/shared'))
        return context.json(problem('not-signed-in', 'サインインしてください。', 'Sign in.'), 401);
    }
    return next();
  });

  const api = new Hono()
    .get('/session', context =>
      hub.session
        ? context.json(hub.session)
        : context.json(problem('not-signed-in', 'もう一度サインインしてください。', 'Sign in again.'), 401),
    )
    .post('/session/link', async context => {
      const { token } = await context.req.json<{ token: string }>();
      if (!token.startsWith('good'))
        return context.json(problem('link-over', 'このリンクは、もう使えません。', 'This link is used up.'), 410);
      hub.signIn('patient');
      return context.json(hub.session);
    })
    .post('/session/password', async context => {
      const { password } = await context.req.json<{ password: string }>();
      if (password !== 'correct horse battery')
        return context.json(problem('wrong', 'メールアドレスかパスワードが違います。', 'Wrong e-mail or password.'), 401);
      hub.signIn('doctor');
      return context.json(hub.session);
    })
    .post('/session/first', context => {
      hub.signIn('administrator');
      return context.json(hub.session);
    })
    .put('/session/language', async context => {
      const { language } = await context.req.json<{ language: 'ja' | 'en' }>();
      if (hub.session) hub.session = { ...hub.session, language };
      return context.json({});
    })
    .delete('/session', context => {
      hub.session = null;
      return context.json({});
    })
    .get('/consult/encounters', context => context.json(hub.facts.encounters))
    .post('/consult/encounters', async context => {
      const wanted = await context.req.json<{ reason: string; pattern: 'DtoP'; invite: string[] }>();
      const made = {
        ...hub.facts.encounters[0]!,
        id: 'enc-new',
        status: 'planned' as const,
        reason: wanted.reason,
        pattern: wanted.pattern,
        note: null,
      };
      hub.facts.encounters.push(made);
      return context.json(made, 201);
    })
    .get('/consult/people', context => context.json(hub.facts.specialists))
    .get('/records/timeline/:patient', context => context.json(timelinePage(hub.facts.timeline, context.req.query())))
    .get('/records/sharing', context => context.json(hub.facts.sharing))
    .post('/records/sharing', async context => {
      const { organization, allow } = await context.req.json<{ organization: string; allow: boolean }>();
      hub.facts.sharing = hub.facts.sharing.map(one => (one.organization === organization ? { ...one, allowed: allow } : one));
      return context.json({});
    })
    .get('/records/audit', context => context.json(hub.facts.audit))
    .get('/records/deliveries', context => context.json(hub.facts.deliveries))
    .post('/records/deliveries/:id/:doing', context => context.json({ document: 'd1' }))
    .get('/records/documents/:id/view', context => context.json({ ...hub.facts.document, id: context.req.param('id') }))
    .post('/records/documents/:id/amend', context => context.json({ ...hub.facts.draft, replaces: context.req.param('id') }, 201))
    .get('/records/drafts', context => context.json([hub.facts.draft]))
    .post('/records/drafts', context => context.json(hub.facts.draft, 201))
    .get('/records/drafts/:id', context => context.json(hub.facts.draft))
    .put('/records/drafts/:id', async context => context.json({ ...hub.facts.draft, ...(await context.req.json<object>()), version: 2 }))
    .post('/records/drafts/:id/confirm', context => context.json({ document: 'd1' }))
    .get('/records/elsewhere/:patient', context => context.json(hub.facts.elsewhere))
    .put('/records/elsewhere/:patient', async context => {
      const { days } = await context.req.json<{ days: number }>();
      hub.facts.elsewhere = { ...hub.facts.elsewhere, consentUntil: days ? new Date(Date.now() + days * 86_400_000).toISOString() : null };
      return context.json(hub.facts.elsewhere);
    })
    .post('/records/elsewhere/:patient', context => context.json({ taken: 3, known: 1, refused: 0 }))
    .get('/alerts/floor', context => context.json(hub.facts.floor))
    .get('/alerts', context => context.json(hub.facts.alerts))
    .get('/alerts/budget/:facility', context => context.json(hub.facts.model))
    .put('/alerts/budget/:facility', async context => {
      const { act } = hub.facts.model.points[0]!;
      const budget = await context.req.json<Budget>();
      hub.facts.model = {
        ...hub.facts.model,
        act,
        budget: { ...budget, act, changedBy: '田中 誠', changedAt: new Date().toISOString(), forThisVersion: true },
      };
      return context.json(hub.facts.model);
    })
    .get('/learning/:facility', context => context.json(learning))
    .post('/learning/:facility/adopt', async context => {
      const { version } = await context.req.json<{ version: string | null }>();
      const versions = learning.versions.map(one => ({
        ...one,
        state: one.id === version ? ('adopted' as const) : one.id === null ? ('shipped' as const) : ('former' as const),
      }));
      learning = { ...learning, versions, current: versions.find(one => one.state === 'adopted')! };
      return context.json(learning);
    })
    .post('/learning/:facility/person', async context => {
      const wanted = await context.req.json<{ patient: string; value: string | null }>();
      const decide = (value: PersonValueView): PersonValueView => {
        if (value.id === wanted.value) return { ...value, state: 'adopted', decidedBy: '田中 誠', decidedAt: new Date().toISOString() };
        return value.state === 'adopted' ? { ...value, state: 'former' } : value;
      };
      const people = learning.people.map(one => (one.patient === wanted.patient ? { ...one, values: one.values.map(decide) } : one));
      learning = { ...learning, people };
      return context.json(learning);
    })
    .post('/learning/:facility/episodes', context => context.json({}, 201))
    .get('/alerts/push/key', context =>
      context.json({ publicKey: 'BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM' }),
    )
    .post('/alerts/push', context => context.json({ on: true }))
    .post('/alerts/push/state', context => context.json({ on: true }))
    .post('/alerts/push/end', context => context.json({ on: false }))
    .get('/alerts/on-call/:facility', context => context.json(hub.facts.onCall))
    .put('/alerts/on-call/:facility', async context => {
      const { steps } = await context.req.json<Pick<OnCallView, 'steps'>>();
      hub.facts.onCall = { ...hub.facts.onCall, steps, standard: false, changedBy: '田中 誠', changedAt: new Date().toISOString() };
      return context.json(hub.facts.onCall);
    })
    .get('/alerts/handover/:facility', context => context.json({ ...hub.facts.handover, alerts: hub.facts.alerts }))
    .post('/alerts/handover/:facility', context => {
      const at = new Date().toISOString();
      const { shift, from } = hub.facts.handover;
      hub.facts.handover = { ...hub.facts.handover, from: at, to: at, taken: [{ shift, from, at, by: '佐藤 美咲' }] };
      return context.json({ ...hub.facts.handover, alerts: hub.facts.alerts.filter(alert => alert.state !== 'resolved') });
    })
    .get('/alerts/handover/:facility/shifts', context => context.json({ shifts: DEFAULT_SHIFTS }))
    .put('/alerts/handover/:facility/shifts', async context => context.json(await context.req.json()))
    .get('/alerts/:id/history', context => {
      const alert = context.req.param('id');
      const at = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
      const nobody = { alert, by: null, detail: null };
      return context.json([
        { ...nobody, at: at(240), what: 'raised' },
        { ...nobody, at: at(240), what: 'paged', detail: { who: { role: 'caregiver' }, ways: ['live', 'push'], repeat: 0 } },
        { ...nobody, at: at(180), what: 'acknowledged', by: '佐藤 美咲' },
      ] satisfies Happening[]);
    })
    .post('/alerts/:id/consult', context => {
      change(context.req.param('id'), { consultation: 'enc-1' });
      return context.json({ encounter: 'enc-1' }, 201);
    })
    .get('/alerts/:id', context => {
      const found = hub.facts.alerts.find(alert => alert.id === context.req.param('id'));
      return found ? context.json(found) : context.json(problem('not-found', '見つかりません。', 'Not found.'), 404);
    })
    .post('/alerts/:id/acknowledge', context =>
      context.json(
        change(context.req.param('id'), { state: 'acknowledged', acknowledgedBy: '佐藤 美咲', acknowledgedAt: new Date().toISOString() }),
      ),
    )
    .post('/alerts/:id/outcome', async context => {
      const { outcome, onset, comment } = await context.req.json<Pick<AlertView, 'outcome' | 'onset' | 'comment'>>();
      return context.json(
        change(context.req.param('id'), {
          state: 'resolved',
          outcome,
          onset,
          comment,
          resolvedBy: '佐藤 美咲',
          resolvedAt: new Date().toISOString(),
        }),
      );
    })
    .put('/alerts/hint/:patient', context => context.json({}))
    .get('/vitals/:patient', context => context.json(hub.facts.day))
    .get('/devices/profiles', context => context.json([...loadProfiles().values()]))
    .get('/devices/coverage', context => context.json(hub.facts.coverage))
    .get('/alarms/limits/:patient', context => context.json(hub.facts.limits))
    .put('/alarms/limits/:patient', context => context.json(hub.facts.limits))
    .get('/devices', context => context.json(hub.facts.benchDevices))
    .post('/devices', context => context.json(secret, 201))
    .post('/devices/gateways', context => context.json({ ...secret, device: 'gateway', username: 'gateway/himawari', topic: '' }, 201))
    .post('/devices/:device/rotate', context => context.json(secret))
    .post('/devices/gateway/renew', context => {
      const { coverage } = hub.facts;
      hub.facts.coverage = { ...coverage, gateway: coverage.gateway && { ...coverage.gateway, renewAsked: true } };
      return context.json({});
    })
    .post('/devices/:device/revoke', context => context.json({}))
    .put('/devices/:device/assignment', context => context.json({}))
    .get('/devices/:device/refusals', context => context.json(hub.facts.refusals))
    .get('/people', context => context.json(hub.facts.people))
    .post('/people/:account/link', context =>
      context.json({ url: `${hub.url}/s#example-of-a-token-that-is-long`, expires: new Date(Date.now() + 86_400_000).toISOString() }),
    );
  let bench = benchFixture();
  app.all('/api/bench/*', context => new Hono().route('/api/bench', bench.routes).fetch(context.req.raw));
  app.route(
    '/api',
    accessFixture(() => hub.session?.roles.map(({ role }) => role) ?? []),
  );
  app.route(
    '/api',
    phrStand(
      () => hub.facts.phr,
      () => hub.facts.timeline,
    ),
  );
  app.route('/api', api);
  app.get('/fhir/R4/Patient', context => context.json(hub.facts.patients));
  app.get('/fhir/R4/:type', context => context.json({ resourceType: 'Bundle', type: 'searchset' }));
  app.get('/health/ready', context => context.json(hub.facts.readiness));
  app.all('/api/*', context => context.json(problem('not-found', '見つかりません。', 'Not found.'), 404));
  app.use(serveStatic({ root: path.relative(process.cwd(), web), rewriteRequestPath: file => (file === '/' ? '/-' : file) }));
  app.get('*', serveStatic({ root: path.relative(process.cwd(), web), rewriteRequestPath: () => '/index.html' }));

  const listener = getRequestListener(app.fetch);
  const server: HttpServer = createServer((request, response) => {
    if (failing.some(({ prefix, status }) => status === 0 && request.url?.startsWith(prefix))) return void request.socket.destroy();
    void listener(request, response);
  });
  const io = new Server(server, { serveClient: false });
  const live = io.of('/live');
  live.use((_, next) => next(refuseLive ? new Error('cut') : undefined));
  live.on('connection', socket => {
    for (const name of ['floor:follow', 'vitals:watch', 'bench:watch', 'check:watch', 'coverage:follow', 'rights:follow'])
      socket.on(name, (message: Record<string, string>, answer?: (body: { ok: true }) => void) => {
        void socket.join(`${name} ${Object.values(message)[0]}`);
        // What changed between the page's request and now, as the hub does it.
        if (name === 'floor:follow') {
          const { facility, floors, predictedAt } = hub.facts.floor;
          socket.emit('tiles', { facility, tiles: floors.flatMap(floor => floor.residents), predictedAt });
        }
        answer?.({ ok: true });
      });
  });

  function change(id: string, fields: Partial<AlertView>): AlertView {
    const before = hub.facts.alerts.find(alert => alert.id === id);
    if (!before) throw new Error(`no alert ${id}`);
    const view = { ...before, ...fields };
    hub.facts.alerts = hub.facts.alerts.map(alert => (alert.id === id ? view : alert));
    setTile(view.patient, view.state === 'resolved' ? 'watch' : 'act', view);
    live.emit('alert', view);
    return view;
  }
  function setTile(patient: string | null, state: RiskState, alert: AlertView): void {
    for (const floor of hub.facts.floor.floors)
      floor.residents = floor.residents.map(tile =>
        tile.patient === patient ? { ...tile, state, alert, alerts: [alert], since: alert.raisedAt } : tile,
      );
  }

  const hub: FixtureHub = {
    url: '',
    facts: facts(Date.now()),
    session: null,
    requests: [],
    signIn: (...roles) => {
      hub.session = sessionFor(roles);
    },
    fail: (prefix, status) => {
      failing.push({ prefix, status });
    },
    reset: () => {
      failing = [];
      refuseLive = false;
      hub.session = null;
      hub.facts = facts(Date.now());
      bench = benchFixture();
      learning = learningFacts('himawari');
      hub.requests = [];
    },
    raise: (patient, more) => {
      const tile = hub.facts.floor.floors.flatMap(floor => floor.residents).find(one => one.patient === patient)!;
      const alert: AlertView = {
        ...hub.facts.alerts[0]!,
        id: `alert-${patient}`,
        patient,
        residentName: tile.name,
        room: tile.room,
        raisedAt: new Date().toISOString(),
        state: 'open',
        acknowledgedBy: null,
        acknowledgedAt: null,
        outcome: null,
        ...more,
      };
      hub.facts.alerts = [alert, ...hub.facts.alerts];
      setTile(patient, 'act', alert);
      live.emit('alert', alert);
      live.emit('tiles', { facility: 'himawari', tiles: [{ ...tile, state: 'act', alert, alerts: [alert] }], predictedAt: alert.raisedAt });
      return alert;
    },
    vitals: payload => void live.emit('vitals', payload),
    rights: patient => void live.emit('rights:changed', { patient }),
    bench: payload => void live.emit('bench', payload),
    checks: {
      list: runs => {
        bench.runs = runs;
      },
      tell: view => void live.emit('check', view),
    },
    coverageChanged: facility => void live.emit('coverage:changed', { facility }),
    cutLive: cut => {
      refuseLive = cut;
      if (cut) live.disconnectSockets(true);
    },
    close: async () => {
      await io.close();
      server.closeAllConnections();
    },
  };
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  hub.url = `http://localhost:${(server.address() as AddressInfo).port}`;
  return hub;
}
