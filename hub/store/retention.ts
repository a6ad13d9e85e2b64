// How long samples are kept: as they came for some months, as means, least, greatest and counts of ten minutes for years. InfluxDB does
// both: a retention policy ends the raw samples, one continuous query per device profile makes the aggregates.
import { setTimeout as sleep } from 'node:timers/promises';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** One aggregate per so many ms. */
export const AGGREGATE_STEP = 600_000;
/** Retention policies within the database: InfluxDB's own first one for raw samples, and one that ends never. */
const RAW = 'autogen';
const AGGREGATE = 'ten_minutes';
/** The continuous queries go over so many hours each time; samples that come later are aggregated by `late` here. */
const RESAMPLE_HOURS = 6;
/** Raw samples outlive the oldest that is accepted by this, so that one that waits for the store is still taken. */
const MARGIN_DAYS = 1;
/** Spans over this are answered from aggregates when means are asked for anyway. */
export const LONG_SPAN = 14 * DAY;
/** The newest hour is read raw: its aggregates may not be made yet. */
const UNSETTLED = HOUR;

export interface Keeping {
  /** Days that raw samples are kept; older samples must not be accepted (devices: `ageLimit`). */
  rawDays: number;
  profiles: { id: string; quantities: string[] }[];
  /** Whether this process aggregates late samples and those about to end: one role does. */
  maintain: boolean;
  /** How long late samples wait for company, ms. Default 60,000. */
  lateMilliseconds?: number;
  /** Told when aggregating failed; it is tried again. */
  failed?: (error: unknown) => void;
}

export interface Span {
  from: number;
  to: number;
}

/** Which part of a span is read from aggregates and which raw. Aggregates come first in time. All in ms since 1970. */
export function partsOf(
  { from, to, everySeconds = 0 }: Span & { everySeconds?: number },
  rawDays: number,
  now: number,
): { aggregate: Span | null; raw: Span | null; stepMilliseconds: number } {
  const stepMilliseconds = Math.max(AGGREGATE_STEP, Math.round(everySeconds * 1000));
  const rawBegin = now - rawDays * DAY;
  const isLong = everySeconds * 1000 >= AGGREGATE_STEP && to - from > LONG_SPAN;
  let cut = from;
  if (isLong) cut = Math.floor(Math.min(to, now - UNSETTLED) / stepMilliseconds) * stepMilliseconds;
  else if (from < rawBegin) cut = Math.min(to, Math.ceil(rawBegin / stepMilliseconds) * stepMilliseconds);
  return {
    aggregate: cut > from ? { from, to: cut } : null,
    raw: cut < to ? { from: Math.max(from, cut), to } : null,
    stepMilliseconds,
  };
}

const quoted = (name: string) => `"${name.replaceAll('"', '\\"')}"`;

/** InfluxQL of the part that is read from aggregates; each mean counts as often as it had samples. `where` without the times. */
export function aggregateQuery(
  database: string,
  profile: string,
  quantities: string[],
  where: string,
  { from, to }: Span,
  stepMilliseconds: number,
): string {
  const source = `${quoted(database)}.${quoted(AGGREGATE)}.${quoted(profile)} where ${where} and time >= ${from}ms and time < ${to}ms`;
  if (stepMilliseconds === AGGREGATE_STEP)
    return `select ${quantities.map(name => `${quoted(`${name}_mean`)} as ${quoted(name)}`).join(', ')} from ${source} order by time`;
  const sums = quantities.map(name => `sum(${quoted(`${name}_s`)}) / sum(${quoted(`${name}_c`)}) as ${quoted(name)}`);
  const parts = quantities.map(
    name =>
      `${quoted(`${name}_mean`)} * ${quoted(`${name}_count`)} as ${quoted(`${name}_s`)}, ${quoted(`${name}_count`)} as ${quoted(`${name}_c`)}`,
  );
  return `select ${sums.join(', ')} from (select ${parts.join(', ')} from ${source}) where time >= ${from}ms and time < ${to}ms group by time(${stepMilliseconds}ms) fill(none) order by time`;
}

export interface Retention {
  /** To be told of each sample that is in the store. */
  stored(profile: string, time: number): void;
  /** Makes the aggregates of a span again, from whole ten minutes to whole ten minutes. */
  aggregate(span: Span): Promise<void>;
}

/**
 * Makes the policies and continuous queries, or brings them up to date. Safe to call again and from several processes.
 * @param ask Runs one statement (InfluxQL, POST) and returns its first series' rows.
 * @throws Error when the store takes none: then HUB_RAW_DAYS=0 keeps everything as it came.
 */
export async function openRetention(
  database: string,
  { rawDays, profiles, maintain, lateMilliseconds = 60_000, failed }: Keeping,
  ask: (statement: string) => Promise<unknown[][]>,
): Promise<Retention> {
  const into = ({ id, quantities }: Keeping['profiles'][number]) => {
    const fields = quantities.flatMap(name =>
      ['mean', 'min', 'max', 'count'].map(kind => `${kind}(${quoted(name)}) AS ${quoted(`${name}_${kind}`)}`),
    );
    const at = (policy: string) => `${quoted(database)}.${quoted(policy)}.${quoted(id)}`;
    return `SELECT ${fields.join(', ')} INTO ${at(AGGREGATE)} FROM ${at(RAW)}`;
  };
  const byTime = `GROUP BY time(${AGGREGATE_STEP / 60_000}m), *`;

  const policies = new Set((await ask(`SHOW RETENTION POLICIES ON ${quoted(database)}`)).map(([name]) => name));
  const isNew = !policies.has(AGGREGATE);
  if (isNew) await ask(`CREATE RETENTION POLICY ${quoted(AGGREGATE)} ON ${quoted(database)} DURATION INF REPLICATION 1 SHARD DURATION 52w`);
  await ask(`ALTER RETENTION POLICY ${quoted(RAW)} ON ${quoted(database)} DURATION ${rawDays + MARGIN_DAYS}d DEFAULT`);
  for (const profile of profiles) {
    const name = `${quoted(`${AGGREGATE}_${profile.id}`)} ON ${quoted(database)}`;
    const create = () =>
      ask(`CREATE CONTINUOUS QUERY ${name} RESAMPLE EVERY 10m FOR ${RESAMPLE_HOURS}h BEGIN ${into(profile)} ${byTime} END`);
    try {
      await create();
    } catch (error) {
      // The profile has other quantities than last time.
      if (!/already exists/.test(String(error))) throw error;
      await ask(`DROP CONTINUOUS QUERY ${name}`);
      await create();
    }
  }

  async function aggregate({ from, to }: Span, only: Iterable<string> = profiles.map(({ id }) => id)) {
    const wanted = new Set(only);
    const [begin, end] = [Math.floor(from / AGGREGATE_STEP) * AGGREGATE_STEP, Math.ceil(to / AGGREGATE_STEP) * AGGREGATE_STEP];
    // A day at a time, as InfluxDB holds the answer in memory.
    for (let day = begin; day < end; day += DAY)
      for (const profile of profiles.filter(({ id }) => wanted.has(id)))
        await ask(`${into(profile)} WHERE time >= ${day}ms AND time < ${Math.min(end, day + DAY)}ms ${byTime}`);
  }

  /** Hours (since 1970) with samples that came too late for the continuous queries, by profile. */
  const late = new Map<string, Set<number>>();
  let awake = false;
  async function aggregateLate() {
    for (const [profile, hours] of late) {
      late.delete(profile);
      const spans: Span[] = [];
      for (const hour of [...hours].sort((a, b) => a - b)) {
        const last = spans.at(-1);
        if (last?.to === hour * HOUR) last.to += HOUR;
        else spans.push({ from: hour * HOUR, to: (hour + 1) * HOUR });
      }
      try {
        for (const span of spans) await aggregate(span, [profile]);
      } catch (error) {
        failed?.(error);
        late.set(profile, new Set([...hours, ...(late.get(profile) ?? [])]));
        break;
      }
    }
    awake = false;
    if (late.size) wake();
  }
  const wake = () => {
    if (awake) return;
    awake = true;
    setTimeout(() => void aggregateLate(), lateMilliseconds).unref();
  };

  /** What a process that ended left unaggregated is made up for, at the latest before the raw samples end. */
  async function settle() {
    const now = Date.now();
    const spans = isNew ? [{ from: now - rawDays * DAY, to: now }] : [];
    spans.push({ from: now - 2 * DAY, to: now }, { from: now - rawDays * DAY, to: now - (rawDays - 2) * DAY });
    for (const span of spans) await aggregate(span);
  }
  async function settleForEver() {
    for (;;) {
      try {
        await settle();
        await sleep(DAY / 2, undefined, { ref: false });
      } catch (error) {
        failed?.(error);
        await sleep(60_000, undefined, { ref: false });
      }
    }
  }
  if (maintain) void settleForEver();

  return {
    aggregate,
    stored(profile, time) {
      if (!maintain || time > Date.now() - (RESAMPLE_HOURS - 1) * HOUR) return;
      const hours = late.get(profile) ?? new Set();
      late.set(profile, hours.add(Math.floor(time / HOUR)));
      wake();
    },
  };
}
