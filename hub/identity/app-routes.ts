// HTTP of `/api/apps`: administrators register apps and partner systems, see what they do, and end them.
import { Hono } from 'hono';
import { type HubEnv, notFound, Problem, readBody } from '../http/index.ts';
import type { Text } from '../http/problem.ts';
import { requireRole } from './actor.ts';
import { NewApp } from './contract.ts';
import type { Identity } from './identity.ts';
import { readScopes } from './scopes.ts';

/** Mounted behind `signedIn`. `nameOf` says the name of an organization (id), or undefined when there is none. */
export function appRoutes(identity: Identity, nameOf: (organization: string) => Promise<string | undefined>): Hono<HubEnv> {
  const { apps, audit } = identity;
  return new Hono<HubEnv>()
    .get('/', async context => {
      requireRole(context.var.actor, ['administrator']);
      return context.json(await apps.list());
    })
    .post('/', async context => {
      const actor = context.var.actor;
      requireRole(actor, ['administrator']);
      const { name, kind, keys, redirects, scopes: text, role, organization } = await readBody(context, NewApp);
      const scopes = readScopes(text);
      if (!scopes)
        throw wrong('scopes', {
          ja: '権限の書き方が正しくありません。例: system/Patient.rs',
          en: 'These are no scopes; e.g. system/Patient.rs',
        });
      const own = scopes.every(scope => scope.startsWith('system/') === (kind === 'service'));
      if (!own)
        throw wrong('scopes', {
          ja: 'サービスは system/、人が使うアプリは patient/ か user/ です。',
          en: 'Services have system/ scopes, apps of people patient/ or user/ ones.',
        });
      if (kind === 'service' && (!keys || !role || !organization))
        throw wrong('keys', {
          ja: 'サービスには、公開鍵と、役割と、施設が要ります。',
          en: 'A service needs its public keys, a role and an organization.',
        });
      if (kind === 'user' && !redirects.length)
        throw wrong('redirects', { ja: '戻り先のアドレスが要ります。', en: 'An address to return to is needed.' });
      if (redirects.some(address => !isSafe(address)))
        throw wrong('redirects', {
          ja: '戻り先は https で始まるものだけです(この機械の中は http も可)。',
          en: 'Addresses to return to begin with https (http only on this very machine).',
        });
      const organizationName = kind === 'service' ? await nameOf(organization!) : null;
      if (organizationName === undefined)
        throw wrong('organization', { ja: 'この施設はありません。', en: 'There is no such organization.' });
      const acting = kind === 'service' ? { role, organization } : { role: null, organization: null };
      const made = await apps.register(
        { name, kind, keys: keys as never, redirects, scopes, ...acting, organization_name: organizationName },
        actor.account,
      );
      await audit({
        actor,
        action: 'create',
        what: { ja: `アプリ「${name}」を登録しました`, en: `Registered the app “${name}”` },
        allowed: true,
      });
      return context.json(
        (await apps.list()).find(app => app.id === made.id),
        201,
      );
    })
    .post('/:app/end', async context => {
      const actor = context.var.actor;
      requireRole(actor, ['administrator']);
      const app = await apps.find(context.req.param('app'));
      if (!app) throw notFound();
      if (await apps.end(app.id))
        await audit({
          actor,
          action: 'delete',
          what: { ja: `アプリ「${app.name}」を終えました`, en: `Ended the app “${app.name}”` },
          allowed: true,
        });
      return context.json((await apps.list()).find(each => each.id === app.id));
    });
}

/** A code must not travel in the clear, nor to an address with a fragment. */
function isSafe(address: string): boolean {
  const { protocol, hostname, hash } = new URL(address);
  return !hash && (protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname));
}

const wrong = (path: string, text: Text) => new Problem(422, 'app-wrong', text, { details: [{ path, message: text.en }] });
