// /fhir/R4 of the records bench in a process of its own: the whole stack with validation, consent and audit, on a real socket.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { pino } from 'pino';
import type { HubEnv } from '../../../hub/http/server-types.ts';
import type { Person } from '../../../hub/identity/index.ts';
import { fhirRoutes, openRecords } from '../../../hub/records/index.ts';
import { openDatabase } from '../../../hub/store/index.ts';

const [{ databaseUrl, actor }] = (await once(process, 'message')) as [{ databaseUrl: string; actor: Person }];
const database = openDatabase(databaseUrl, { connections: 10 });
const log = pino({ level: 'warn' });
const records = await openRecords({ database, log });
const app = new Hono<HubEnv>();
app.use(async (context, next) => {
  context.set('actor', actor);
  context.set('log', log);
  await next();
});
app.route('/fhir/R4', fhirRoutes({ records }));
const server = createServer(getRequestListener(app.fetch));
server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }));
process.on('message', message => {
  if (message === 'usage') {
    const { user, system } = process.cpuUsage();
    process.send!({ cpu: (user + system) / 1e6 });
  } else {
    server.close();
    void database.close().then(() => process.disconnect());
  }
});
