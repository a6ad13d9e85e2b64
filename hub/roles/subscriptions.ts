// Subscriptions on this node: their routes, their sockets on the hub's own server, and the jobs that tell subscribers.
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { type Doors, refusalOf } from '../http/index.ts';
import type { Identity, Person } from '../identity/index.ts';
import { attachSubscriptions, type OpenRecords, startSubscriptions, subscriptionRoutes } from '../records/index.ts';
import type { RoleContext } from './role.ts';

export interface SubscriptionParts {
  records: OpenRecords;
  identity: Identity;
  server: HttpServer | HttpsServer;
  doors: Doors;
}

export async function openSubscriptions(
  { config, database, log }: Pick<RoleContext, 'config' | 'database' | 'log'>,
  { records, identity, server, doors }: SubscriptionParts,
) {
  const hosts = config.subscriptionHosts;
  /** The person an account is today; null when it has ended. Nobody is signed in: the subscription speaks for its subscriber. */
  const subscriberOf = async (id: string): Promise<Person | null> => {
    const account = await identity.people.find(id);
    if (!account || account.ended) return null;
    const { name, reference, language } = account;
    return { kind: 'person', account: id, session: 'subscription', name, reference, language, roles: await identity.people.roles(account) };
  };
  const admit = async (request: IncomingMessage): Promise<Person | null> => {
    const header = (name: string) => request.headers[name] as string | undefined;
    if (refusalOf({ method: 'POST', host: request.headers.host, header }, doors)) return null;
    return identity.actorOf(new Headers({ cookie: request.headers.cookie ?? '' }), { renew: false });
  };
  const telling = await startSubscriptions({ database, records, subscriberOf, hosts, log });
  const sockets = await attachSubscriptions({ server, database, admit });
  return {
    routes: subscriptionRoutes({ database, records, hosts }),
    recheck: () => sockets.recheck(),
    async close() {
      await sockets.close();
      await telling.close();
    },
  };
}
