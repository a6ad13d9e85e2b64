// The hub's HTTP application: security headers, sizes and origins, errors in words, each area's routes, the web build.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import { HTTPException } from 'hono/http-exception';
import { secureHeaders } from 'hono/secure-headers';
import type { Logger } from 'pino';
import { notFound, Problem, problemOf } from './problem.ts';
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
  https: boolean;
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
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:', 'blob:'],
        mediaSrc: ["'self'", 'blob:'],
        connectSrc: ["'self'", 'ws:', 'wss:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
      strictTransportSecurity: options.https ? 'max-age=31536000; includeSubDomains' : false,
      permissionsPolicy: { camera: ['self'], microphone: ['self'], displayCapture: ['self'], geolocation: ['self'] },
      referrerPolicy: 'no-referrer',
    }),
  );
  app.use(sameOrigin);
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new Problem(413, 'too-large', {
          ja: '送られた内容が大きすぎます (2 MB まで)。',
          en: 'The body is too large (2 MB at most).',
        });
      },
    }),
  );
  app.use('/api/*', async (context, next) => {
    await next();
    context.header('cache-control', 'no-store');
  });
  app.use('/fhir/*', async (context, next) => {
    await next();
    context.header('cache-control', 'no-store');
  });
  for (const [prefix, routes] of Object.entries(options.open)) app.route(prefix, routes);
  for (const prefix of new Set(options.guarded.map(([route]) => route))) {
    app.use(prefix, signedIn);
    app.use(`${prefix}/*`, signedIn);
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
    serveStatic({ root: path.relative(process.cwd(), webDirectory) || '.', rewriteRequestPath: file => (file === '/' ? '/-' : file) }),
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

/** A request that changes something must come from a page of this very address (cross-site request forgery). */
const sameOrigin: MiddlewareHandler<HubEnv> = async (context, next) => {
  const origin = context.req.header('origin');
  if (origin && !['GET', 'HEAD', 'OPTIONS'].includes(context.req.method) && !isSameOrigin(origin, context.req.header('host'))) {
    throw new Problem(403, 'other-origin', {
      ja: 'ほかのサイトからの操作は受け付けません。',
      en: 'Requests from other sites are not accepted.',
    });
  }
  await next();
};

export function isSameOrigin(origin: string, host: string | undefined): boolean {
  return URL.canParse(origin) && new URL(origin).host === host;
}
