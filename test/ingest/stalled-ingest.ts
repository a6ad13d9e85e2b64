// An ingest role in a process of its own whose store never answers, to be killed with messages in its hands.
import { pino } from 'pino';
import { startIngest } from '../../hub/ingest/index.ts';
import type { Records } from '../../hub/records/records.ts';
import { openDatabase } from '../../hub/store/index.ts';

const [databaseUrl, mqttUrl, dataDirectory] = process.argv.slice(2) as [string, string, string];
const ingest = await startIngest({
  config: { mqtt: { host: '127.0.0.1', port: 0, url: mqttUrl, embedded: false }, dataDirectory },
  database: openDatabase(databaseUrl, { connections: 2 }),
  samples: { write: () => new Promise<void>(() => undefined) },
  records: {} as Records,
  mqttInternal: '',
  log: pino({ level: 'silent' }),
});
setInterval(() => process.send?.(ingest.stats()), 20);
