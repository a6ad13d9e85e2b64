// What devices and gateways sign in with, and how one credential takes the place of another without a gap: the former one stays good until
// the new one is used, at most seven days.
import { type Kysely, sql, type Transaction } from 'kysely';
import { identityUri, type Login, usernameOf } from '../../devices/index.ts';
import type { Authority, Issued } from '../identity/index.ts';
import type { Database, NoTables } from '../store/index.ts';
import { certificatesOff } from './problems.ts';
import { newSecret, sha256 } from './secret.ts';
import type { IngestTables } from './tables.ts';

/** Notification {facility}: devices, credentials, assignments or configuration of the facility changed. */
export const REGISTRY_CHANNEL = 'device-registry';
/** A rotated credential ends so long after, ms, if the new one has not been used by then. */
export const OVERLAP = 7 * 86_400_000;
/** The hub asks for a new certificate so long before the present one ends, ms. */
export const RENEW_BEFORE = 30 * 86_400_000;

/** A device or a gateway. */
export type Holder = Exclude<Login, { kind: 'hub' }>;

/** What is wanted: a secret, a certificate for the key of a request, or one with a key that the hub makes. As before when it does not say. */
export interface Wish {
  credential?: 'secret' | 'certificate';
  /** PKCS#10, PEM. */
  csr?: string;
}

export interface NewCredential {
  kind: 'secret' | 'certificate';
  /** Empty for a certificate. */
  secret: string;
  certificate: (Issued & { key?: string }) | null;
  /** Until when the former one stays good at the latest; null when none was in use. */
  formerUntil: Date | null;
}

type Tables = Transaction<NoTables & IngestTables>;

/**
 * Makes a credential. One that is in use stays good until the new one is used, for at most seven days; one that never was ends now.
 * @throws Problem 422 (request refused), 503 (a hub without an authority)
 */
export async function issueCredential(
  transaction: Tables,
  holder: Holder,
  wish: Wish,
  authority: Authority | undefined,
  now = new Date(),
): Promise<NewCredential> {
  const username = usernameOf(holder);
  const device = holder.kind === 'device' ? holder.device : null;
  const former = await transaction
    .selectFrom('ingest_credential as c')
    .select(['id', 'fingerprint', 'ends'])
    // A device behind a gateway signs in there: its samples tell that it uses what it was given.
    .select(({ exists, or, ref, selectFrom }) =>
      or([
        sql<boolean>`${ref('c.used')} is not null`,
        exists(
          selectFrom('ingest_device_state as s')
            .select('s.device')
            .whereRef('s.facility', '=', 'c.facility')
            .whereRef('s.device', '=', 'c.device')
            .whereRef('s.last_sample', '>', 'c.created'),
        ),
      ]).as('inUse'),
    )
    .where('username', '=', username)
    .where('revoked', 'is', null)
    .orderBy('id')
    .execute();
  const kind = wish.credential ?? (wish.csr !== undefined || former.at(-1)?.fingerprint ? 'certificate' : 'secret');
  const certificate = kind === 'certificate' ? await certificateFor(holder, wish.csr, authority) : null;
  const secret = kind === 'secret' ? newSecret() : '';

  const ends = new Date(now.getTime() + OVERLAP);
  const replace = (inUse: boolean) => former.filter(each => Boolean(each.inUse) === inUse).map(({ id }) => id);
  const [kept, dropped] = [replace(true), replace(false)];
  const change = transaction.updateTable('ingest_credential');
  if (dropped.length) await change.set({ revoked: now }).where('id', 'in', dropped).execute();
  if (kept.length)
    await change
      .set({ ends: sql<Date>`least(ends, ${ends}::timestamptz)` })
      .where('id', 'in', kept)
      .execute();
  await transaction
    .insertInto('ingest_credential')
    .values({
      ...{ kind: holder.kind, facility: holder.facility, device, username, created: now },
      ...{ used: null, ends: null, renew_asked: null, revoked: null },
      secret_sha256: certificate ? null : sha256(secret).toString('hex'),
      serial: certificate?.serial ?? null,
      fingerprint: certificate?.fingerprint ?? null,
      not_after: certificate?.notAfter ?? null,
    })
    .execute();
  return { kind, secret, certificate, formerUntil: kept.length ? ends : null };
}

async function certificateFor(holder: Holder, csr: string | undefined, authority: Authority | undefined) {
  if (!authority) throw certificatesOff();
  const named = { commonName: usernameOf(holder), uri: identityUri(holder) };
  return csr === undefined ? authority.issueWithKey(named) : authority.issue({ ...named, csr });
}

/** Ends all that the holder signs in with, of both kinds. */
export const endCredentials = (transaction: Tables, holder: Holder, now: Date) =>
  transaction
    .updateTable('ingest_credential')
    .set({ revoked: now })
    .where('username', '=', usernameOf(holder))
    .where('revoked', 'is', null)
    .execute();

/** A credential was signed in with for the first time: it is in use from now on, and those before it end. */
export async function takeIntoUse(database: Database, holder: Holder, id: string): Promise<void> {
  const tables: Kysely<NoTables & IngestTables> = database.kysely.withTables<IngestTables>();
  const now = new Date();
  await tables.updateTable('ingest_credential').set({ used: now }).where('id', '=', id).where('used', 'is', null).execute();
  const ended = await tables
    .updateTable('ingest_credential')
    .set({ revoked: now })
    .where('username', '=', usernameOf(holder))
    .where('revoked', 'is', null)
    .where('id', '<', id)
    .returning('id')
    .execute();
  if (ended.length) await database.notify(REGISTRY_CHANNEL, { facility: holder.facility });
}

/**
 * Ends what is over (overlap or certificate) and asks the holders of certificates that end within 30 days to renew them. It only brings the
 * tables up to the present: run as often as one likes, on as many nodes. A sign-in looks at the times itself.
 */
export async function settleCredentials(database: Database, now = new Date()): Promise<void> {
  const tables = database.kysely.withTables<IngestTables>();
  const over = await tables
    .updateTable('ingest_credential')
    .set({ revoked: now })
    .where('revoked', 'is', null)
    .where(({ or, eb }) => or([eb('ends', '<=', now), eb('not_after', '<=', now)]))
    .returning('facility')
    .execute();
  const asked = await tables
    .updateTable('ingest_credential')
    .set({ renew_asked: now })
    .where('revoked', 'is', null)
    .where('ends', 'is', null)
    .where('renew_asked', 'is', null)
    .where('not_after', '<=', new Date(now.getTime() + RENEW_BEFORE))
    .returning('facility')
    .execute();
  for (const facility of new Set([...over, ...asked].map(row => row.facility))) await database.notify(REGISTRY_CHANNEL, { facility });
}
