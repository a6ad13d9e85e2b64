// Who is watched and who no longer is, from the times of samples alone. Pure: no clock, no store. One loss is told once.
import type { WatchedDevice, WatchedFacility } from '../ingest/index.ts';

/** A device that was never heard of is missed only after this time, ms: it has to be mounted first. */
export const MOUNTING = 30 * 60_000;

/** A loss of cover. With `resident` (a Patient id) empty it is a whole facility's. Times in ms since 1970. */
export interface Loss {
  facility: string;
  resident: string;
  key: string;
  since: number;
}
export interface CoverChange {
  change: 'lost' | 'back';
  loss: Loss;
  /** Residents concerned. */
  residents: number;
  /** Of a facility's loss: whether it has a gateway. */
  gateway: boolean;
}

interface Facility extends WatchedFacility {
  byName: Map<string, WatchedDevice>;
  /** Samples come again since then after a loss of the whole facility, or since the hub listens again. */
  backAt: number;
}

export class Cover {
  readonly #facilities = new Map<string, Facility>();
  /** By facility and resident. */
  readonly #losses: Map<string, Loss>;
  /** A moment is given to everyone after a start: the devices come back one after the other. */
  #graceUntil: number;

  constructor(losses: Loss[], graceUntil: number) {
    this.#losses = new Map(losses.map(loss => [keyOf(loss), loss]));
    this.#graceUntil = graceUntil;
  }

  grace(until: number): void {
    this.#graceUntil = Math.max(this.#graceUntil, until);
  }

  /** What the registry says now, of all facilities or of `only`. Newer samples that were heard of are kept. */
  load(facilities: WatchedFacility[], only: string | null = null): void {
    const before = new Map(this.#facilities);
    if (only === null) this.#facilities.clear();
    else this.#facilities.delete(only);
    for (const facility of facilities) {
      const known = before.get(facility.facility);
      const heard = new Map(known?.devices.map(device => [device.device, device.lastSample]));
      const devices = facility.devices
        .filter(({ covers, subject }) => covers && subject.startsWith('Patient/'))
        .map(device => ({ ...device, lastSample: later(device.lastSample, heard.get(device.device) ?? null) }));
      const byName = new Map(devices.map(device => [device.device, device]));
      this.#facilities.set(facility.facility, { ...facility, devices, byName, backAt: known?.backAt ?? 0 });
    }
  }

  /** A sample of this time is stored. */
  heard(facility: string, device: string, time: number): void {
    const found = this.#facilities.get(facility)?.byName.get(device);
    if (found) found.lastSample = later(found.lastSample, time);
  }

  /** Facilities where somebody would be told as lost at `now`: their samples are looked up once more before. */
  due(now: number): string[] {
    return [...this.#facilities.values()]
      .filter(facility => this.#changesOf(facility, now).some(({ change }) => change === 'lost'))
      .map(({ facility }) => facility);
  }

  /** What is to be told at `now`; nothing is forgotten until `told`. */
  changes(now: number): CoverChange[] {
    const changes = [...this.#facilities.values()].flatMap(facility => this.#changesOf(facility, now));
    // Nobody is left there whose loss could end by a sample.
    for (const loss of this.#losses.values())
      if (!this.#facilities.has(loss.facility)) changes.push({ change: 'back', loss, residents: 1, gateway: false });
    return changes;
  }

  told({ change, loss }: CoverChange, now: number): void {
    if (change === 'lost') {
      this.#losses.set(keyOf(loss), loss);
      return;
    }
    this.#losses.delete(keyOf(loss));
    const facility = this.#facilities.get(loss.facility);
    if (facility && !loss.resident) facility.backAt = now;
  }

  #changesOf(facility: Facility, now: number): CoverChange[] {
    const residents = Map.groupBy(facility.devices, ({ subject }) => subject.slice('Patient/'.length));
    const changes: CoverChange[] = [];
    const own = [...this.#losses.values()].filter(loss => loss.facility === facility.facility);
    const whole = own.find(({ resident }) => !resident);
    for (const loss of own) {
      if (!loss.resident) continue;
      const devices = residents.get(loss.resident);
      if (!devices?.length || devices.some(device => delivers(device, now)))
        changes.push({ change: 'back', loss, residents: 1, gateway: false });
    }
    const allQuiet = this.#wholeIsQuiet(facility, residents, now);
    if (whole) {
      if (!allQuiet) changes.push({ change: 'back', loss: whole, residents: residents.size, gateway: facility.gateway !== null });
      return changes;
    }
    if (now < this.#graceUntil) return changes;
    const told = new Set(own.map(({ resident }) => resident));
    const lost = [...residents].filter(
      ([patient, devices]) => !told.has(patient) && devices.every(device => isSilent(device, facility, now)),
    );
    if (!lost.length) return changes;
    const sinceOf = (devices: WatchedDevice[]) => Math.max(...devices.map(({ lastSample, since }) => lastSample ?? since));
    if (allQuiet) {
      const since = Math.max(...lost.map(([, devices]) => sinceOf(devices)));
      const quiet = [...residents].filter(([patient, devices]) => !told.has(patient) && devices.every(device => isQuiet(device, now)));
      const loss = { facility: facility.facility, resident: '', key: `uncovered/${facility.facility}//${since}`, since };
      changes.push({ change: 'lost', loss, residents: quiet.length, gateway: facility.gateway !== null });
      return changes;
    }
    for (const [patient, devices] of lost) {
      const since = sinceOf(devices);
      const loss = {
        facility: facility.facility,
        resident: patient,
        key: `uncovered/${facility.facility}/${patient}/${since}`,
        since,
      };
      changes.push({ change: 'lost', loss, residents: 1, gateway: false });
    }
    return changes;
  }

  /** Whether the way of all is lost and not one device: the gateway is known to be away, or several residents' devices are all late. */
  #wholeIsQuiet({ gateway, devices }: Facility, residents: Map<string, WatchedDevice[]>, now: number): boolean {
    const heard = devices.filter(({ lastSample }) => lastSample !== null);
    const quiet = heard.filter(device => isQuiet(device, now)).length;
    // Some devices may speak to the hub without the gateway.
    if (gateway?.connected === false) return quiet > 0 && quiet * 2 >= heard.length;
    return quiet > 0 && quiet === heard.length && residents.size > 1;
  }
}

const keyOf = ({ facility, resident }: Loss) => `${facility}/${resident}`;
const later = (one: number | null, other: number | null) => (one === null ? other : other === null ? one : Math.max(one, other));
/** A sample from before it watched this resident says nothing of them. */
const sampleOf = ({ lastSample, since }: WatchedDevice) => (lastSample !== null && lastSample >= since ? lastSample : null);
const isQuiet = (device: WatchedDevice, now: number) => now - (device.lastSample ?? 0) > device.lateAfter;
const delivers = (device: WatchedDevice, now: number) => now - (sampleOf(device) ?? 0) <= device.silentAfter;

function isSilent(device: WatchedDevice, { backAt }: Facility, now: number): boolean {
  const last = sampleOf(device);
  if (last === null) return now - Math.max(device.since, backAt) > MOUNTING;
  return now - Math.max(last, backAt) > device.silentAfter;
}
