// The ingest role of the ingest bench, a process of its own as in the hub, that says what CPU time it used.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { startIngest } from '../../../hub/ingest/index.ts';
import type { Records } from '../../../hub/records/records.ts';
import { openDatabase, openSamples } from '../../../hub/store/index.ts';

export interface Usage {
  /** CPU time so far, all threads, seconds. */
  cpu: number;
  /** Seconds that the main thread was ready to run and had no core (Linux: schedstat); 0 where that is not told. */
  waited: number;
}

const [{ databaseUrl, influxUrl }] = (await once(process, 'message')) as [{ databaseUrl: string; influxUrl: string }];
const database = openDatabase(databaseUrl);
const ingest = await startIngest({
  config: { mqtt: { host: '127.0.0.1', port: 0, url: '', embedded: true } },
  ...{ database, samples: await openSamples(influxUrl), records: {} as Records },
  ...{ mqttInternal: 'bench', log: pino({ level: 'warn' }) },
  // Few devices stand for many: none is held back.
  rates: { device: Number.POSITIVE_INFINITY, gateway: Number.POSITIVE_INFINITY },
});
process.on('message', message => {
  if (message === 'usage') process.send!(usage());
  else void end();
});
process.send!({ port: ingest.port });

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  let waited = 0;
  try {
    waited = Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[1]) / 1e9;
  } catch {
    // Not Linux.
  }
  return { cpu: (user + system) / 1e6, waited };
}

async function end() {
  await ingest.close();
  await database.close();
  process.exit(0);
}
