// The facility's alarms, kept over a restart (SQLite): raised by rule as a pack arrives, open until the cause is over and a person has seen to it.
import { createHash } from 'node:crypto';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type AlarmChange, type AlarmKind, type AlarmState, judgeAlarms, type Point, type Profile, type Text } from '../devices/index.ts';
import type { RosterDevice } from './roster.ts';

/** Alarms that are over are shown for so long, ms. */
export const HISTORY = 24 * 3_600_000;

/** One alarm, as it is published and shown. Times are ISO. It names the device and its place, never a person: the gateway knows none. */
export interface LocalAlarm {
  id: string;
  device: string;
  profile: string;
  profileName: Text;
  place: string | null;
  kind: AlarmKind;
  rule: string;
  text: Text;
  /** What was measured, in the unit people read; null for what has no number. */
  measured: { label: Text; value: number; unit: Text } | null;
  /** When the reading that began it was taken, and when the gateway raised it. */
  began: string;
  raised: string;
  /** The cause is over. */
  ended: string | null;
  /** A person has seen to it. */
  acknowledged: string | null;
}

export const isOpen = ({ ended, acknowledged }: LocalAlarm): boolean => !ended || !acknowledged;

export interface AlarmBookOptions {
  /** A new alarm, or one that has changed. Already on disk. */
  onChange: (alarm: LocalAlarm) => void;
  /** The disk took nothing. */
  onFault: (error: Error) => void;
  /** ms since 1970. */
  now: () => number;
}

export class AlarmBook {
  readonly #database: DatabaseSync;
  readonly #options: AlarmBookOptions;
  readonly #put: StatementSync;
  readonly #putState: StatementSync;
  readonly #remove: StatementSync;
  readonly #states = new Map<string, AlarmState>();
  readonly #alarms = new Map<string, LocalAlarm>();

  /** @param file The database's file; made when it is not there. */
  constructor(file: string, options: AlarmBookOptions) {
    this.#options = options;
    this.#database = new DatabaseSync(file);
    this.#database.exec(`pragma journal_mode = wal; pragma synchronous = full;
      create table if not exists alarm (id text primary key, content text not null) without rowid;
      create table if not exists judged (device text primary key, state text not null) without rowid`);
    this.#put = this.#database.prepare(
      'insert into alarm (id, content) values (?, ?) on conflict (id) do update set content = excluded.content',
    );
    this.#putState = this.#database.prepare(
      'insert into judged (device, state) values (?, ?) on conflict (device) do update set state = excluded.state',
    );
    this.#remove = this.#database.prepare('delete from alarm where id = ?');
    for (const { content } of this.#database.prepare('select content from alarm').all()) {
      const alarm = JSON.parse(String(content)) as LocalAlarm;
      this.#alarms.set(alarm.id, alarm);
    }
    for (const { device, state } of this.#database.prepare('select device, state from judged').all())
      this.#states.set(String(device), JSON.parse(String(state)) as AlarmState);
  }

  /** What nobody has seen to first, then what is still going on, then what is over; the newest first. */
  list(): LocalAlarm[] {
    this.#forget();
    const rank = (alarm: LocalAlarm) => (alarm.acknowledged ? (alarm.ended ? 2 : 1) : 0);
    return [...this.#alarms.values()].sort((a, b) => rank(a) - rank(b) || b.raised.localeCompare(a.raised));
  }
  open(): LocalAlarm[] {
    return this.list().filter(isOpen);
  }

  /**
   * Judges a device's readings by its profile's rules and its resident's limits.
   * @param now ms since 1970 by the clock that the readings' times are in.
   * @returns whether an alarm began.
   */
  judge(device: RosterDevice, profile: Profile, points: readonly Point[], now: number): boolean {
    if (!profile.alarms.length) return false;
    const before = this.#states.get(device.device) ?? {};
    const { state, changes } = judgeAlarms({ rules: profile.alarms, limits: device.limits, state: before, points, now });
    this.#states.set(device.device, state);
    if (!changes.length) return false;
    const changed = new Map<string, LocalAlarm>();
    for (const change of changes) {
      const alarm = change.change === 'began' ? this.#begin(device, profile, change) : this.#end(device.device, change);
      if (alarm) changed.set(alarm.id, alarm);
    }
    this.#write([...changed.values()], () => this.#putState.run(device.device, JSON.stringify(state)));
    return changes.some(({ change }) => change === 'began');
  }

  /** A person has seen to it. @returns the alarm, or null when there is none of this id. */
  acknowledge(id: string): LocalAlarm | null {
    const alarm = this.#alarms.get(id);
    if (!alarm) return null;
    if (!alarm.acknowledged) {
      alarm.acknowledged = this.#time();
      this.#write([alarm]);
    }
    return alarm;
  }

  close(): void {
    this.#database.close();
  }

  #time = () => new Date(this.#options.now()).toISOString();

  #begin(device: RosterDevice, profile: Profile, change: AlarmChange): LocalAlarm {
    const quantity = profile.quantities.find(({ name }) => name === change.quantity);
    const measured = quantity && quantity.kind !== 'boolean' ? { label: quantity.label, value: change.value, unit: quantity.unit } : null;
    // One that nobody has seen to goes on instead of standing there twice.
    const waiting = this.#latest(device.device, change.rule, ({ acknowledged }) => !acknowledged);
    if (waiting) return Object.assign(waiting, { ended: null, measured, raised: this.#time() });
    const began = new Date(change.time).toISOString();
    const id = createHash('sha256').update(`${device.device} ${change.rule} ${began}`).digest('hex').slice(0, 24);
    const alarm: LocalAlarm = {
      id,
      device: device.device,
      profile: profile.id,
      profileName: profile.name,
      place: device.place ?? null,
      kind: change.kind,
      rule: change.rule,
      text: change.text,
      measured,
      began,
      raised: this.#time(),
      ended: null,
      acknowledged: null,
    };
    this.#alarms.set(id, alarm);
    return alarm;
  }

  #end(device: string, { rule, time }: AlarmChange): LocalAlarm | null {
    const alarm = this.#latest(device, rule, ({ ended }) => !ended);
    return alarm && Object.assign(alarm, { ended: new Date(time).toISOString() });
  }

  #latest(device: string, rule: string, which: (alarm: LocalAlarm) => boolean): LocalAlarm | null {
    const own = [...this.#alarms.values()].filter(alarm => alarm.device === device && alarm.rule === rule && which(alarm));
    return own.sort((a, b) => b.raised.localeCompare(a.raised))[0] ?? null;
  }

  /** On disk first; an alarm is raised all the same when the disk takes nothing. */
  #write(alarms: LocalAlarm[], beside: () => unknown = () => {}) {
    try {
      this.#database.exec('begin immediate');
      for (const alarm of alarms) this.#put.run(alarm.id, JSON.stringify(alarm));
      beside();
      this.#database.exec('commit');
    } catch (error) {
      this.#options.onFault(error as Error);
      try {
        this.#database.exec('rollback');
      } catch {
        // Nothing was begun.
      }
    }
    for (const alarm of alarms) this.#options.onChange(alarm);
  }

  /** Seen to, and a day old: also one whose device never said that its cause is over. */
  #forget() {
    const before = new Date(this.#options.now() - HISTORY).toISOString();
    for (const alarm of [...this.#alarms.values()]) {
      if (!alarm.acknowledged || alarm.acknowledged >= before || (alarm.ended && alarm.ended >= before)) continue;
      this.#alarms.delete(alarm.id);
      this.#remove.run(alarm.id);
      // Lamps and sirens still have it: they are told that it is over.
      if (!alarm.ended) this.#options.onChange({ ...alarm, ended: this.#time() });
    }
  }
}
