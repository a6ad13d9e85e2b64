// The hub's HTTP application: security headers, sizes and origins, errors in words, each area's routes, the web build.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import { HTTPException } from 'hono/http-exception';
import type { Logger } from 'pino';
import { type Doors, guarded } from './guard.ts';
import { securityHeaders } from './headers.ts';
import { notFound, Problem, problemOf } from './problem.ts';
import { counted, networkOf, openCounter, type Rates } from './rates.ts';
import { peerOf } from './request.ts';
import type { HubEnv } from './server-types.ts';

export interface AppOptions {
  log: Logger;
  /** Puts the signed-in person into the context, or refuses with 401. */
  signedIn: MiddlewareHandler<HubEnv>;
  /** Routes that anyone may reach. */
  open: Record<string, Hono<HubEnv>>;
  /** Routes behind sign-in. Several areas may share one path. */
  guarded: [path: string, routes: Hono<HubEnv>][];
  /** Folder of the web build. */
  webDirectory: string;
  doors: Doors;
  rates: Rates;
  /** A proxy of the hub's own stands in front and says in X-Forwarded-For who asks. */
  proxied?: boolean;
  /** Paths (with all below) that take files, with the bytes each takes; everything else takes 2 MB. */
  uploads?: Record<string, number>;
}

const MAX_BODY_BYTES = 2 * 1024 * 1024;

export function makeApp(options: AppOptions): Hono<HubEnv> {
  const { log, signedIn, webDirectory } = options;
  const app = new Hono<HubEnv>();
  app.use(async (context, next) => {
    const start = performance.now();
    context.set('log', log);
    await next();
    // The route's pattern, never its address: identifiers in an address point at people.
    if (context.res.status >= 500) log.error({ method: context.req.method, status: context.res.status }, 'request failed');
    else log.debug({ method: context.req.method, status: context.res.status, ms: Math.round(performance.now() - start) }, 'request');
  });
  app.use(securityHeaders({ https: options.doors.publicUrl.startsWith('https:') }));
  app.use(
    counted(openCounter(options.rates.address), context => {
      context.set('proxied', options.proxied ?? false);
      return networkOf(peerOf(context));
    }),
  );
  app.use(guarded(options.doors));
  app.use(bodies(options.uploads ?? {}));
  for (const [prefix, routes] of Object.entries(options.open)) app.route(prefix, routes);
  const known = new WeakSet<Request>();
  const perPerson = counted(openCounter(options.rates.person), context => context.var.actor.account);
  for (const prefix of new Set(options.guarded.map(([route]) => route))) {
    for (const path of [prefix, `${prefix}/*`]) {
      // Where one prefix is below another, a request is counted once.
      app.use(path, signedIn, async (context, next) => {
        const { raw } = context.req;
        if (known.has(raw)) return next();
        known.add(raw);
        return perPerson(context, next);
      });
    }
  }
  for (const [prefix, routes] of options.guarded) app.route(prefix, routes);
  for (const prefix of ['/api/*', '/fhir/*', '/health/*']) {
    app.all(prefix, () => {
      throw notFound();
    });
  }

  // Vite names its assets by content: they may be kept for ever; the page itself is asked for each time.
  app.use(
    '/assets/*',
    compress(),
    serveStatic({
      root: path.relative(process.cwd(), webDirectory) || '.',
      onFound: (_, context) => context.header('cache-control', 'public, max-age=31536000, immutable'),
    }),
  );
  app.use(
    serveStatic({
      root: path.relative(process.cwd(), webDirectory) || '.',
      rewriteRequestPath: file => (file === '/' ? '/-' : file),
      onFound: (_, context) => context.header('cache-control', 'no-cache'),
    }),
  );
  app.get('*', context => {
    if (path.extname(context.req.path)) throw notFound();
    return context.html(readFileSync(path.join(webDirectory, 'index.html'), 'utf8'), 200, { 'cache-control': 'no-cache' });
  });

  app.notFound(context => refuse(context, notFound()));
  app.onError((error, context) => {
    const told = problemOf(error);
    if (told) return refuse(context, told);
    if (error instanceof HTTPException) return error.getResponse();
    log.error({ error: { name: error.name, message: error.message, stack: error.stack } }, 'unexpected error');
    const problem = new Problem(500, 'unexpected', {
      ja: 'うまくいきませんでした。もう一度試してください。続くときは、管理者に知らせてください。',
      en: 'Something went wrong. Please try again; if it goes on, tell your administrator.',
    });
    return refuse(context, problem);
  });
  return app;
}

/** A problem in the form its reader expects: an OperationOutcome below `/fhir` (FHIR R4, 3.1.0.1.5), the hub's own elsewhere. */
function refuse(context: Context<HubEnv>, problem: Problem): Response {
  // The rest of the body is not read: the connection ends, and the client is told so.
  if (problem.status === 413) context.header('connection', 'close');
  if (!context.req.path.startsWith('/fhir/')) return context.json(problem.body(), problem.status);
  const code = ISSUE_CODES[problem.status] ?? (problem.status >= 500 ? 'exception' : 'processing');
  const outcome = {
    resourceType: 'OperationOutcome',
    issue: [{ severity: 'error', code, details: { text: problem.text.ja }, diagnostics: problem.text.en }],
  };
  return context.body(JSON.stringify(outcome), problem.status, { 'content-type': 'application/fhir+json; charset=utf-8' });
}

/** http://hl7.org/fhir/R4/valueset-issue-type.html */
const ISSUE_CODES: Record<number, string> = {
  401: 'login',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  413: 'too-long',
  429: 'throttled',
};

/** Bodies up to the limit of their path; what is larger is not read. */
function bodies(uploads: Record<string, number>): MiddlewareHandler<HubEnv> {
  const limit = (maxSize: number) =>
    bodyLimit({
      maxSize,
      onError: () => {
        const mb = Math.floor(maxSize / 1024 / 1024);
        throw new Problem(413, 'too-large', {
          ja: `送られた内容が大きすぎます (${mb} MB まで)。`,
          en: `The body is too large (${mb} MB at most).`,
        });
      },
    });
  const usual = limit(MAX_BODY_BYTES);
  const larger = Object.entries(uploads).map(([prefix, bytes]) => [prefix, limit(bytes)] as const);
  return (context, next) => {
    const { path: asked } = context.req;
    const own = larger.find(([prefix]) => asked === prefix || asked.startsWith(`${prefix}/`));
    return (own?.[1] ?? usual)(context, next);
  };
}
