// The predict role: windows and risk, alarms, alerts, and the jobs that nobody waits for (the outbox).
import { startAlarms } from '../alarms/index.ts';
import { openAlerts, openReach, startEscalation } from '../alerts/index.ts';
import { adoptedCalibrations, startReviews } from '../learning/index.ts';
import { startPhr } from '../phr/index.ts';
import { startPredict } from '../predict/index.ts';
import { openRecords, startExports, startOutbox, startSealer, startStamping } from '../records/index.ts';
import { openFiles } from '../store/index.ts';
import { runRole } from './role.ts';

await runRole('predict', async ({ config, log, database, samples, secrets }) => {
  const records = await openRecords({ database, log, packages: config.packages });
  const sealer = startSealer({ database, log });
  const alerts = openAlerts({ database, records, log });
  const outbox = await startOutbox({ config, database, records, log });
  const stamping = await startStamping({ config, database, records, log });
  const phr = await startPhr({
    database,
    records,
    log,
    files: await openFiles({ dataDirectory: config.dataDirectory, area: 'phr', key: secrets.files }),
  });
  const exports = await startExports({
    ...{ database, records, log },
    files: await openFiles({ dataDirectory: config.dataDirectory, area: 'export', key: secrets.files }),
  });
  const reach = openReach({ config, database, records });
  const escalation = await startEscalation({ database, messengers: reach.messengers, staff: reach.staff, log });
  const alarms = await startAlarms({
    ...{ database, samples, records, alerts, log },
    ...{ mqttUrl: config.mqtt.url, mqttInternal: secrets.mqttInternal },
  });
  const predict = await startPredict({
    config,
    database,
    samples,
    records,
    alerts,
    mqttUrl: config.mqtt.url,
    mqttInternal: secrets.mqttInternal,
    log,
    calibrations: adoptedCalibrations(database),
  });
  const reviews = await startReviews({
    database,
    model: { version: predict.model.version, alertHorizon: predict.model.alertHorizon },
    log,
  });
  return {
    detail: () => ({ backend: predict.backend, model: predict.model }),
    async close() {
      await reviews.close();
      await predict.close();
      await alarms.close();
      await escalation.close();
      reach.close();
      await exports.close();
      await phr.close();
      await stamping.close();
      await outbox.close();
      await sealer.close();
    },
  };
});
