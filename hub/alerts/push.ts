// Web Push (RFC 8030, 8291, 8292): a person's devices that asked for notifications, and how one is reached. Nothing about a resident in it.
import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import webpush from 'web-push';
import { z } from 'zod';
import { Problem } from '../http/problem.ts';
import type { Database } from '../store/index.ts';
import type { Messenger, OnDuty } from './messenger.ts';
import type { VapidKeys } from './vapid.ts';

/** POST /api/alerts/push: as PushSubscription.toJSON() says. */
export const SubscriptionSchema = z.object({
  endpoint: z.url().max(1000),
  keys: z.object({ p256dh: z.string().regex(/^[\w-]{80,100}={0,2}$/), auth: z.string().regex(/^[\w-]{20,30}={0,2}$/) }),
});
export type Subscription = z.infer<typeof SubscriptionSchema>;

/** Push services of the browsers; a hub that posted to any address would be a way into its own network. */
const SERVICES = [/\.googleapis\.com$/, /\.push\.services\.mozilla\.com$/, /\.push\.apple\.com$/, /\.notify\.windows\.com$/];
const REQUEST_MS = 5000;
/** Devices of one person; of more, those that were added longest ago go: each page is sent to all of them while its alert is held. */
const DEVICES = 10;
/** A page that a device has not fetched after this time says nothing any more, s. */
const LIVES = 900;

/** What a locked screen may show: no name, no room, no facility, no reason. */
export const NOTICE = {
  ja: { title: 'つうちがあります', body: 'ひらいて見てください' },
  en: { title: 'There is a notice', body: 'Please open it' },
} as const;

export interface PushDeps {
  database: Database;
  keys: VapidKeys;
  /** Origins besides the browsers' own services, for a service of one's own: `https://push.example`. */
  services: string[];
  fetch?: typeof fetch;
  now?: () => number;
}

export interface Push extends Messenger {
  publicKey: string;
  /** @throws Problem 422 when the endpoint is of no known push service */
  subscribe(account: string, subscription: Subscription): Promise<void>;
  unsubscribe(account: string, endpoint: string): Promise<void>;
  has(account: string, endpoint: string): Promise<boolean>;
}

interface Row {
  account: string;
  endpoint: string;
  p256dh: string;
  auth: string;
}

export function openPush({ database, keys, services, fetch: post = fetch, now = Date.now }: PushDeps): Push {
  const nameOf = (endpoint: string) => createHash('sha256').update(endpoint).digest('base64url');
  const known = (endpoint: string) => {
    const url = new URL(endpoint);
    if (services.includes(url.origin)) return true;
    return url.protocol === 'https:' && url.port === '' && SERVICES.some(service => service.test(`.${url.hostname}`));
  };
  const forget = async (endpoint: string) => {
    await sql`delete from push_subscriptions where name = ${nameOf(endpoint)}`.execute(database.kysely);
  };

  async function send(row: Row, person: OnDuty, page: { id: string; alert: string }): Promise<void> {
    // Same name, same tag: a page that comes twice is shown once.
    const payload = JSON.stringify({ ...NOTICE[person.language], path: `/alert/${page.alert}`, tag: page.id });
    const request = webpush.generateRequestDetails({ endpoint: row.endpoint, keys: { p256dh: row.p256dh, auth: row.auth } }, payload, {
      vapidDetails: keys,
      TTL: LIVES,
      urgency: 'high',
      topic: page.id.replaceAll('-', ''),
    });
    const answer = await post(request.endpoint, {
      method: 'POST',
      headers: request.headers as Record<string, string>,
      body: request.body as BodyInit,
      redirect: 'error',
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    await answer.body?.cancel();
    // RFC 8030 section 7.3: the subscription is gone. Not waited for: the alert is held by another connection meanwhile.
    if (answer.status === 404 || answer.status === 410) return void forget(row.endpoint).catch(() => undefined);
    if (!answer.ok) throw new Error(`the push service answered ${answer.status}`);
  }

  return {
    publicKey: keys.publicKey,
    async subscribe(account, { endpoint, keys: { p256dh, auth } }) {
      if (!known(endpoint))
        throw new Problem(422, 'push-service-unknown', {
          ja: 'このブラウザーの通知サービスには、まだ対応していません。ほかのブラウザーで試してください。',
          en: 'The push service of this browser is not supported yet. Try another browser.',
        });
      // A device that changes hands notifies who signed in last.
      await sql`
        insert into push_subscriptions (name, account, endpoint, p256dh, auth, made_at)
        values (${nameOf(endpoint)}, ${account}, ${endpoint}, ${p256dh}, ${auth}, ${new Date(now())})
        on conflict (name) do update set account = excluded.account, p256dh = excluded.p256dh, auth = excluded.auth, made_at = excluded.made_at`.execute(
        database.kysely,
      );
      await sql`delete from push_subscriptions where account = ${account} and name in (
        select name from push_subscriptions where account = ${account} order by made_at desc, name offset ${DEVICES})`.execute(
        database.kysely,
      );
    },
    async unsubscribe(account, endpoint) {
      await sql`delete from push_subscriptions where name = ${nameOf(endpoint)} and account = ${account}`.execute(database.kysely);
    },
    async has(account, endpoint) {
      const { rows } = await sql`select 1 from push_subscriptions where name = ${nameOf(endpoint)} and account = ${account}`.execute(
        database.kysely,
      );
      return rows.length > 0;
    },
    async targets(people) {
      const { rows } = await sql<Row>`
        select account, endpoint, p256dh, auth from push_subscriptions
        where account = any(${people.map(person => person.account)}::text[])`.execute(database.kysely);
      return rows.flatMap(row => {
        const person = people.find(({ account }) => account === row.account);
        return person ? [{ key: row.endpoint, send: page => send(row, person, page) }] : [];
      });
    },
  };
}
