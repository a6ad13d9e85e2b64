// Calls, falls and vital signs out of bounds: each device's samples against its profile's rules. State in memory, changes out.
import { type AlarmLimits, type AlarmState, judgeAlarms, type Point, type Profile } from '../../devices/index.ts';
import type { Cause } from '../alerts/contract.ts';
import type { Text } from '../http/problem.ts';

/** Samples of one device that the store has taken, of one subject. */
export interface DeviceSamples {
  facility: string;
  device: string;
  profile: string;
  samples: Point[];
}
/** Whom a device watches: a resident, or a place (Location id) where nobody lives. */
export type Watched = { patient: string } | { patient: null; place: string };
export type AlarmAction =
  | ({ change: 'began' } & Cause)
  | ({ change: 'ended' } & Pick<Cause, 'patient' | 'place' | 'facility' | 'kind'> & { at: number });

interface Known {
  facility: string;
  device: string;
  state: AlarmState;
}

export class Rules {
  readonly #profiles: ReadonlyMap<string, Profile>;
  readonly #devices = new Map<string, Known>();
  /** Running alarms `<device> <rule>` by resident or place and kind: an alert is over when the last of them is. */
  readonly #running = new Map<string, Set<string>>();

  constructor(profiles: ReadonlyMap<string, Profile>, known: Known[]) {
    this.#profiles = profiles;
    for (const device of known) this.#devices.set(`${device.facility}/${device.device}`, device);
  }

  /**
   * Judges new samples of a device that watches `watched` (a room may have two residents).
   * @returns what is to be told, and the device's state when it is to be kept
   */
  judge(
    { facility, device, profile: id, samples }: DeviceSamples,
    watched: readonly Watched[],
    limitsOf: (patient: string) => AlarmLimits,
    now: number,
  ): { actions: AlarmAction[]; keep: Known | null } {
    const profile = this.#profiles.get(id);
    if (!profile?.alarms.length) return { actions: [], keep: null };
    const name = `${facility}/${device}`;
    const [only] = watched;
    const { state, changes } = judgeAlarms({
      rules: profile.alarms,
      // Whose limits hold in a room of two, nobody can say.
      limits: watched.length === 1 && only?.patient ? limitsOf(only.patient) : undefined,
      state: this.#devices.get(name)?.state ?? {},
      points: samples.toSorted((a, b) => a.time - b.time),
      now,
    });
    const known = { facility, device, state };
    this.#devices.set(name, known);
    const actions = changes.flatMap(({ change, kind, rule, quantity, value, time, text }) =>
      watched.flatMap((subject): AlarmAction[] => {
        // A vital sign without a person to whom it belongs is nobody's.
        if (subject.patient === null && kind === 'vital') return [];
        const id = subject.patient ?? `Location/${subject.place}`;
        const key = `${id} ${kind}`;
        const running = this.#running.get(key) ?? new Set();
        this.#running.set(key, running);
        if (change === 'began') {
          running.add(`${name} ${rule}`);
          const detail = inWords(profile, quantity, value, text);
          return [{ change, ...subject, facility, kind, detail, at: time, key: `alarm/${name}/${rule}/${id}/${time}` }];
        }
        running.delete(`${name} ${rule}`);
        if (running.size) return [];
        this.#running.delete(key);
        return [{ change, ...subject, facility, kind, at: time }];
      }),
    );
    return { actions, keep: changes.length ? known : null };
  }
}

/** What happened, with the number when there is one. */
function inWords({ quantities }: Profile, name: string, value: number, text: Text): Text {
  const quantity = quantities.find(one => one.name === name);
  if (!quantity || quantity.kind === 'boolean') return text;
  const said = Math.round(value * 10) / 10;
  const space = (unit: string) => (unit === '' || unit === '％' || unit === '%' ? unit : ` ${unit}`);
  return {
    ja: `${text.ja}（${quantity.label.ja} ${said}${space(quantity.unit.ja)}）`,
    en: `${text.en} (${quantity.label.en} ${said}${space(quantity.unit.en)})`,
  };
}
