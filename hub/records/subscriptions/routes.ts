// Subscription (R4 subscription.html) over HTTP: each subscriber makes, sees and ends the own ones, and nobody else's.
import { randomUUID } from 'node:crypto';
import { OperationOutcomeError, validateResource } from '@medplum/core';
import type { Bundle, OperationOutcome, Subscription } from '@medplum/fhirtypes';
import { type Context, Hono } from 'hono';
import type { Selectable } from 'kysely';
import { notAllowed, notFound, Problem, type Text } from '../../http/problem.ts';
import type { HubEnv } from '../../http/server-types.ts';
import { hasRole, type Person } from '../../identity/actor.ts';
import type { Database } from '../../store/index.ts';
import { writeAudit } from '../audit/audit.ts';
import { outcomeOf } from '../fhir/outcome.ts';
import type { OpenRecords } from '../open.ts';
import { parseQuery } from '../search/search.ts';
import { endpointFault } from './endpoint.ts';
import type { SubscriptionTables } from './tables.ts';

const FHIR_JSON = { 'content-type': 'application/fhir+json; charset=utf-8' };
/** Subscriptions that one account may have. */
const MOST = 20;
const UUID = /^[0-9a-f-]{36}$/;
const HEADER = /^(?!(host|content-length|content-type|transfer-encoding|connection|upgrade|cookie)\s*:)[\w-]{1,64}: ?[\x20-\x7e]{1,1024}$/i;

export interface SubscriptionDeps {
  database: Database;
  records: OpenRecords;
  /** Hosts that a rest-hook may lead to although they are inside or without TLS. */
  hosts: readonly string[];
}

type Row = Selectable<SubscriptionTables['subscriptions']>;

/** Routes below `/fhir/R4`, to be mounted before fhirRoutes. */
export function subscriptionRoutes({ database, records, hosts }: SubscriptionDeps): Hono<HubEnv> {
  const tables = database.kysely.withTables<SubscriptionTables>();
  const { connection, definitions, now } = records.context;
  const app = new Hono<HubEnv>();
  app.onError((error, context) => {
    if (error instanceof OperationOutcomeError) return context.json(error.outcome, 422, FHIR_JSON);
    if (!(error instanceof Problem)) throw error;
    const { id: _, ...outcome } = outcomeOf(error);
    return context.json(outcome satisfies OperationOutcome, error.status, FHIR_JSON);
  });

  const audit = (actor: Person, action: string, id: string, allowed = true) =>
    writeAudit(connection, [{ actor, action, what: WORDS[action] ?? WORDS.read!, resource: `Subscription/${id}`, allowed }]);

  app.post('/Subscription', async context => {
    const actor = await subscriber(context);
    const { resource, facts } = await sent(context);
    const { count } = await tables
      .selectFrom('subscriptions')
      .select(row => row.fn.countAll<string>().as('count'))
      .where('account', '=', actor.account)
      .executeTakeFirstOrThrow();
    if (Number(count) >= MOST) throw tooMany();
    const id = randomUUID();
    const content = JSON.stringify({ ...resource, id });
    const at = now();
    const row = await tables
      .insertInto('subscriptions')
      .values({ id, account: actor.account, content, ...facts, began_at: at, told_until: at, updated_at: at })
      .returningAll()
      .executeTakeFirstOrThrow();
    await audit(actor, 'create', id);
    return answer(context, row, 201);
  });

  app.get('/Subscription', async context => {
    const actor = await subscriber(context);
    const rows = await tables.selectFrom('subscriptions').selectAll().where('account', '=', actor.account).orderBy('updated_at').execute();
    await audit(actor, 'search', '');
    const entry = rows.map(row => ({
      fullUrl: `${baseOf(context)}/Subscription/${row.id}`,
      resource: shown(row),
      search: { mode: 'match' as const },
    }));
    const bundle: Bundle = { resourceType: 'Bundle', type: 'searchset', total: rows.length, ...(entry.length ? { entry } : {}) };
    return context.json(bundle, 200, FHIR_JSON);
  });

  app.get('/Subscription/:id', async context => {
    const row = await own(context);
    await audit(context.var.actor, 'read', row.id);
    return answer(context, row, 200);
  });

  app.put('/Subscription/:id', async context => {
    const former = await own(context);
    const { resource, facts } = await sent(context);
    const at = now();
    // Begun again it tells what happens from now on, not what it missed.
    const again = former.state === 'active' ? {} : { began_at: at, told_until: at, told: [] };
    const row = await tables
      .updateTable('subscriptions')
      .set(each => ({
        content: JSON.stringify({ ...resource, id: former.id }),
        ...facts,
        ...again,
        version: each('version', '+', 1),
        updated_at: at,
      }))
      .where('id', '=', former.id)
      .returningAll()
      .executeTakeFirst();
    if (!row) throw notFound();
    await audit(context.var.actor, 'update', row.id);
    return answer(context, row, 200);
  });

  app.delete('/Subscription/:id', async context => {
    const { id } = await own(context);
    await tables.deleteFrom('subscriptions').where('id', '=', id).execute();
    await audit(context.var.actor, 'delete', id);
    return context.body(null, 204);
  });

  /** Those who look after people, and patients themselves; not a link, an emergency or an app with a narrower right. @throws Problem 403 */
  async function subscriber(context: Context<HubEnv>): Promise<Person> {
    const { actor } = context.var;
    const entitled =
      hasRole(actor, ['doctor', 'specialist', 'caregiver', 'manager', 'patient']) && !actor.share && !actor.emergency && !actor.scopes;
    if (entitled) return actor;
    await audit(actor, 'create', '', false);
    throw notAllowed();
  }

  async function own(context: Context<HubEnv>): Promise<Row> {
    const actor = await subscriber(context);
    const id = context.req.param('id') ?? '';
    const row = UUID.test(id) ? await tables.selectFrom('subscriptions').selectAll().where('id', '=', id).executeTakeFirst() : undefined;
    if (row?.account === actor.account) return row;
    await audit(actor, 'read', id.slice(0, 64), false);
    throw notFound();
  }

  /** The Subscription of a request, and what the hub works by. @throws Problem 400, 422 */
  async function sent({ req }: Context<HubEnv>) {
    const resource = (await req.json().catch(() => null)) as Subscription | null;
    if (resource?.resourceType !== 'Subscription') throw wrong({ ja: 'Subscription を送ってください。', en: 'Send a Subscription.' });
    definitions.load(['Subscription']);
    validateResource(resource);
    const { channel, criteria, status, end } = resource;
    if (channel.type !== 'rest-hook' && channel.type !== 'websocket')
      throw wrong({ ja: 'channel.type は rest-hook か websocket です。', en: 'channel.type is rest-hook or websocket.' });
    const asked = parseQuery(definitions, criteria);
    const [type] = asked.types;
    if (!type || asked.types.length > 1 || !criteria.startsWith(type))
      throw wrong({ ja: 'criteria は 1 つの種類の検索です。', en: 'criteria is a search of one type.' });
    if (channel.type === 'rest-hook') {
      const fault = endpointFault(channel.endpoint, hosts);
      if (fault) throw wrong(fault);
    }
    if (channel.payload && channel.payload !== 'application/fhir+json')
      throw wrong({ ja: 'payload は application/fhir+json か、なしです。', en: 'payload is application/fhir+json or absent.' });
    if (channel.payload && channel.type === 'websocket')
      throw wrong({ ja: 'websocket では中身を送りません。', en: 'A websocket tells that something changed, not what: leave payload out.' });
    if ((channel.header ?? []).length > 5 || (channel.header ?? []).some(header => !HEADER.test(header)))
      throw wrong({ ja: 'channel.header が使えません。', en: 'channel.header cannot be used.' });
    const facts = {
      ...{ type, criteria, channel: channel.type, state: status === 'off' ? ('off' as const) : ('active' as const) },
      ...{ problem: null, failures: 0, next_attempt: null, until: end ? new Date(end) : null },
    };
    return { resource, facts };
  }

  function answer(context: Context<HubEnv>, row: Row, status: 200 | 201) {
    const headers = { ...FHIR_JSON, etag: `W/"${row.version}"` };
    return context.json(
      shown(row),
      status,
      status === 201 ? { ...headers, location: `${baseOf(context)}/Subscription/${row.id}` } : headers,
    );
  }
  return app;
}

/** As its subscriber sees it: with the state it is in, and what went wrong. */
function shown({ content, state, problem, version, updated_at }: Row): Subscription {
  const { error: _, ...resource } = content;
  return {
    ...resource,
    meta: { ...resource.meta, versionId: String(version), lastUpdated: updated_at.toISOString() },
    status: state,
    ...(problem ? { error: problem } : {}),
  };
}

const baseOf = ({ req }: Context<HubEnv>) => `${new URL(req.url).origin}/fhir/R4`;
const wrong = (text: Text) => new Problem(422, 'subscription-invalid', text);
const tooMany = () =>
  new Problem(409, 'subscriptions-many', {
    ja: `購読は ${MOST} 個までです。いらないものを消してください。`,
    en: `${MOST} subscriptions at most: delete one that is not needed.`,
  });
const WORDS: Record<string, Text> = {
  create: { ja: '変化の知らせを申し込む', en: 'subscribe to changes' },
  read: { ja: '変化の知らせの申し込みを見る', en: 'look at a subscription' },
  search: { ja: '変化の知らせの申し込みを見る', en: 'look at subscriptions' },
  update: { ja: '変化の知らせの申し込みを変える', en: 'change a subscription' },
  delete: { ja: '変化の知らせをやめる', en: 'end a subscription' },
};
