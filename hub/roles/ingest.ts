// The ingest role: MQTT to InfluxDB.
import { limitsOf } from '../alarms/index.ts';
import { openAuthority } from '../identity/index.ts';
import { placesIn, startIngest } from '../ingest/index.ts';
import { openRecords } from '../records/index.ts';
import { runRole } from './role.ts';

await runRole('ingest', async ({ config, log, database, samples, secrets }) => {
  const records = await openRecords({ database, log, packages: config.packages });
  const authority = config.mqtts ? await openAuthority({ dataDirectory: config.dataDirectory, given: config.ca }) : undefined;
  const ingest = await startIngest({
    ...{ config, database, samples, records, authority, log },
    mqttInternal: secrets.mqttInternal,
    limitsOf: patients => limitsOf(database, patients),
    placesOf: placesIn(records),
  });
  return {
    detail: () => ({
      broker: config.mqtt.embedded ? 'aedes' : 'outside broker',
      port: ingest.port,
      tlsPort: ingest.tlsPort,
      ...ingest.stats(),
    }),
    close: () => ingest.close(),
  };
});
