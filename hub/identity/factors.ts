// Passwords, one-time codes and backup codes of accounts.
import { randomInt } from 'node:crypto';
import { symmetricDecrypt, symmetricEncrypt } from 'better-auth/crypto';
import { sql } from 'kysely';
import type { Database } from '../store/index.ts';
import type { Factor } from './actor.ts';
import { sha256 } from './once.ts';
import type { SignIn } from './sign-in.ts';
import { newSecret, stepOf } from './totp.ts';

const BACKUP_CODES = 10;
/** No letters or digits that look alike. */
const LETTERS = 'ABCDEFGHJKMNPQRSTUVWXYZ23456789';

export interface Factors {
  /** Whether a password, one-time codes (confirmed) and how many unused backup codes there are. */
  of(account: string): Promise<{ password: boolean; totp: boolean; backupCodes: number }>;
  /** The account whose password this is, or null; as slow for an unknown address as for a known one. */
  byPassword(email: string, password: string): Promise<string | null>;
  setPassword(account: string, password: string): Promise<void>;
  /** A new secret, not in force before `confirmTotp`. */
  beginTotp(account: string): Promise<string>;
  /** Puts the begun secret in force by a first code of it. Returns the backup codes, shown this once; null when the code is wrong. */
  confirmTotp(account: string, code: string, now: Date): Promise<string[] | null>;
  /** New backup codes in place of the old ones. */
  newBackupCodes(account: string): Promise<string[]>;
  removeTotp(account: string): Promise<boolean>;
  /** A one-time code or a backup code: each is good once. Null: wrong or used. */
  byCode(account: string, code: string, now: Date): Promise<Extract<Factor, 'totp' | 'backup-code'> | null>;
}

export function openFactors({ database, signIn, secret }: { database: Database; signIn: SignIn; secret: string }): Factors {
  const { kysely } = database;

  async function newBackupCodes(account: string): Promise<string[]> {
    // 12 letters of 31: 59 bits each.
    const codes = Array.from({ length: BACKUP_CODES }, () =>
      Array.from({ length: 12 }, () => LETTERS[randomInt(LETTERS.length)])
        .join('')
        .replace(/(.{4})(?=.)/g, '$1-'),
    );
    await kysely.transaction().execute(async connection => {
      await sql`delete from identity_backup_code where account = ${account}`.execute(connection);
      await sql`insert into identity_backup_code (account, code_sha256) select ${account}, unnest(${codes.map(plain).map(sha256)}::text[])`.execute(
        connection,
      );
    });
    return codes;
  }

  const sealed = (text: string) => symmetricEncrypt({ key: secret, data: text });
  const opened = (text: string) => symmetricDecrypt({ key: secret, data: text });

  return {
    async of(account) {
      const { rows } = await sql<{ password: boolean; totp: boolean; codes: number }>`select
        exists (select 1 from identity_credential where "userId" = ${account} and "providerId" = 'credential' and password is not null) as password,
        exists (select 1 from identity_totp where account = ${account} and secret is not null) as totp,
        (select count(*)::int from identity_backup_code where account = ${account} and used is null) as codes`.execute(kysely);
      const { password, totp, codes } = rows[0]!;
      return { password, totp, backupCodes: codes };
    },
    async byPassword(email, password) {
      const context = await signIn.$context;
      const { rows } = await sql<{ account: string; password: string }>`select a.id as account, c.password from identity_account a
        join identity_credential c on c."userId" = a.id and c."providerId" = 'credential' and c.password is not null
        where a.email = ${email.toLowerCase()} and a.ended is null`.execute(kysely);
      if (!rows[0]) {
        await context.password.hash(password);
        return null;
      }
      return (await context.password.verify({ hash: rows[0].password, password })) ? rows[0].account : null;
    },
    async setPassword(account, password) {
      const { password: passwords, internalAdapter } = await signIn.$context;
      const hash = await passwords.hash(password);
      const changed = await sql`update identity_credential set password = ${hash}, "updatedAt" = now()
        where "userId" = ${account} and "providerId" = 'credential'`.execute(kysely);
      if (!changed.numAffectedRows)
        await internalAdapter.createAccount({ userId: account, providerId: 'credential', accountId: account, password: hash });
    },
    async beginTotp(account) {
      const made = newSecret();
      await sql`insert into identity_totp (account, pending) values (${account}, ${await sealed(made)})
        on conflict (account) do update set pending = excluded.pending`.execute(kysely);
      return made;
    },
    async confirmTotp(account, code, now) {
      const { rows } = await sql<{
        pending: string;
      }>`select pending from identity_totp where account = ${account} and pending is not null`.execute(kysely);
      const step = rows[0] ? stepOf(await opened(rows[0].pending), code, now, 0) : null;
      if (!rows[0] || step === null) return null;
      const taken = await sql`update identity_totp set secret = pending, pending = null, last_step = ${step}
        where account = ${account} and pending = ${rows[0].pending}`.execute(kysely);
      return taken.numAffectedRows === 1n ? newBackupCodes(account) : null;
    },
    newBackupCodes,
    async removeTotp(account) {
      await sql`delete from identity_backup_code where account = ${account}`.execute(kysely);
      const removed = await sql`delete from identity_totp where account = ${account}`.execute(kysely);
      return removed.numAffectedRows === 1n;
    },
    async byCode(account, code, now) {
      const typed = code.trim();
      if (/^\d{6}$/.test(typed)) {
        const { rows } = await sql<{ secret: string; last_step: string }>`select secret, last_step from identity_totp
          where account = ${account} and secret is not null`.execute(kysely);
        const step = rows[0] ? stepOf(await opened(rows[0].secret), typed, now, Number(rows[0].last_step)) : null;
        if (step === null) return null;
        // Of two that send the same code at once, one takes its step.
        const taken = await sql`update identity_totp set last_step = ${step} where account = ${account} and last_step < ${step}`.execute(
          kysely,
        );
        return taken.numAffectedRows === 1n ? 'totp' : null;
      }
      const used = await sql`update identity_backup_code set used = ${now}
        where account = ${account} and code_sha256 = ${sha256(plain(typed))} and used is null`.execute(kysely);
      return used.numAffectedRows === 1n ? 'backup-code' : null;
    },
  };
}

/** A backup code as it is counted: however it was typed. */
const plain = (code: string) => code.toUpperCase().replace(/[^A-Z0-9]/g, '');
