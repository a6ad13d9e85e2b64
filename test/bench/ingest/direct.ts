// What the ingest bench calls the limit: one writer with the npm package `influx` and nothing in front, the same points in batches of
// 5,000, made before the clock runs. A process of its own.
import { once } from 'node:events';
import { InfluxDB } from 'influx';
import { pointsOf } from './points.ts';

export interface Direct {
  influxUrl: string;
  database: string;
  first: number;
  packs: number;
}
export interface DirectResult {
  samples: number;
  seconds: number;
  /** CPU time of the writer, seconds. */
  cpu: number;
}

const BATCH = 5000;

const [{ influxUrl, database, first, packs }] = (await once(process, 'message')) as [Direct];
const { hostname, port } = new URL(influxUrl);
const influx = new InfluxDB({ host: hostname, port: Number(port), database });
const batches: Parameters<typeof influx.writePoints>[0][] = [];
const points = pointsOf(first, packs).map(({ profile, facility, device, subject, time, values }) => ({
  measurement: profile,
  tags: { facility, device, subject },
  fields: values,
  timestamp: time,
}));
for (let at = 0; at < points.length; at += BATCH) batches.push(points.slice(at, at + BATCH));
const [begun, cpu] = [performance.now(), process.cpuUsage()];
for (const batch of batches) await influx.writePoints(batch, { precision: 'ms' });
const { user, system } = process.cpuUsage(cpu);
process.send!(
  { samples: points.length, seconds: (performance.now() - begun) / 1000, cpu: (user + system) / 1e6 } satisfies DirectResult,
  () => process.exit(0),
);
