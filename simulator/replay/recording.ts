// Reads a folder in TIHM's form into one series a sensor and home, and counts what it cannot take, with line numbers.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { loadProfiles } from '../../devices/index.ts';
import { DAY } from '../residents/index.ts';
import { type Row, rowsOf } from './csv.ts';
import { localTimeOf, MEASURES, PLACES, SLEEP, SLEEP_STATES } from './sources.ts';

type Values = Record<string, number>;

/** What one device of a home sent, in order of time. */
export interface Series {
  home: string;
  sensor: string;
  profile: string;
  /** Local times as by `localTimeOf`, ms. */
  times: number[];
  /** In SenML units, booleans as 0 or 1. */
  values: Readonly<Values>[];
}
export interface Recording {
  series: Series[];
  tally: Tally;
  /** First midnight of what was asked for, and how many days it covers. */
  begin: number;
  days: number;
}
export interface Selection {
  homes?: readonly string[];
  /** First day, as by `localTimeOf` at midnight; the first recorded day if missing. */
  from?: number;
  days?: number;
}

/** Why a row was not taken. */
export type Refused = 'columns' | 'time' | 'home' | 'place unknown' | 'kind unknown' | 'unit' | 'number' | 'out of range' | 'state unknown';

/** What became of the rows. */
export class Tally {
  rows = 0;
  files: Record<string, number> = {};
  /** Rows of other homes or days than those asked for. */
  notAskedFor = 0;
  taken = 0;
  refused: Record<string, { rows: number; lines: string[] }> = {};

  refuse(reason: Refused, file: string, line: number, what: string): void {
    this.refused[reason] ??= { rows: 0, lines: [] };
    const entry = this.refused[reason];
    entry.rows++;
    if (entry.lines.length < 5) entry.lines.push(`${file}:${line}${what ? ` "${what.slice(0, 40)}"` : ''}`);
  }
}

interface Collected extends Series {
  /** `hold` of events, in ms; 0 for measurements. */
  hold: number;
  quantity: string;
}

/** @throws Error when there is no Activity file, a file's columns are others, or nothing is left of what was asked for. */
export async function readRecording(folder: string, selection: Selection = {}): Promise<Recording> {
  const tally = new Tally();
  const collected = new Map<string, Collected>();
  const wanted = selection.homes && new Set(selection.homes);
  const found = new Set<string>();
  const until =
    selection.from !== undefined && selection.days !== undefined ? selection.from + selection.days * DAY : Number.POSITIVE_INFINITY;

  const asked = (home: string, time: number) => {
    found.add(home);
    const yes = (!wanted || wanted.has(home)) && time >= (selection.from ?? 0) && time < until;
    if (!yes) tally.notAskedFor++;
    return yes;
  };
  const seriesOf = (home: string, kind: { sensor: string; profile: string; quantity?: string; hold?: number }): Collected => {
    const key = `${home} ${kind.sensor}`;
    let series = collected.get(key);
    if (!series) {
      const { sensor, profile, quantity = '', hold = 0 } = kind;
      series = { home, sensor, profile, quantity, hold, times: [], values: [] };
      collected.set(key, series);
    }
    return series;
  };
  /** Reads a file if it is there; `take` is given rows with as many fields as columns, a home and a time. */
  async function read<Column extends string>(
    name: string,
    columns: readonly (Column | 'patient_id' | 'date')[],
    take: (fields: Record<Column, string>, home: string, time: number, refuse: (reason: Refused, what: string) => void) => boolean,
  ): Promise<boolean> {
    const file = [`${name}.csv`, `${name}.csv.gz`].map(each => path.join(folder, each)).find(existsSync);
    if (!file) return false;
    const short = path.basename(file);
    let rows = 0;
    for await (const { line, fields } of rowsOf(file, columns) as AsyncIterable<Row<Column | 'patient_id' | 'date'>>) {
      rows++;
      const refuse = (reason: Refused, what: string) => tally.refuse(reason, short, line, what);
      if (!fields) refuse('columns', '');
      else {
        const home = fields.patient_id;
        const time = localTimeOf(fields.date);
        if (!/^[A-Za-z0-9-]{1,40}$/.test(home)) refuse('home', home);
        else if (Number.isNaN(time)) refuse('time', fields.date);
        else if (asked(home, time) && take(fields, home, time, refuse)) tally.taken++;
      }
    }
    tally.rows += rows;
    tally.files[short] = rows;
    return true;
  }

  const there = await read<'location_name'>('Activity', ['patient_id', 'location_name', 'date'], (fields, home, time, refuse) => {
    const event = PLACES.get(fields.location_name.toLowerCase());
    if (!event) {
      refuse('place unknown', fields.location_name);
      return false;
    }
    const series = seriesOf(home, event);
    series.times.push(time);
    return true;
  });
  if (!there)
    throw new Error(`There is no Activity.csv and no Activity.csv.gz in ${folder}. Give the folder of the recording with --data DIR`);
  const put = (series: Collected, time: number, values: Values) => {
    series.times.push(time);
    series.values.push(values);
  };

  const ranges = new Map(
    [...loadProfiles().values()].flatMap(({ id, quantities }) => quantities.map(quantity => [`${id} ${quantity.name}`, quantity] as const)),
  );
  const inRange = (profile: string, quantity: string, value: number) => {
    const { minimum, maximum } = ranges.get(`${profile} ${quantity}`)!;
    return value >= minimum && value <= maximum;
  };
  const columns = ['patient_id', 'date', 'device_type', 'value', 'unit'] as const;
  await read<'device_type' | 'value' | 'unit'>('Physiology', columns, (fields, home, time, refuse) => {
    const measure = MEASURES.get(fields.device_type.toLowerCase());
    const number = fields.value.trim() === '' ? Number.NaN : Number(fields.value);
    const value = measure ? Number((number * measure.factor).toPrecision(7)) : number;
    if (!measure) refuse('kind unknown', fields.device_type);
    else if (fields.unit.toLowerCase() !== measure.unit) refuse('unit', `${fields.device_type} ${fields.unit}`);
    else if (!Number.isFinite(number)) refuse('number', fields.value);
    else if (!inRange(measure.profile, measure.quantity, value)) refuse('out of range', `${fields.device_type} ${fields.value}`);
    else {
      put(seriesOf(home, measure), time, { [measure.quantity]: value });
      return true;
    }
    return false;
  });

  const sleep = ['patient_id', 'date', 'state', 'heart_rate', 'respiratory_rate', 'snoring'] as const;
  await read<'state' | 'heart_rate' | 'respiratory_rate' | 'snoring'>('Sleep', sleep, (fields, home, time, refuse) => {
    if (!SLEEP_STATES.has(fields.state.toLowerCase())) {
      refuse('state unknown', fields.state);
      return false;
    }
    const values: Values = { in_bed: 1 };
    for (const [column, quantity] of [
      ['heart_rate', 'heart_rate'],
      ['respiratory_rate', 'respiration_rate'],
    ] as const) {
      if (fields[column] === '') continue;
      const value = Number(fields[column]);
      if (!Number.isFinite(value) || !inRange('bed', quantity, value)) {
        refuse(Number.isFinite(value) ? 'out of range' : 'number', `${column} ${fields[column]}`);
        return false;
      }
      values[quantity] = value;
    }
    put(seriesOf(home, SLEEP), time, values);
    return true;
  });

  const unknown = [...(wanted ?? [])].filter(home => !found.has(home));
  if (unknown.length)
    throw new Error(`--homes: the recording has no home ${unknown.join(', ')}; it has ${[...found].slice(0, 12).join(', ')} …`);
  return cut([...collected.values()], selection, tally);
}

/** Orders each series, keeps the days asked for, and makes events of both ends. */
function cut(collected: Collected[], { from, days }: Selection, tally: Tally): Recording {
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const { times } of collected)
    for (const time of times) {
      first = Math.min(first, time);
      last = Math.max(last, time);
    }
  if (!Number.isFinite(first)) throw new Error('The recording has no row of the homes and days that were asked for');
  const begin = from ?? Math.floor(first / DAY) * DAY;
  const end = days === undefined ? (Math.floor(last / DAY) + 1) * DAY : begin + days * DAY;
  const series = collected.map(each => {
    const order = each.times.map((_, index) => index).sort((a, b) => each.times[a]! - each.times[b]!);
    const kept = order.filter(index => each.times[index]! < end);
    tally.notAskedFor += order.length - kept.length;
    tally.taken -= order.length - kept.length;
    return each.hold ? withEnds(each, kept) : merged(each, kept);
  });
  return { series: series.filter(({ times }) => times.length), tally, begin, days: Math.round((end - begin) / DAY) };
}

/** Rows of one time are one sample: the two pressures and the pulse of one measurement. */
function merged({ home, sensor, profile, times, values }: Collected, order: number[]): Series {
  const series: Series = { home, sensor, profile, times: [], values: [] };
  for (const index of order) {
    if (series.times.at(-1) === times[index]) Object.assign(series.values.at(-1)!, values[index]);
    else {
      series.times.push(times[index]!);
      series.values.push({ ...values[index] });
    }
  }
  return series;
}

function withEnds({ home, sensor, profile, quantity, hold, times }: Collected, order: number[]): Series {
  const [on, off] = [{ [quantity]: 1 }, { [quantity]: 0 }];
  const series: Series = { home, sensor, profile, times: [], values: [] };
  for (const [position, index] of order.entries()) {
    const time = times[index]!;
    if (series.times.at(-1) !== time) {
      series.times.push(time);
      series.values.push(on);
    }
    const next = order[position + 1];
    if (next !== undefined && times[next]! <= time + hold) continue;
    series.times.push(time + hold);
    series.values.push(off);
  }
  return series;
}
