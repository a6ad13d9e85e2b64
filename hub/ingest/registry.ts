// The registry: which devices there are, what they sign in with, and whom or what each watched and when.
import { randomBytes } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { deviceTopic, GATEWAY, loadProfiles, type Profile, usernameOf } from '../../devices/index.ts';
import type { Authority } from '../identity/index.ts';
import type { Database, NoTables } from '../store/index.ts';
import type { Credentials } from './contract.ts';
import { endCredentials, type Holder, issueCredential, type NewCredential, REGISTRY_CHANNEL, type Wish } from './credentials.ts';
import {
  certificateNone,
  deviceRevoked,
  deviceTaken,
  deviceUnknown,
  gatewayUnknown,
  historyTaken,
  nameReserved,
  profileUnknown,
} from './problems.ts';
import type { IngestTables } from './tables.ts';

export interface RegisteredDevice {
  facility: string;
  device: string;
  profile: string;
  created: Date;
  revoked: Date | null;
  /** The present assignment: `Patient/…` or `Location/…`. */
  subject: string | null;
  assignedFrom: Date | null;
  /** Newest sample's own time. */
  lastSample: Date | null;
  /** When the samples began to come without a gap that counts as silence. */
  deliveringSince: Date | null;
  /** Samples stored, and messages or readings refused, since registration. */
  accepted: number;
  refused: number;
  /** The newest one in force; null when there is none. */
  credential: 'secret' | 'certificate' | null;
  certificateEnds: Date | null;
  renewAsked: boolean;
  /** A new credential was not used yet: the former one ends then at the latest. */
  formerUntil: Date | null;
}

export interface NewRegistration extends Wish {
  facility: string;
  /** Made when missing. */
  device?: string;
  profile: string;
  /** `Patient/…` or `Location/…` */
  subject?: string | null;
  /** Beginning of the first assignment; now when missing. */
  from?: Date;
}

export interface Registry {
  readonly profiles: ReadonlyMap<string, Profile>;
  /** @throws Problem 409 (name taken), 422 (profile unknown, name reserved) */
  createDevice(registration: NewRegistration): Promise<Credentials>;
  /** Credentials of the facility's gateway: its first, or new ones as by `rotate`. @throws Problem 422 */
  createGateway(facility: string, wish?: Wish): Promise<Credentials>;
  /**
   * From `from` (now when missing) on the device watches `subject`, or nothing with null. What it sent before stays with whom it watched then.
   * @throws Problem 404, 409 (revoked; `from` before the present assignment)
   */
  assign(facility: string, device: string, subject: string | null, from?: Date): Promise<void>;
  /**
   * A new secret or certificate. The former one, if it is in use, stays good until the new one is used, at most seven days; then its
   * connections are cut. @throws Problem 404, 409, 422 (request for a certificate refused)
   */
  rotate(facility: string, device: string, wish?: Wish): Promise<Credentials>;
  /** As `rotate`, for a device or gateway that asks for a certificate itself. */
  certify(holder: Holder, csr: string): Promise<Credentials>;
  /** Asks the holder of a certificate to renew it, by its retained configuration. @throws Problem 404, 409 */
  askRenewal(facility: string, device: string): Promise<void>;
  /** The device can sign in no more, and its assignment ends. Samples from before that still reach the subject of their time. @throws Problem 404 */
  revoke(facility: string, device: string): Promise<void>;
  /** The facility's gateway can sign in no more. @throws Problem 404 */
  revokeGateway(facility: string): Promise<void>;
  /** What the hub keeps as the device's retained configuration (`gateway` for the gateway). @throws Problem 404, 409 */
  configure(facility: string, device: string, config: Record<string, unknown>): Promise<void>;
  configOf(facility: string, device: string): Promise<Record<string, unknown>>;
  devicesOf(facility: string): Promise<RegisteredDevice[]>;
  /** What the facility's gateway signs in with; null when there is none that may. */
  gatewayOf(facility: string): Promise<Pick<RegisteredDevice, 'credential' | 'certificateEnds' | 'renewAsked' | 'formerUntil'> | null>;
  /** Facilities that have a device of this name. */
  facilitiesOf(device: string): Promise<string[]>;
}

type Tables = Transaction<NoTables & IngestTables>;

/**
 * @param mqttUrl What devices connect to, for their credentials; `mqttsUrl` over TLS.
 * @param authority Signs certificates; without it there are secrets only.
 */
export function openRegistry({
  database,
  mqttUrl,
  mqttsUrl = null,
  authority,
  profiles = loadProfiles(),
}: {
  database: Database;
  mqttUrl: string;
  mqttsUrl?: string | null;
  authority?: Authority;
  profiles?: ReadonlyMap<string, Profile>;
}): Registry {
  const tables = database.kysely.withTables<IngestTables>();
  const change = async <T>(facility: string, work: (transaction: Tables) => Promise<T>): Promise<T> => {
    const result = await tables.transaction().execute(work);
    await database.notify(REGISTRY_CHANNEL, { facility });
    return result;
  };
  const credentialsFor = (holder: Holder, { secret, certificate, formerUntil }: NewCredential): Credentials => ({
    device: holder.kind === 'device' ? holder.device : GATEWAY,
    facility: holder.facility,
    username: usernameOf(holder),
    secret,
    topic: holder.kind === 'device' ? deviceTopic(holder.facility, holder.device, 'json') : `care/1/${holder.facility}/+/json`,
    mqttUrl,
    mqttsUrl,
    certificate: certificate && {
      pem: certificate.pem,
      key: certificate.key ?? null,
      ca: authority?.caPem ?? '',
      notAfter: certificate.notAfter.toISOString(),
    },
    formerUntil: formerUntil?.toISOString() ?? null,
  });
  const rotate = (holder: Holder, wish: Wish) =>
    change(holder.facility, async transaction => {
      await lockHolder(transaction, holder);
      return credentialsFor(holder, await issueCredential(transaction, holder, wish, authority));
    });

  return {
    profiles,
    async createDevice({ facility, profile, device = `${profile}-${randomBytes(4).toString('hex')}`, subject = null, from, ...wish }) {
      if (!profiles.has(profile)) throw profileUnknown(profiles.keys());
      if (device === GATEWAY || facility === GATEWAY) throw nameReserved();
      const now = new Date();
      return change(facility, async transaction => {
        const made = await transaction
          .insertInto('ingest_device')
          .values({ facility, device, profile, created: now, revoked: null })
          .onConflict(conflict => conflict.doNothing())
          .returning('device')
          .executeTakeFirst();
        if (!made) throw deviceTaken();
        if (subject)
          await transaction
            .insertInto('ingest_assignment')
            .values({ facility, device, subject, from: from ?? now, to: null })
            .execute();
        const holder: Holder = { kind: 'device', facility, device };
        return credentialsFor(holder, await issueCredential(transaction, holder, wish, authority));
      });
    },

    async createGateway(facility, wish = {}) {
      if (facility === GATEWAY) throw nameReserved();
      const holder: Holder = { kind: 'gateway', facility };
      return change(facility, async transaction => {
        await lockGateway(transaction, facility);
        return credentialsFor(holder, await issueCredential(transaction, holder, wish, authority));
      });
    },

    async assign(facility, device, subject, from = new Date()) {
      await change(facility, async transaction => {
        const row = await lockDevice(transaction, facility, device);
        if (row.revoked) throw deviceRevoked();
        await endAssignment(transaction, facility, device, from);
        if (subject) await transaction.insertInto('ingest_assignment').values({ facility, device, subject, from, to: null }).execute();
      });
    },

    rotate: (facility, device, wish = {}) => rotate(holderOf(facility, device), wish),
    certify: (holder, csr) => rotate(holder, { credential: 'certificate', csr }),

    askRenewal: (facility, device) =>
      change(facility, async transaction => {
        const holder = holderOf(facility, device);
        await lockHolder(transaction, holder);
        const asked = await transaction
          .updateTable('ingest_credential')
          .set({ renew_asked: new Date() })
          .where('username', '=', usernameOf(holder))
          .where('revoked', 'is', null)
          .where('ends', 'is', null)
          .where('fingerprint', 'is not', null)
          .returning('id')
          .execute();
        if (!asked.length) throw certificateNone();
      }),

    async revoke(facility, device) {
      await change(facility, async transaction => {
        const row = await lockDevice(transaction, facility, device);
        if (row.revoked) return;
        const now = new Date();
        await transaction
          .updateTable('ingest_device')
          .set({ revoked: now })
          .where('facility', '=', facility)
          .where('device', '=', device)
          .execute();
        await endCredentials(transaction, { kind: 'device', facility, device }, now);
        const started = await currentAssignment(transaction, facility, device);
        if (started) await endAssignment(transaction, facility, device, started.from < now ? now : started.from);
      });
    },

    revokeGateway: facility =>
      change(facility, async transaction => {
        const holder: Holder = { kind: 'gateway', facility };
        await lockHolder(transaction, holder);
        await endCredentials(transaction, holder, new Date());
      }),

    async configure(facility, device, config) {
      await change(facility, async transaction => {
        await lockHolder(transaction, holderOf(facility, device));
        const row = { config: JSON.stringify(config), changed: new Date() };
        await transaction
          .insertInto('ingest_config')
          .values({ facility, device, ...row })
          .onConflict(conflict => conflict.columns(['facility', 'device']).doUpdateSet(row))
          .execute();
      });
    },

    async configOf(facility, device) {
      const kept = tables.selectFrom('ingest_config').select('config').where('facility', '=', facility).where('device', '=', device);
      return (await kept.executeTakeFirst())?.config ?? {};
    },

    async devicesOf(facility) {
      const credentials = await tables
        .selectFrom('ingest_credential')
        .select(['device', 'fingerprint', 'not_after', 'used', 'ends', 'renew_asked'])
        .where('facility', '=', facility)
        .where('revoked', 'is', null)
        .orderBy('id')
        .execute();
      const newest = new Map(credentials.map(row => [row.device, row]));
      const ending = new Map(credentials.filter(row => row.ends).map(row => [row.device, row.ends]));
      const rows = await tables
        .selectFrom('ingest_device as d')
        .leftJoin('ingest_assignment as a', join =>
          join.onRef('a.facility', '=', 'd.facility').onRef('a.device', '=', 'd.device').on('a.to', 'is', null),
        )
        .leftJoin('ingest_device_state as s', join => join.onRef('s.facility', '=', 'd.facility').onRef('s.device', '=', 'd.device'))
        .select(['d.facility', 'd.device', 'd.profile', 'd.created', 'd.revoked', 'a.subject', 'a.from', 's.last_sample'])
        .select(['s.delivering_since', 's.accepted', 's.refused'])
        .where('d.facility', '=', facility)
        .orderBy('d.created')
        .orderBy('d.device')
        .execute();
      return rows.map(row => ({
        facility: row.facility,
        device: row.device,
        profile: row.profile,
        created: row.created,
        revoked: row.revoked,
        subject: row.subject,
        assignedFrom: row.from,
        lastSample: row.last_sample,
        deliveringSince: row.delivering_since,
        accepted: Number(row.accepted ?? 0),
        refused: Number(row.refused ?? 0),
        ...credentialState(newest.get(row.device), ending.get(row.device) ?? null),
      }));
    },

    async gatewayOf(facility) {
      const rows = await tables
        .selectFrom('ingest_credential')
        .select(['fingerprint', 'not_after', 'used', 'ends', 'renew_asked'])
        .where('facility', '=', facility)
        .where('kind', '=', 'gateway')
        .where('revoked', 'is', null)
        .orderBy('id')
        .execute();
      return rows.length ? credentialState(rows.at(-1), rows.findLast(({ ends }) => ends)?.ends ?? null) : null;
    },

    async facilitiesOf(device) {
      const rows = await tables.selectFrom('ingest_device').select('facility').where('device', '=', device).execute();
      return rows.map(row => row.facility);
    },
  };
}

const holderOf = (facility: string, device: string): Holder =>
  device === GATEWAY ? { kind: 'gateway', facility } : { kind: 'device', facility, device };

function credentialState(
  newest: { fingerprint: string | null; not_after: Date | null; used: Date | null; renew_asked: Date | null } | undefined,
  ending: Date | null,
) {
  const kind = newest?.fingerprint ? ('certificate' as const) : ('secret' as const);
  return {
    credential: newest ? kind : null,
    certificateEnds: newest?.not_after ?? null,
    renewAsked: Boolean(newest?.renew_asked),
    formerUntil: ending,
  };
}

/** Locks a registered device or gateway until the transaction ends. @throws Problem 404, 409 (revoked) */
async function lockHolder(transaction: Tables, holder: Holder): Promise<void> {
  if (holder.kind === 'device') {
    if ((await lockDevice(transaction, holder.facility, holder.device)).revoked) throw deviceRevoked();
    return;
  }
  await lockGateway(transaction, holder.facility);
  const inForce = await transaction
    .selectFrom('ingest_credential')
    .select('id')
    .where('username', '=', usernameOf(holder))
    .where('revoked', 'is', null)
    .forUpdate()
    .execute();
  if (!inForce.length) throw gatewayUnknown();
}

/** A gateway has no row before its first credentials: of two that were made at the same time, neither would end the other. */
const lockGateway = (transaction: Tables, facility: string) =>
  sql`select pg_advisory_xact_lock(hashtext(${`gateway ${facility}`}))`.execute(transaction);

/** The device's row, locked until the transaction ends. @throws Problem 404 */
async function lockDevice(transaction: Tables, facility: string, device: string) {
  const row = await transaction
    .selectFrom('ingest_device')
    .selectAll()
    .where('facility', '=', facility)
    .where('device', '=', device)
    .forUpdate()
    .executeTakeFirst();
  if (!row) throw deviceUnknown();
  return row;
}

const currentAssignment = (transaction: Tables, facility: string, device: string) =>
  transaction
    .selectFrom('ingest_assignment')
    .select(['id', 'from'])
    .where('facility', '=', facility)
    .where('device', '=', device)
    .where('to', 'is', null)
    .executeTakeFirst();

/** Ends what lasts at `at`. @throws Problem 409 when `at` lies within or before what is already history */
async function endAssignment(transaction: Tables, facility: string, device: string, at: Date) {
  const current = await currentAssignment(transaction, facility, device);
  if (current && current.from.getTime() === at.getTime()) {
    await transaction.deleteFrom('ingest_assignment').where('id', '=', current.id).execute();
    return;
  }
  const ended = await transaction
    .selectFrom('ingest_assignment')
    .select('id')
    .where('facility', '=', facility)
    .where('device', '=', device)
    .where('to', '>', at)
    .limit(1)
    .executeTakeFirst();
  if (ended || (current && current.from > at)) throw historyTaken();
  if (current) await transaction.updateTable('ingest_assignment').set({ to: at }).where('id', '=', current.id).execute();
}
