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
    ended: Date | null;
    endedBy?: string | null;
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
  /** Since when nobody can sign in with it. */
  ended: Date | null;
}

/** A role with the time in which the record says it is held (PractitionerRole.period). */
export interface HeldRole extends RoleAt {
  from: Date | null;
  until: Date | null;
}

/** Roles that the record gives each `Practitioner/…` (its active PractitionerRoles, with the organization's name): one question for all. */
export type RolesInRecord = (practitioners: string[]) => Promise<Map<string, HeldRole[]>>;

/** Notification {}: roles in the record, or names of organizations, have changed. */
export const ROLES_CHANNEL = 'roles';

export interface People {
  create(person: {
    name: string;
    email: string;
    reference: string | null;
    language: 'ja' | 'en';
    administrator?: boolean;
  }): Promise<Account>;
  find(id: string): Promise<Account | undefined>;
  byReference(reference: string): Promise<Account | undefined>;
  list(): Promise<(Account & { lastSignIn: Date | null })[]>;
  none(): Promise<boolean>;
  setLanguage(id: string, language: 'ja' | 'en'): Promise<void>;
  /** Roles of an account, now. Those in the record are remembered until `forgetRoles`; a role whose time is over ends by itself. */
  roles(account: RolesOf): Promise<RoleAt[]>;
  /** Roles of many accounts, by account id: one question to the record for all that are not remembered. */
  rolesOfAll(accounts: RolesOf[]): Promise<Map<string, RoleAt[]>>;
  /** Forgets remembered roles: called when `ROLES_CHANNEL` says that one changed, or may have. */
  forgetRoles(): void;
  /** Ends the account: nobody can sign in with it. False: it was ended before. */
  end(id: string, by: string): Promise<boolean>;
  /** Undoes `end`. */
  reactivate(id: string): Promise<boolean>;
}

type RolesOf = Pick<Account, 'id' | 'reference' | 'administrator'>;

export function openPeople(database: Database, rolesInRecord: RolesInRecord, now: () => number = Date.now): People {
  const kysely = database.kysely.withTables<AccountTable>();
  const remembered = new Map<string, Promise<HeldRole[]>>();
  const columns = ['id', 'name', 'email', 'reference', 'language', 'administrator', 'ended'] as const;
  const account = (row: { language: string } & Omit<Account, 'language'>): Account => ({
    ...row,
    language: row.language === 'en' ? 'en' : 'ja',
  });

  function remember(references: string[]) {
    const asked = [...new Set(references)].filter(reference => !remembered.has(reference));
    if (!asked.length) return;
    if (remembered.size + asked.length > 20_000) remembered.clear();
    const found = rolesInRecord(asked);
    for (const reference of asked) {
      const roles = found.then(all => all.get(reference) ?? []);
      remembered.set(reference, roles);
      roles.catch(() => remembered.get(reference) === roles && remembered.delete(reference));
    }
  }

  async function rolesOfAll(accounts: RolesOf[]): Promise<Map<string, RoleAt[]>> {
    const inRecord = accounts.flatMap(({ reference }) => (reference?.startsWith('Practitioner/') ? [reference] : []));
    remember(inRecord);
    const known = new Map(inRecord.map(reference => [reference, remembered.get(reference)]));
    const at = now();
    const roles = new Map<string, RoleAt[]>();
    for (const { id, reference, administrator } of accounts) {
      const held: RoleAt[] = administrator ? [{ role: 'administrator', organization: '', organizationName: '' }] : [];
      // Who acts for a patient works on the patient's pages; what they may see is in the patient's consents.
      if (/^(Patient|RelatedPerson)\//.test(reference ?? '')) held.push({ role: 'patient', organization: '', organizationName: '' });
      for (const { from, until, ...role } of (await known.get(reference ?? '')) ?? [])
        if ((!from || from.getTime() <= at) && (!until || until.getTime() > at)) held.push(role);
      roles.set(id, held);
    }
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
        ended: null,
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
    async byReference(reference) {
      const row = await kysely.selectFrom('identity_account').select(columns).where('reference', '=', reference).executeTakeFirst();
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
    roles: async account => (await rolesOfAll([account])).get(account.id) ?? [],
    rolesOfAll,
    async end(id, by) {
      const ended = await kysely
        .updateTable('identity_account')
        .set({ ended: new Date(), endedBy: by })
        .where('id', '=', id)
        .where('ended', 'is', null)
        .executeTakeFirst();
      return ended.numUpdatedRows > 0n;
    },
    async reactivate(id) {
      const back = await kysely
        .updateTable('identity_account')
        .set({ ended: null, endedBy: null })
        .where('id', '=', id)
        .where('ended', 'is not', null)
        .executeTakeFirst();
      return back.numUpdatedRows > 0n;
    },
    forgetRoles: () => remembered.clear(),
  };
}
