// Who is watched by what, for the parts of the hub that notice when nothing comes any more: all facilities or one, in two queries.
import { sql } from 'kysely';
import { GATEWAY, type Profile } from '../../devices/index.ts';
import type { Database } from '../store/index.ts';
import { covers, lateAfter } from './coverage.ts';
import { silenceOf } from './ledger.ts';

/** A device that now watches a resident or a place and whose samples are missed when they stop. Times in ms since 1970. */
export interface WatchedDevice {
  facility: string;
  device: string;
  profile: string;
  /** `Patient/…` or `Location/…` */
  subject: string;
  /** Since when it is expected: assigned and registered. */
  since: number;
  lastSample: number | null;
  /** After so many ms without a sample it is late, and silent. */
  lateAfter: number;
  silentAfter: number;
  /** Whether it counts as cover: vital signs all the time. */
  covers: boolean;
}
export interface WatchedFacility {
  facility: string;
  /** null: there is none. `connected` null: nobody said. */
  gateway: { connected: boolean | null; since: number | null } | null;
  devices: WatchedDevice[];
}

/** Facilities with devices; devices used now and then are left out. @param only Just this one facility */
export async function watchedFacilities(
  database: Database,
  profiles: ReadonlyMap<string, Profile>,
  only: string | null = null,
): Promise<WatchedFacility[]> {
  const tables = database.kysely;
  type DeviceRow = { facility: string; device: string; profile: string; subject: string; since: Date; last_sample: Date | null };
  type GatewayRow = { facility: string; connected: boolean | null; connected_since: Date | null };
  const [devices, gateways] = await Promise.all([
    sql<DeviceRow>`select d.facility, d.device, d.profile, a.subject, greatest(a."from", d.created) as since, s.last_sample from ingest_device d
      join ingest_assignment a on a.facility = d.facility and a.device = d.device and a."to" is null
      left join ingest_device_state s on s.facility = d.facility and s.device = d.device
      where d.revoked is null and (${only}::text is null or d.facility = ${only})`.execute(tables),
    sql<GatewayRow>`select distinct c.facility, h.connected, h.connected_since from ingest_credential c
      left join ingest_device_health h on h.facility = c.facility and h.device = ${GATEWAY}
      where c.kind = 'gateway' and c.revoked is null and (${only}::text is null or c.facility = ${only})`.execute(tables),
  ]);
  const found = new Map<string, WatchedFacility>();
  const gatewayOf = new Map(gateways.rows.map(row => [row.facility, row]));
  for (const row of devices.rows) {
    const profile = profiles.get(row.profile);
    if (!profile || profile.occasional) continue;
    const gateway = gatewayOf.get(row.facility);
    const entry: WatchedFacility = found.get(row.facility) ?? {
      facility: row.facility,
      gateway: gateway ? { connected: gateway.connected, since: gateway.connected_since?.getTime() ?? null } : null,
      devices: [],
    };
    found.set(row.facility, entry);
    entry.devices.push({
      ...{ facility: row.facility, device: row.device, profile: row.profile, subject: row.subject, since: row.since.getTime() },
      ...{ lastSample: row.last_sample?.getTime() ?? null, lateAfter: lateAfter(profile), silentAfter: silenceOf(profile) },
      covers: covers(profile),
    });
  }
  return [...found.values()];
}

/** Profiles of the devices that watch this resident or place now. */
export async function watchingProfiles({ kysely }: Database, subject: string): Promise<string[]> {
  const { rows } = await sql<{ profile: string }>`select distinct d.profile from ingest_assignment a
    join ingest_device d on d.facility = a.facility and d.device = a.device
    where a.subject = ${subject} and a."to" is null and d.revoked is null order by 1`.execute(kysely);
  return rows.map(({ profile }) => profile);
}
