// The registry: which devices there are, what they sign in with, and whom or what each watched and when.
import { randomBytes } from 'node:crypto';
import type { Transaction } from 'kysely';
import { deviceTopic, deviceUsername, GATEWAY, gatewayUsername, loadProfiles, type Profile } from '../../devices/index.ts';
import type { Database, NoTables } from '../store/index.ts';
import type { Credentials } from './contract.ts';
import { deviceRevoked, deviceTaken, deviceUnknown, historyTaken, nameReserved, profileUnknown } from './problems.ts';
import { newSecret, sha256 } from './secret.ts';
import type { IngestTables } from './tables.ts';

/** Notification {facility}: devices, credentials or assignments of the facility changed. */
export const REGISTRY_CHANNEL = 'device-registry';

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
}

export interface NewRegistration {
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
  /** Credentials of the facility's gateway; former ones end now. */
  createGateway(facility: string): Promise<Credentials>;
  /**
   * From `from` (now when missing) on the device watches `subject`, or nothing with null. What it sent before stays with whom it watched then.
   * @throws Problem 404, 409 (revoked; `from` before the present assignment)
   */
  assign(facility: string, device: string, subject: string | null, from?: Date): Promise<void>;
  /** A new secret; the former one ends now and its connections are cut. @throws Problem 404, 409 */
  rotate(facility: string, device: string): Promise<Credentials>;
  /** The device can sign in no more, and its assignment ends. Samples from before that still reach the subject of their time. @throws Problem 404 */
  revoke(facility: string, device: string): Promise<void>;
  devicesOf(facility: string): Promise<RegisteredDevice[]>;
  /** Facilities that have a device of this name. */
  facilitiesOf(device: string): Promise<string[]>;
}

type Tables = Transaction<NoTables & IngestTables>;

/** @param mqttUrl What devices connect to, for their credentials. */
export function openRegistry({
  database,
  mqttUrl,
  profiles = loadProfiles(),
}: {
  database: Database;
  mqttUrl: string;
  profiles?: ReadonlyMap<string, Profile>;
}): Registry {
  const tables = database.kysely.withTables<IngestTables>();
  const change = async <T>(facility: string, work: (transaction: Tables) => Promise<T>): Promise<T> => {
    const result = await tables.transaction().execute(work);
    await database.notify(REGISTRY_CHANNEL, { facility });
    return result;
  };

  return {
    profiles,
    async createDevice({ facility, profile, device = `${profile}-${randomBytes(4).toString('hex')}`, subject = null, from }) {
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
        const topic = deviceTopic(facility, device, 'json');
        const secret = await replaceCredential(transaction, {
          kind: 'device',
          facility,
          device,
          username: deviceUsername(facility, device),
        });
        return { device, facility, username: deviceUsername(facility, device), secret, topic, mqttUrl };
      });
    },

    async createGateway(facility) {
      if (facility === GATEWAY) throw nameReserved();
      const username = gatewayUsername(facility);
      return change(facility, async transaction => ({
        device: GATEWAY,
        facility,
        username,
        secret: await replaceCredential(transaction, { kind: 'gateway', facility, device: null, username }),
        topic: `care/1/${facility}/+/json`,
        mqttUrl,
      }));
    },

    async assign(facility, device, subject, from = new Date()) {
      await change(facility, async transaction => {
        const row = await lockDevice(transaction, facility, device);
        if (row.revoked) throw deviceRevoked();
        await endAssignment(transaction, facility, device, from);
        if (subject) await transaction.insertInto('ingest_assignment').values({ facility, device, subject, from, to: null }).execute();
      });
    },

    rotate: (facility, device) =>
      change(facility, async transaction => {
        const row = await lockDevice(transaction, facility, device);
        if (row.revoked) throw deviceRevoked();
        const username = deviceUsername(facility, device);
        const secret = await replaceCredential(transaction, { kind: 'device', facility, device, username });
        return { device, facility, username, secret, topic: deviceTopic(facility, device, 'json'), mqttUrl };
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
        await endCredential(transaction, deviceUsername(facility, device), now);
        const started = await currentAssignment(transaction, facility, device);
        if (started) await endAssignment(transaction, facility, device, started.from < now ? now : started.from);
      });
    },

    async devicesOf(facility) {
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
      }));
    },

    async facilitiesOf(device) {
      const rows = await tables.selectFrom('ingest_device').select('facility').where('device', '=', device).execute();
      return rows.map(row => row.facility);
    },
  };
}

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

const endCredential = (transaction: Tables, username: string, at: Date) =>
  transaction.updateTable('ingest_credential').set({ revoked: at }).where('username', '=', username).where('revoked', 'is', null).execute();

/** Returns the new secret; the former one ends now. */
async function replaceCredential(
  transaction: Tables,
  owner: { kind: 'device' | 'gateway'; facility: string; device: string | null; username: string },
): Promise<string> {
  const now = new Date();
  const secret = newSecret();
  await endCredential(transaction, owner.username, now);
  await transaction
    .insertInto('ingest_credential')
    .values({ ...owner, secret_sha256: sha256(secret).toString('hex'), created: now, revoked: null })
    .execute();
  return secret;
}
