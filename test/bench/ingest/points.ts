// The points of the ingest bench, the same for the hub, for a writer straight to InfluxDB and for Mosquitto with Node-RED: 200 bed
// sensors, two samples a pack, four quantities a sample, and how the store is asked for them.
import type { SamplePoint } from '../../../hub/store/index.ts';
import { ask } from '../influx.ts';

export const FACILITY = 'bench';
export const DEVICES = 200;
/** Samples of a pack, a second apart. */
export const SAMPLES = 2;
export const MEASUREMENT = 'bed';
/** Time of the first sample of each device, ms since 1970: as long ago as leaves room for all rounds. */
export const BEGIN = Math.floor(Date.now() / 1000) * 1000 - 80 * 86_400_000;

export interface BenchDevice {
  device: string;
  username: string;
  secret: string;
}

export const deviceOf = (index: number) => `bench-${index}`;
export const subjectOf = (index: number) => `Patient/bench-${index}`;
/** Begin of the bench's times; a child process is given its parent's. */
const begin = Number(process.env.INGEST_BENCH_BEGIN ?? BEGIN);
/** ms since 1970 of the `index`-th sample of the pack with this number. */
export const timeOf = (sequence: number, index: number) => begin + (sequence * SAMPLES + index) * 1000;
/** A heart rate that tells whether the stored value is the one of that time. */
export const beatsAt = (time: number) => 50 + ((time / 1000) % 60);

/** The points that `packs` packs of each device carry, in the order in which they are sent: pack by pack over all devices. */
export function pointsOf(first: number, packs: number): SamplePoint[] {
  const points: SamplePoint[] = [];
  for (let pack = 0; pack < packs; pack++)
    for (let device = 0; device < DEVICES; device++)
      for (let sample = 0; sample < SAMPLES; sample++) {
        const time = timeOf(first + pack, sample);
        const values = { heart_rate: beatsAt(time), respiration_rate: 14, movement: 0.1, in_bed: 1 };
        points.push({ profile: MEASUREMENT, facility: FACILITY, device: deviceOf(device), subject: subjectOf(device), time, values });
      }
  return points;
}

/** Points in a span of time, over all series. ms since 1970, `to` exclusive. */
export async function countStored(influxUrl: string, database: string, from: number, to: number): Promise<number> {
  const rows = await ask(influxUrl, database, `select count(heart_rate) from ${MEASUREMENT} where time >= ${from}ms and time < ${to}ms`);
  return Number(rows[0]?.[1] ?? 0);
}

export interface Checked {
  acknowledged: number;
  /** Acknowledged and in the store with its own value, its time and its series once. */
  exactlyOnce: number;
  lost: number;
  /** Points of this span in the store that were not sent so: other values, other times, other series. */
  strange: number;
}

/** Holds what the store has against what was acknowledged. @param acknowledged Packs by device, from `first` on. */
export async function checkStored(
  influxUrl: string,
  database: string,
  first: number,
  acknowledged: number[],
  packs: number,
): Promise<Checked> {
  let exactlyOnce = 0;
  for (const [device, count] of acknowledged.entries()) {
    const rows = await ask(
      influxUrl,
      database,
      `select heart_rate from ${MEASUREMENT} where device = '${deviceOf(device)}' and subject = '${subjectOf(device)}'
       and time >= ${timeOf(first, 0)}ms and time < ${timeOf(first + count, 0)}ms`,
    );
    const right = new Set(rows.filter(([time, value]) => value === beatsAt(Number(time))).map(([time]) => Number(time)));
    for (let time = timeOf(first, 0); time < timeOf(first + count, 0); time += 1000) if (right.has(time)) exactlyOnce++;
  }
  const sum = acknowledged.reduce((all, count) => all + count, 0) * SAMPLES;
  const stored = await countStored(influxUrl, database, timeOf(first, 0), timeOf(first + packs, 0));
  return { acknowledged: sum, exactlyOnce, lost: sum - exactlyOnce, strange: Math.max(0, stored - exactlyOnce) };
}
