// Accounts of people: who exists, which person of the record they are, and the roles that the record gives them.
import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { Problem } from '../http/problem.ts';
import type { Database } from '../store/index.ts';
import type { RoleAt } from './actor.ts';

type AccountTable = {
  identity_account: {
    id: string;
    name: string;
    email: string;
    emailVerified: boolean;
    createdAt: Date;
    updatedAt: Date;
    reference: string | null;
    language: string;
    administrator: boolean;
  };
  identity_session: { userId: string; createdAt: Date };
};

export interface Account {
  id: string;
  name: string;
  email: string;
  reference: string | null;
  language: 'ja' | 'en';
  administrator: boolean;
}

/** Roles that the record gives `Practitioner/…` (its active PractitionerRoles, with the organization's name). */
export type RolesInRecord = (practitioner: string) => Promise<RoleAt[]>;

export interface People {
  create(person: {
    name: string;
    email: string;
    reference: string | null;
    language: 'ja' | 'en';
    administrator?: boolean;
  }): Promise<Account>;
  find(id: string): Promise<Account | undefined>;
  list(): Promise<(Account & { lastSignIn: Date | null })[]>;
  none(): Promise<boolean>;
  setLanguage(id: string, language: 'ja' | 'en'): Promise<void>;
  /** Roles of an account; those in the record are read again after `ROLES_FRESH_MS`. */
  roles(account: Account): Promise<RoleAt[]>;
  /** Forgets remembered roles: after a role was changed. */
  forgetRoles(): void;
}

/** A role that was taken away ends within this time on every node. */
const ROLES_FRESH_MS = 15_000;

export function openPeople(database: Database, rolesInRecord: RolesInRecord, now: () => number = Date.now): People {
  const kysely = database.kysely.withTables<AccountTable>();
  const remembered = new Map<string, { until: number; roles: Promise<RoleAt[]> }>();
  const columns = ['id', 'name', 'email', 'reference', 'language', 'administrator'] as const;
  const account = (row: { language: string } & Omit<Account, 'language'>): Account => ({
    ...row,
    language: row.language === 'en' ? 'en' : 'ja',
  });

  function fromRecord(reference: string): Promise<RoleAt[]> {
    const known = remembered.get(reference);
    if (known && known.until > now()) return known.roles;
    const roles = rolesInRecord(reference);
    remembered.set(reference, { until: now() + ROLES_FRESH_MS, roles });
    roles.catch(() => remembered.delete(reference));
    if (remembered.size > 10_000) remembered.clear();
    return roles;
  }

  return {
    async create({ administrator = false, ...person }) {
      const row = {
        id: randomUUID(),
        ...person,
        email: person.email.toLowerCase(),
        administrator,
        emailVerified: false,
        createdAt: new Date(),
        updatedAt: new Date(),
      };
      try {
        await kysely.insertInto('identity_account').values(row).execute();
      } catch (cause) {
        if ((cause as { code?: string }).code !== '23505') throw cause;
        throw new Problem(
          409,
          'account-exists',
          {
            ja: 'このメールアドレス、またはこの人のアカウントは、もうあります。',
            en: 'There is already an account with this e-mail address or for this person.',
          },
          { cause },
        );
      }
      return account(row);
    },
    async find(id) {
      const row = await kysely.selectFrom('identity_account').select(columns).where('id', '=', id).executeTakeFirst();
      return row && account(row);
    },
    async list() {
      const rows = await kysely
        .selectFrom('identity_account')
        .select(columns)
        .select(query =>
          query
            .selectFrom('identity_session')
            .whereRef('identity_session.userId', '=', 'identity_account.id')
            .select(sql<Date | null>`max("createdAt")`.as('at'))
            .as('lastSignIn'),
        )
        .orderBy('name')
        .execute();
      return rows.map(({ lastSignIn, ...row }) => ({ ...account(row), lastSignIn }));
    },
    async none() {
      return (await kysely.selectFrom('identity_account').select('id').limit(1).executeTakeFirst()) === undefined;
    },
    async setLanguage(id, language) {
      await kysely.updateTable('identity_account').set({ language }).where('id', '=', id).execute();
    },
    async roles({ reference, administrator }) {
      const held: RoleAt[] = administrator ? [{ role: 'administrator', organization: '', organizationName: '' }] : [];
      if (reference?.startsWith('Patient/')) held.push({ role: 'patient', organization: '', organizationName: '' });
      if (reference?.startsWith('Practitioner/')) held.push(...(await fromRecord(reference)));
      return held;
    },
    forgetRoles: () => remembered.clear(),
  };
}
