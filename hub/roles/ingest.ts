// The ingest role: MQTT to InfluxDB.
import { startIngest } from '../ingest/index.ts';
import { openRecords } from '../records/index.ts';
import { runRole } from './role.ts';

await runRole('ingest', async ({ config, log, database, samples, secrets }) => {
  const records = await openRecords({ database, log });
  const ingest = await startIngest({ config, database, samples, records, mqttInternal: secrets.mqttInternal, log });
  return {
    detail: () => ({ broker: config.mqtt.embedded ? 'aedes' : 'outside broker', port: ingest.port, ...ingest.stats() }),
    close: () => ingest.close(),
  };
});
