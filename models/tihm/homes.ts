// Reads a folder in the form of TIHM (Palermo et al. 2023) into homes on one hourly grid. The times are the file's own local times.
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';

export const HOUR_MS = 3_600_000;
export const DAY_HOURS = 24;

/** What is counted in each hour of a home. Doors are front and back together; `hallwayVisits` are entries from another room. */
export const CHANNELS = [
  'bathroom',
  'bedroom',
  'kitchen',
  'lounge',
  'hallway',
  'fridge',
  'doors',
  'kettle',
  'events',
  'transitions',
  'hallwayVisits',
  'quickMoves',
] as const;
export type Channel = (typeof CHANNELS)[number];

const PLACES: Record<string, Channel> = {
  bathroom: 'bathroom',
  bedroom: 'bedroom',
  kitchen: 'kitchen',
  lounge: 'lounge',
  hallway: 'hallway',
  'fridge door': 'fridge',
  fridge: 'fridge',
  'front door': 'doors',
  'back door': 'doors',
  kettle: 'kettle',
};
const ROOMS = new Set<Channel>(['bathroom', 'bedroom', 'kitchen', 'lounge', 'hallway']);
/** Longer than any study: a time beyond it is a clock that was wrong. */
const MOST_DAYS = 1200;
/** A sensor that reports so often, so many hours in a row, is stuck: TIHM's busiest does for two. From then on it does not count. */
const STUCK = { anHour: 60, hours: 6 };
/** What a body and its scales can show; other values are left out, in the file's units. */
const PLAUSIBLE: Record<string, readonly [number, number]> = {
  'Body Temperature': [30, 43],
  'Skin Temperature': [20, 42],
  'Systolic blood pressure': [50, 280],
  'Diastolic blood pressure': [25, 200],
  'Heart rate': [20, 250],
  'Body weight': [20, 300],
  'Total body water': [10, 90],
  'O/E - muscle mass': [5, 95],
};
const plausible = (type: string, value: number) => {
  const [low, high] = PLAUSIBLE[type] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return value >= low && value <= high;
};
/** Two rooms within so many ms: someone who paces, or two people. */
const QUICK = 30_000;

export interface Measurement {
  /** ms */
  at: number;
  type: string;
  value: number;
}

export interface Home {
  id: string;
  /** `counts[channel][hour]` */
  counts: Record<Channel, Float32Array>;
  /** In order of time. */
  measurements: Measurement[];
  labels: { at: number; type: string }[];
  /** As the file writes them, such as `(70, 80]` and `Female`; null where it says nothing. */
  age: string | null;
  sex: string | null;
}

export interface Homes {
  /** ms of hour 0, a midnight. */
  start: number;
  hours: number;
  homes: Home[];
  /** 1 where no home at all sent anything in an hour though at least ten had in the days before: an outage, not a quiet night. Known in that hour. */
  outage: Uint8Array;
}

/** `2019-04-01 00:05:46` (or with a T) as ms. NaN for what is no time. */
export function timeOf(text: string): number {
  const normal = text.length === 10 ? `${text}T00:00:00Z` : `${text.slice(0, 10)}T${text.slice(11, 19)}Z`;
  return Date.parse(normal);
}

/** ms as the file writes it: `2019-04-01T08:00:00`, local without offset. */
export const isoOf = (at: number) => new Date(at).toISOString().slice(0, 19);

/** Reads `Activity.csv[.gz]`, `Physiology.csv[.gz]`, `Labels.csv[.gz]`, `Demographics.csv[.gz]`. @throws Error when there is no Activity file. */
export async function readHomes(folder: string): Promise<Homes> {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new Error(`There is no folder ${folder}; give the one that holds TIHM's files.`);
  const events = new Map<string, { at: number[]; place: string[] }>();
  const measurements = new Map<string, Measurement[]>();
  const labels = new Map<string, { at: number; type: string }[]>();
  const people = new Set<string>();
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const seen = (at: number) => {
    first = Math.min(first, at);
    last = Math.max(last, at);
  };
  const found = await eachRow(folder, 'Activity', ['patient_id', 'location_name', 'date'], ([id, place, date]) => {
    const at = timeOf(date!);
    if (!id || Number.isNaN(at)) return;
    let own = events.get(id);
    if (!own) {
      own = { at: [], place: [] };
      events.set(id, own);
    }
    own.at.push(at);
    own.place.push(place!);
    people.add(id);
    seen(at);
  });
  if (!found) throw new Error(`There is no Activity.csv or Activity.csv.gz in ${folder}; give the folder that holds TIHM's files.`);
  await eachRow(folder, 'Physiology', ['patient_id', 'date', 'device_type', 'value'], ([id, date, type, value]) => {
    const at = timeOf(date!);
    if (!id || Number.isNaN(at) || value === '' || !Number.isFinite(Number(value)) || !plausible(type!, Number(value))) return;
    push(measurements, id, { at, type: type!, value: Number(value) });
    people.add(id);
    seen(at);
  });
  await eachRow(folder, 'Labels', ['patient_id', 'date', 'type'], ([id, date, type]) => {
    const at = timeOf(date!);
    if (!id || Number.isNaN(at)) return;
    push(labels, id, { at, type: type! });
    people.add(id);
    seen(at);
  });
  const about = new Map<string, { age: string | null; sex: string | null }>();
  await eachRow(folder, 'Demographics', ['patient_id', 'age?', 'sex?'], ([id, age, sex]) => {
    if (!id) return;
    people.add(id);
    about.set(id, { age: age || null, sex: sex || null });
  });
  if (first > last) throw new Error(`The files in ${folder} hold no time that can be read (expected 2019-04-01 00:05:46).`);
  const dayMs = DAY_HOURS * HOUR_MS;
  if (last - first > MOST_DAYS * dayMs)
    throw new Error(
      `The files in ${folder} go from ${isoOf(first)} to ${isoOf(last)}: more than ${MOST_DAYS} days, so one of these times is wrong. Mend or remove its line.`,
    );
  const start = Math.floor(first / dayMs) * dayMs;
  const hours = (Math.floor((last - start) / dayMs) + 1) * DAY_HOURS;
  const homes = [...people].sort().map(id => ({
    id,
    counts: countsOf(events.get(id), start, hours),
    measurements: (measurements.get(id) ?? []).sort((a, b) => a.at - b.at),
    labels: (labels.get(id) ?? []).sort((a, b) => a.at - b.at),
    age: about.get(id)?.age ?? null,
    sex: about.get(id)?.sex ?? null,
  }));
  return { start, hours, homes, outage: outageOf(homes, hours) };
}

function countsOf(events: { at: number[]; place: string[] } | undefined, start: number, hours: number): Record<Channel, Float32Array> {
  const counts = Object.fromEntries(CHANNELS.map(channel => [channel, new Float32Array(hours)])) as Record<Channel, Float32Array>;
  if (!events) return counts;
  const stuck = stuckHours(events, start, hours);
  const order = Uint32Array.from(events.at, (_, index) => index).sort((a, b) => events.at[a]! - events.at[b]!);
  let [room, roomAt]: [Channel | undefined, number] = [undefined, 0];
  for (const index of order) {
    const at = events.at[index]!;
    const hour = Math.floor((at - start) / HOUR_MS);
    if (stuck.get(events.place[index]!)?.[hour]) continue;
    const place = PLACES[events.place[index]!.trim().toLowerCase()];
    counts.events[hour]!++;
    if (!place) continue;
    counts[place][hour]!++;
    if (!ROOMS.has(place)) continue;
    if (room && room !== place) {
      counts.transitions[hour]!++;
      if (place === 'hallway') counts.hallwayVisits[hour]!++;
      if (at - roomAt < QUICK) counts.quickMoves[hour]!++;
    }
    [room, roomAt] = [place, at];
  }
  return counts;
}

/** By sensor, 1 for the hours in which it is stuck; known in that hour. */
function stuckHours({ at, place }: { at: number[]; place: string[] }, start: number, hours: number): Map<string, Uint8Array> {
  const counted = new Map<string, Uint32Array>();
  at.forEach((time, index) => {
    const own = counted.get(place[index]!) ?? new Uint32Array(hours);
    counted.set(place[index]!, own);
    own[Math.floor((time - start) / HOUR_MS)]!++;
  });
  const stuck = new Map<string, Uint8Array>();
  for (const [name, counts] of counted) {
    let run = 0;
    counts.forEach((count, hour) => {
      run = count >= STUCK.anHour ? run + 1 : 0;
      if (run < STUCK.hours) return;
      const own = stuck.get(name) ?? new Uint8Array(hours);
      own[hour] = 1;
      stuck.set(name, own);
    });
  }
  return stuck;
}

/** Fewer homes than this may all sleep at once. */
const ENOUGH_HOMES = 10;

function outageOf(homes: Home[], hours: number): Uint8Array {
  const outage = new Uint8Array(hours);
  const last = new Int32Array(homes.length).fill(-1);
  for (let hour = 0; hour < hours; hour++) {
    // Homes that sent something in the two days before: only they can fall silent.
    const alive = last.reduce((count, seen) => count + (seen >= 0 && hour - seen <= 2 * DAY_HOURS ? 1 : 0), 0);
    let silent = true;
    homes.forEach((home, index) => {
      if (!home.counts.events[hour]) return;
      silent = false;
      last[index] = hour;
    });
    outage[hour] = silent && alive >= ENOUGH_HOMES ? 1 : 0;
  }
  return outage;
}

function push<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const own = lists.get(key);
  if (own) own.push(value);
  else lists.set(key, [value]);
}

/** Streams a CSV file, plain or gzip, columns by their header (one ending in ? may be absent). Returns false where there is no such file. */
async function eachRow(folder: string, name: string, columns: string[], row: (values: string[]) => void): Promise<boolean> {
  const file = [`${name}.csv`, `${name}.csv.gz`].map(one => path.join(folder, one)).find(one => existsSync(one));
  if (!file) return false;
  const lines = createInterface({
    input: file.endsWith('.gz') ? Readable.from(unpacked(file)) : createReadStream(file),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  let places: number[] | undefined;
  for await (const line of lines) {
    if (!line) continue;
    const values = line.includes('"') ? quoted(line) : line.split(',');
    if (!places) {
      const header = values.map(value => value.replace(/^\uFEFF/, '').trim());
      places = columns.map(column => header.indexOf(column.replace('?', '')));
      const missing = columns.filter((column, index) => places![index]! < 0 && !column.endsWith('?'));
      if (missing.length) throw new Error(`${file} has no column ${missing.join(', ')} (found: ${header.join(', ')})`);
    } else row(places.map(place => values[place] ?? ''));
  }
  return true;
}

function unpacked(file: string): Buffer {
  try {
    return gunzipSync(readFileSync(file));
  } catch (cause) {
    throw new Error(`${file} cannot be unpacked: it is cut off or no gzip file. Copy it again.`, { cause });
  }
}

/** Fields of a line where some are quoted (RFC 4180, without line breaks in a field). */
function quoted(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, inside, plain]) => inside?.replaceAll('""', '"') ?? plain ?? '',
  );
}
