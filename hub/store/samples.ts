// Samples in InfluxDB: one measurement per device profile, one point per device and time. See DESIGN, "Where a fact lives".
import { Agent } from 'node:http';
import { InfluxDB } from 'influx';
import { ExponentialBackoff } from 'influx/lib/src/backoff/exponential.js';
import { linesOf, openWriter } from './lines.ts';
import type { SamplePoint } from './point.ts';
import { aggregateQuery, type Keeping, openRetention, partsOf } from './retention.ts';

export const SAMPLE_DATABASE = 'samples';

export interface SampleQuery {
  subject: string;
  profile: string;
  quantities: string[];
  /** Milliseconds since 1970, `from` inclusive, `to` exclusive. */
  from: number;
  to: number;
  /** With it, one mean per interval of so many seconds. What is no longer kept raw comes as means of at least ten minutes in any case. */
  everySeconds?: number;
}

/** Rows in order of time: `[time in ms, value or null per asked quantity …]`. */
export type SampleRows = [number, ...(number | null)[]][];

export interface SampleStore {
  /** Resolves only when the store has taken every point. The same series and time overwrite each other. */
  write(points: SamplePoint[]): Promise<void>;
  read(query: SampleQuery): Promise<SampleRows>;
  /** All points of a profile in a span, of all subjects, for rebuilding windows. */
  readAll(profile: string, quantities: string[], from: number, to: number): Promise<SamplePoint[]>;
  /** Makes the ten-minute aggregates of a span again (nothing where none are kept). ms since 1970. */
  aggregate(span: { from: number; to: number }): Promise<void>;
  /** Version of the store; throws when it cannot be reached. */
  ping(): Promise<string>;
}

const quoted = (name: string) => `"${name.replaceAll('"', '\\"')}"`;
const literal = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/**
 * Opens the store at `url` (InfluxDB 1.x write and query interface) and makes its database when it is not there.
 * @param keeping How long samples are kept raw, and of what aggregates are made; without it everything is kept as it came.
 */
export async function openSamples(url: string, keeping?: Keeping): Promise<SampleStore> {
  const { hostname, port, protocol, username, password } = new URL(url);
  const influx = new InfluxDB({
    database: SAMPLE_DATABASE,
    username: username || undefined,
    password: password || undefined,
    hosts: [
      {
        host: hostname,
        port: Number(port) || (protocol === 'https:' ? 443 : 8086),
        protocol: protocol.replace(':', '') as 'http' | 'https',
        options: { agent: new Agent({ keepAlive: true }) } as object,
      },
    ],
    // A store that was away is asked again after 0.1 to 2 s; the library's own steps go to 10 s.
    pool: { requestTimeout: 30_000, backoff: new ExponentialBackoff({ initial: 100, max: 2000, random: 1 }) },
  });
  await influx.createDatabase(SAMPLE_DATABASE);
  const writeLines = openWriter(url, SAMPLE_DATABASE);
  const retention = keeping && (await openRetention(SAMPLE_DATABASE, keeping, statement => ask(url, statement)));

  const rowsOf = (result: { groupRows: { rows: unknown[]; tags?: Record<string, string> }[] }) => result.groupRows ?? [];
  type Row = Record<string, number | null>;
  const rowsFrom = async (query: string, quantities: string[]): Promise<SampleRows> => {
    const result = await influx.query<Row>(query, { precision: 'ms' });
    return [...result].map(row => [new Date(row.time as unknown as string).getTime(), ...quantities.map(name => row[name] ?? null)]);
  };
  const readRaw = ({ subject, profile, quantities, from, to, everySeconds }: SampleQuery) => {
    const fields = quantities.map(name => (everySeconds ? `mean(${quoted(name)}) as ${quoted(name)}` : quoted(name))).join(', ');
    const steps = everySeconds ? ` group by time(${Math.round(everySeconds * 1000)}ms) fill(none)` : '';
    return rowsFrom(
      `select ${fields} from ${quoted(profile)} where subject = ${literal(subject)} and time >= ${from}ms and time < ${to}ms${steps} order by time`,
      quantities,
    );
  };
  const readAggregate = ({ subject, profile, quantities }: SampleQuery, span: { from: number; to: number }, step: number) =>
    rowsFrom(aggregateQuery(SAMPLE_DATABASE, profile, quantities, `subject = ${literal(subject)}`, span, step), quantities);

  return {
    async write(points) {
      if (!points.length) return;
      const lines = linesOf(points);
      if (lines) await writeLines(lines);
      if (retention) for (const { profile, time } of points) retention.stored(profile, time);
    },
    async read(query) {
      if (!keeping) return readRaw(query);
      const { aggregate, raw, stepMilliseconds } = partsOf(query, keeping.rawDays, Date.now());
      const [old, recent] = await Promise.all([
        aggregate ? readAggregate(query, aggregate, stepMilliseconds) : [],
        raw ? readRaw({ ...query, ...raw }) : [],
      ]);
      return [...old, ...recent];
    },
    async readAll(profile, quantities, from, to) {
      const result = await influx.query<Record<string, unknown>>(
        `select ${quantities.map(quoted).join(', ')} from ${quoted(profile)} where time >= ${from}ms and time < ${to}ms group by facility, device, subject order by time`,
        { precision: 'ms' },
      );
      const points: SamplePoint[] = [];
      for (const group of rowsOf(result as never)) {
        const { facility = '', device = '', subject = '' } = group.tags ?? {};
        for (const row of group.rows as Record<string, unknown>[]) {
          const values: Record<string, number> = {};
          for (const name of quantities) if (typeof row[name] === 'number') values[name] = row[name] as number;
          points.push({ profile, facility, device, subject, time: new Date(row.time as string).getTime(), values });
        }
      }
      return points.sort((a, b) => a.time - b.time);
    },
    aggregate: async span => retention?.aggregate(span),
    async ping() {
      const [host] = await influx.ping(2000);
      if (!host?.online) throw new Error(`InfluxDB at ${hostname} does not answer`);
      return `InfluxDB ${host.version ?? ''}`.trim();
    },
  };
}

/** One statement that changes the store. @throws Error with what InfluxDB says. */
async function ask(url: string, statement: string): Promise<unknown[][]> {
  const { origin, pathname, username, password } = new URL(url);
  const authorization = username
    ? { authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}` }
    : undefined;
  const answer = await fetch(`${origin}${pathname.replace(/\/$/, '')}/query?db=${SAMPLE_DATABASE}`, {
    method: 'POST',
    headers: { ...authorization },
    body: new URLSearchParams({ q: statement }),
    signal: AbortSignal.timeout(120_000),
  });
  type Answer = { error?: string; results?: { error?: string; series?: { values?: unknown[][] }[] }[] };
  const said = (await answer.json().catch(() => ({}))) as Answer;
  const error = said.error ?? said.results?.find(result => result.error)?.error;
  if (error || !answer.ok) throw new Error(`InfluxDB refuses "${statement.slice(0, 60)}…": ${error ?? answer.status}`);
  return said.results?.[0]?.series?.[0]?.values ?? [];
}
