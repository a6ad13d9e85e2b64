// The registry as the broker needs it: in memory, a facility at a time, renewed when the registry says that it changed.
import { setTimeout as sleep } from 'node:timers/promises';
import { GATEWAY, type Profile } from '../../devices/index.ts';
import type { Database } from '../store/index.ts';
import { REGISTRY_CHANNEL } from './credentials.ts';
import type { IngestTables } from './tables.ts';

export interface Assignment {
  subject: string;
  /** Milliseconds since 1970: `from` inclusive, `to` exclusive, Infinity while it lasts. */
  from: number;
  to: number;
}
export interface DirectoryDevice {
  device: string;
  /** Undefined when the registry names a profile that this hub does not have. */
  profile: Profile | undefined;
  profileId: string;
  assignments: Assignment[];
}
/** What can be signed in with. */
export interface HeldCredential {
  id: string;
  /** Exactly one is given: hex SHA-256 of a secret, or of a certificate (DER). */
  secretSha256: string | null;
  fingerprint: string | null;
  /** Milliseconds since 1970, Infinity for no end: the end of a certificate, or of the time beside its successor. */
  until: number;
  /** Whether it was signed in with before. */
  used: boolean;
}
export interface FacilityDirectory {
  facility: string;
  devices: ReadonlyMap<string, DirectoryDevice>;
  /** Those in force, by username; the newest last. During a rotation there are two. */
  credentials: ReadonlyMap<string, HeldCredential[]>;
  /** What is told to devices as their retained configuration; `gateway` for the gateway. */
  configs: ReadonlyMap<string, Record<string, unknown>>;
  /** When reading began, ms since 1970: later changes are not in it. */
  loadedAt: number;
}

/** Whom or what the device watched at `time`; null for nobody. */
export function subjectAt(device: DirectoryDevice, time: number): string | null {
  return device.assignments.find(({ from, to }) => from <= time && time < to)?.subject ?? null;
}

/** Shortest time between two readings of a facility that messages ask for, ms: so nobody can make the hub read without end. */
const BETWEEN_READS = 1000;

interface Entry {
  current?: FacilityDirectory;
  loading?: Promise<FacilityDirectory>;
}

export interface Directory {
  /** What is known now, or a promise while it is being read. */
  of(facility: string): FacilityDirectory | Promise<FacilityDirectory>;
  /**
   * What the registry says after this call, at most a second later: asked before a sample is refused for want of an entry that may have
   * been made a moment ago.
   */
  freshOf(facility: string): Promise<FacilityDirectory>;
  /** Those in force, read now. For a sign-in that what is known would refuse. */
  credentialsOf(username: string): Promise<HeldCredential[]>;
  /** Facilities with a gateway that may sign in, or with configuration for a device. */
  toldFacilities(): Promise<string[]>;
  close(): Promise<void>;
}

/**
 * @param changed Called after a facility was read anew because its registry changed.
 * @param failed Called when it could not be read; what was known stays in force, and it is tried again.
 */
export async function openDirectory({
  database,
  profiles,
  changed,
  failed,
}: {
  database: Database;
  profiles: ReadonlyMap<string, Profile>;
  changed: (facility: FacilityDirectory) => void;
  failed: (error: unknown) => void;
}): Promise<Directory> {
  const tables = database.kysely.withTables<IngestTables>();
  const entries = new Map<string, Entry>();
  /** Readings that were asked for and have not begun. */
  const renewals = new Map<string, Promise<FacilityDirectory>>();
  let closed = false;

  const inForce = () =>
    tables
      .selectFrom('ingest_credential')
      .select(['id', 'username', 'secret_sha256', 'fingerprint', 'not_after', 'ends', 'used', 'renew_asked'])
      .where('revoked', 'is', null)
      .orderBy('id');

  async function read(facility: string): Promise<FacilityDirectory> {
    const loadedAt = Date.now();
    const [devices, assignments, credentials, configs] = await Promise.all([
      tables.selectFrom('ingest_device').select(['device', 'profile', 'revoked']).where('facility', '=', facility).execute(),
      tables
        .selectFrom('ingest_assignment')
        .select(['device', 'subject', 'from', 'to'])
        .where('facility', '=', facility)
        .orderBy('from')
        .execute(),
      inForce().select('device').where('facility', '=', facility).execute(),
      tables.selectFrom('ingest_config').select(['device', 'config']).where('facility', '=', facility).execute(),
    ]);
    const known = new Map<string, DirectoryDevice>();
    for (const { device, profile } of devices)
      known.set(device, { device, profile: profiles.get(profile), profileId: profile, assignments: [] });
    for (const { device, subject, from, to } of assignments)
      known.get(device)?.assignments.push({ subject, from: from.getTime(), to: to?.getTime() ?? Number.POSITIVE_INFINITY });
    const revoked = new Set(devices.filter(row => row.revoked).map(row => row.device));
    const told = new Map(configs.filter(row => !revoked.has(row.device)).map(row => [row.device, row.config]));
    // The newest credential decides: with a new certificate the hub asks no more.
    for (const [device, asked] of new Map(credentials.map(row => [row.device ?? GATEWAY, row.renew_asked])))
      if (asked) told.set(device, { ...told.get(device), renew: true });
    return {
      facility,
      devices: known,
      credentials: Map.groupBy(credentials.map(heldOf), ({ username }) => username),
      configs: told,
      loadedAt,
    };
  }

  function load(facility: string): Promise<FacilityDirectory> {
    const entry = entries.get(facility) ?? {};
    entries.set(facility, entry);
    const loading = read(facility).then(
      directory => {
        if (entry.loading === loading) {
          entry.current = directory;
          entry.loading = undefined;
          // Names that do not exist must not fill the memory.
          if (!directory.devices.size && !directory.credentials.size) entries.delete(facility);
        }
        return directory;
      },
      error => {
        if (entry.loading === loading) entry.loading = undefined;
        failed(error);
        if (!entry.current) {
          entries.delete(facility);
          throw error;
        }
        if (!closed) setTimeout(() => !closed && renew(facility), 1000).unref();
        return entry.current;
      },
    );
    entry.loading = loading;
    return loading;
  }

  function renew(facility: string) {
    load(facility).then(
      // Two renewals may overtake each other: only the one in force counts.
      directory => !entries.get(facility)?.loading && changed(directory),
      () => undefined,
    );
  }

  const stop = await database.listen(
    REGISTRY_CHANNEL,
    payload => {
      const facility = (payload as { facility?: unknown } | null)?.facility;
      if (typeof facility === 'string') renew(facility);
    },
    () => {
      for (const facility of entries.keys()) renew(facility);
    },
  );

  const of = (facility: string) => {
    const entry = entries.get(facility);
    return entry?.loading ?? entry?.current ?? load(facility);
  };
  return {
    of,
    freshOf(facility) {
      const asked = renewals.get(facility);
      if (asked) return asked;
      const wait = (entries.get(facility)?.current?.loadedAt ?? 0) + BETWEEN_READS - Date.now();
      const renewal = sleep(Math.max(0, wait), undefined, { ref: false }).then(() => {
        renewals.delete(facility);
        return load(facility);
      });
      renewals.set(facility, renewal);
      return renewal;
    },
    credentialsOf: async username => (await inForce().where('username', '=', username).execute()).map(heldOf),
    async toldFacilities() {
      const told = tables
        .selectFrom('ingest_credential')
        .select('facility')
        .where('revoked', 'is', null)
        .where(({ or, eb }) => or([eb('kind', '=', 'gateway'), eb('renew_asked', 'is not', null)]));
      const rows = await told.union(tables.selectFrom('ingest_config').select('facility')).execute();
      return rows.map(row => row.facility);
    },
    async close() {
      closed = true;
      await stop();
    },
  };
}

function heldOf(row: {
  id: string;
  username: string;
  secret_sha256: string | null;
  fingerprint: string | null;
  not_after: Date | null;
  ends: Date | null;
  used: Date | null;
}): HeldCredential & { username: string } {
  const until = Math.min(row.not_after?.getTime() ?? Number.POSITIVE_INFINITY, row.ends?.getTime() ?? Number.POSITIVE_INFINITY);
  const { id, username, fingerprint } = row;
  return { id, username, fingerprint, secretSha256: row.secret_sha256, until, used: row.used !== null };
}
