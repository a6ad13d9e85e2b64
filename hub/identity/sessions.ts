// Sessions as their owner and those responsible see them: where, since when, last used; ended one by one or all at once.
import { sql } from 'kysely';
import type { Database } from '../store/index.ts';
import { factorsOf } from './assurance.ts';
import type { SignedInAt } from './contract.ts';

/** Notification {}: a session has ended; connections that belong to one are looked at again. */
export const SESSIONS_CHANNEL = 'sessions';

/** A session is noted as used at most so often. */
const TOUCH_MS = 60_000;

export interface Sessions {
  list(account: string, current: string | null): Promise<SignedInAt[]>;
  /** Ends one session of the account. False: it has none such. */
  end(account: string, session: string): Promise<boolean>;
  /** Ends all of the account but `except`; returns how many. */
  endAll(account: string, except?: string): Promise<number>;
  /** Notes that the session is used now. */
  touch(session: string): Promise<void>;
  /** Notes that the person has just proven again who they are. */
  confirm(session: string, at: Date): Promise<void>;
  /** When the owner of this session last proved who they are; null: there is no such session. */
  confirmedAt(account: string, session: string): Promise<Date | null>;
}

export function openSessions(database: Database): Sessions {
  const { kysely } = database;
  const touched = new Map<string, number>();
  const tell = () => database.notify(SESSIONS_CHANNEL, {});
  return {
    async list(account, current) {
      const { rows } = await sql<{
        id: string;
        since: Date;
        used: Date;
        address: string | null;
        agent: string | null;
        factors: string | null;
      }>`
        select id, "createdAt" as since, coalesce("lastUsed", "createdAt") as used, "ipAddress" as address, "userAgent" as agent, factors
        from identity_session where "userId" = ${account} and "expiresAt" > now() order by used desc`.execute(kysely);
      return rows.map(({ id, since, used, address, agent, factors }) => ({
        id,
        since: since.toISOString(),
        lastUsed: used.toISOString(),
        address: address ?? '',
        device: deviceIn(agent ?? ''),
        factors: factorsOf(factors),
        current: id === current,
      }));
    },
    async end(account, session) {
      const ended = await sql`delete from identity_session where "userId" = ${account} and id = ${session}`.execute(kysely);
      if (ended.numAffectedRows) await tell();
      return ended.numAffectedRows === 1n;
    },
    async endAll(account, except = '') {
      const ended = await sql`delete from identity_session where "userId" = ${account} and id <> ${except}`.execute(kysely);
      if (ended.numAffectedRows) await tell();
      return Number(ended.numAffectedRows ?? 0n);
    },
    async touch(session) {
      const now = Date.now();
      if (now - (touched.get(session) ?? 0) < TOUCH_MS) return;
      if (touched.size > 20_000) touched.clear();
      touched.set(session, now);
      await sql`update identity_session set "lastUsed" = now() where id = ${session}`.execute(kysely);
    },
    async confirm(session, at) {
      await sql`update identity_session set confirmed = ${at} where id = ${session}`.execute(kysely);
    },
    async confirmedAt(account, session) {
      const { rows } = await sql<{ at: Date }>`select coalesce(confirmed, "createdAt") as at from identity_session
        where id = ${session} and "userId" = ${account} and "expiresAt" > now()`.execute(kysely);
      return rows[0]?.at ?? null;
    },
  };
}

/** Browser and system of a `User-Agent`, for people to recognise their own device; not for any decision. */
export function deviceIn(agent: string): string {
  const browser = /Edg\//.test(agent)
    ? 'Edge'
    : /Firefox\//.test(agent)
      ? 'Firefox'
      : /Chrome\//.test(agent)
        ? 'Chrome'
        : /Safari\//.test(agent)
          ? 'Safari'
          : '';
  const system = /iPhone/.test(agent)
    ? 'iPhone'
    : /iPad/.test(agent)
      ? 'iPad'
      : /Android/.test(agent)
        ? 'Android'
        : /Windows/.test(agent)
          ? 'Windows'
          : /Mac OS X/.test(agent)
            ? 'Mac'
            : /Linux/.test(agent)
              ? 'Linux'
              : '';
  return [browser, system].filter(Boolean).join(' · ');
}
