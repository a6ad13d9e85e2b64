// A small application on the hub's own frame, for tests of the frame: one open route, one behind a pretended sign-in.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Hono } from 'hono';
import pino from 'pino';
import { z } from 'zod';
import { type AppOptions, type HubEnv, makeApp, notSignedIn, readBody } from '../../hub/http/index.ts';
import type { Person } from '../../hub/identity/index.ts';

export const silent = pino({ level: 'silent' });

const person = (account: string): Person => ({
  kind: 'person',
  account,
  session: account,
  name: account,
  reference: null,
  roles: [],
  language: 'ja',
});

/** Who sends the cookie `who=NAME` is NAME. */
export function frame(options: Partial<AppOptions> = {}) {
  const webDirectory = mkdtempSync(path.join(tmpdir(), 'hub-web-'));
  writeFileSync(path.join(webDirectory, 'index.html'), '<!doctype html><p>page</p>');
  const routes = new Hono<HubEnv>()
    .get('/', context => context.json({ account: context.var.actor.account }))
    .post('/', async context => context.json(await readBody(context, z.looseObject({}))));
  const app = makeApp({
    log: silent,
    async signedIn(context, next) {
      const who = /who=(\w+)/.exec(context.req.header('cookie') ?? '')?.[1];
      if (!who) throw notSignedIn();
      context.set('actor', person(who));
      await next();
    },
    open: { '/health': new Hono<HubEnv>().get('/', context => context.json({ status: 'up' })) },
    guarded: [['/api/things', routes]],
    webDirectory,
    doors: { publicUrl: 'https://hub.example', names: ['hub.local'] },
    rates: { person: 1000, address: 1000 },
    ...options,
  });
  return {
    app,
    ask: (method: string, address: string, headers: Record<string, string> = {}, body?: string) =>
      app.request(address.startsWith('/') ? `https://hub.example${address}` : address, { method, headers, body }),
  };
}
