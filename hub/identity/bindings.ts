// Which sign-in elsewhere (issuer and subject) opens which account, and what a clinician's card said when it was last seen.
import { sql } from 'kysely';
import type { Database } from '../store/index.ts';
import type { FactorsView, LicenceView } from './contract.ts';

export interface Licence {
  /** 医籍登録番号 */
  registrationNumber: string;
  /** ISO 17090, e.g. `Medical Doctor` */
  hcRole: string;
  certificateSerial: string;
  certificateUntil: Date;
  /** Names of the facilities where the record gives the person a role. */
  affiliations: string[];
}

export interface Bindings {
  of(account: string): Promise<FactorsView['bindings']>;
  /** The account of a sign-in elsewhere; its use is noted. */
  find(issuer: string, subject: string): Promise<string | null>;
  /** False: this sign-in opens another account already. */
  bind(binding: { issuer: string; subject: string; provider: string; account: string }): Promise<boolean>;
  /** Notes what the card said; each part with the time it was seen. */
  keepLicence(account: string, licence: Licence, at: Date): Promise<void>;
  licenceOf(account: string): Promise<LicenceView | null>;
  /** As `licenceOf`, for who is in the record: the doctor's card. */
  licenceOfReference(reference: string): Promise<LicenceView | null>;
}

type LicenceRow = {
  registration_number: string;
  hc_role: string;
  certificate_serial: string;
  certificate_until: Date;
  certificate_seen: Date;
  registration_seen: Date;
  affiliations: string[];
  affiliation_seen: Date | null;
};

export function openBindings(database: Database): Bindings {
  const { kysely } = database;
  const view = (row: LicenceRow | undefined): LicenceView | null =>
    row
      ? {
          registrationNumber: row.registration_number,
          hcRole: row.hc_role,
          certificateSerial: row.certificate_serial,
          certificateUntil: row.certificate_until.toISOString(),
          certificateSeen: row.certificate_seen.toISOString(),
          registrationSeen: row.registration_seen.toISOString(),
          affiliations: row.affiliations,
          affiliationSeen: row.affiliation_seen?.toISOString() ?? null,
        }
      : null;
  return {
    async of(account) {
      const { rows } = await sql<{ provider: string; created: Date; last_used: Date | null }>`select provider, created, last_used
        from identity_binding where account = ${account} order by created`.execute(kysely);
      return rows.map(({ provider, created, last_used }) => ({
        provider,
        since: created.toISOString(),
        lastUsed: last_used?.toISOString() ?? null,
      }));
    },
    async find(issuer, subject) {
      const { rows } = await sql<{ account: string }>`update identity_binding b set last_used = now() from identity_account a
        where b.issuer = ${issuer} and b.subject = ${subject} and a.id = b.account and a.ended is null returning b.account`.execute(kysely);
      return rows[0]?.account ?? null;
    },
    async bind({ issuer, subject, provider, account }) {
      const { rows } = await sql<{ account: string }>`insert into identity_binding (issuer, subject, provider, account, created, last_used)
        values (${issuer}, ${subject}, ${provider}, ${account}, now(), now())
        on conflict (issuer, subject) do update set last_used = now() returning account`.execute(kysely);
      return rows[0]?.account === account;
    },
    async keepLicence(account, licence, at) {
      const { registrationNumber, hcRole, certificateSerial, certificateUntil, affiliations } = licence;
      const affiliated = affiliations.length ? at : null;
      await sql`insert into identity_licence values (${account}, ${registrationNumber}, ${hcRole}, ${certificateSerial}, ${certificateUntil},
          ${at}, ${at}, ${affiliations}::text[], ${affiliated})
        on conflict (account) do update set registration_number = excluded.registration_number, hc_role = excluded.hc_role,
          certificate_serial = excluded.certificate_serial, certificate_until = excluded.certificate_until,
          certificate_seen = excluded.certificate_seen, registration_seen = excluded.registration_seen,
          affiliations = excluded.affiliations, affiliation_seen = excluded.affiliation_seen`.execute(kysely);
    },
    async licenceOf(account) {
      const { rows } = await sql<LicenceRow>`select * from identity_licence where account = ${account}`.execute(kysely);
      return view(rows[0]);
    },
    async licenceOfReference(reference) {
      const { rows } = await sql<LicenceRow>`select l.* from identity_licence l join identity_account a on a.id = l.account
        where a.reference = ${reference}`.execute(kysely);
      return view(rows[0]);
    },
  };
}

/** What the card of a `Practitioner/…` said when it was last seen; null: this person never signed in by card. */
export const licenceOf = (database: Database, reference: string) => openBindings(database).licenceOfReference(reference);
