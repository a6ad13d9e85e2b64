// Attempts to sign in, counted per account and per address in PostgreSQL, so on all nodes: who guesses waits longer each time.
import { isIPv6 } from 'node:net';
import type { Pool } from 'pg';
import { RateLimiterPostgres, type RateLimiterRes } from 'rate-limiter-flexible';
import { Problem } from '../http/problem.ts';
import { sha256 } from './once.ts';

/** Failures that are forgiven, then the first delay; each further failure doubles it up to `most`. Counted over `forget` seconds. */
const RULES = {
  account: { free: 5, first: 60, most: 3600, forget: 86_400 },
  // Behind one address there may be a whole hospital.
  address: { free: 30, first: 60, most: 3600, forget: 3600 },
} as const;
/** Requests of any outcome that one address may send to the sign-in routes in a minute. */
const REQUESTS_A_MINUTE = 240;

export interface Attempts {
  /** @throws Problem 429 while the account (its e-mail address or id, existing or not) or the address has to wait. */
  admit(account: string | null, address: string): Promise<void>;
  /** Counts a failure; the words of the delay it caused come with the next attempt. */
  failed(account: string | null, address: string): Promise<void>;
  succeeded(account: string): Promise<void>;
}

export function openAttempts(pool: Pool): Attempts {
  const options = { storeClient: pool, storeType: 'pool', tableName: 'identity_attempt', tableCreated: true } as const;
  const failures = {
    account: new RateLimiterPostgres({ ...options, keyPrefix: 'failed', points: 1e6, duration: RULES.account.forget }),
    address: new RateLimiterPostgres({ ...options, keyPrefix: 'failed', points: 1e6, duration: RULES.address.forget }),
  };
  const locks = new RateLimiterPostgres({ ...options, keyPrefix: 'lock', points: 1, duration: 1 });
  const requests = new RateLimiterPostgres({ ...options, keyPrefix: 'asked', points: REQUESTS_A_MINUTE, duration: 60 });
  const keysOf = (account: string | null, address: string) => ({
    // An e-mail address is personal: the table holds a hash of it.
    ...(account === null ? {} : { account: `account:${sha256(account.toLowerCase())}` }),
    address: `address:${networkOf(address)}`,
  });
  return {
    async admit(account, address) {
      const keys = keysOf(account, address);
      for (const key of Object.values(keys)) {
        const lock = await locks.get(key);
        if (lock && lock.consumedPoints > 1) throw tooMany(lock.msBeforeNext);
      }
      try {
        await requests.consume(keys.address);
      } catch (over) {
        if (over instanceof Error) throw over;
        throw tooMany((over as RateLimiterRes).msBeforeNext);
      }
    },
    async failed(account, address) {
      for (const [kind, key] of Object.entries(keysOf(account, address)) as ['account' | 'address', string][]) {
        const { consumedPoints } = await failures[kind].consume(key);
        const delay = delayAfter(consumedPoints, RULES[kind]);
        if (delay) await locks.block(key, delay);
      }
    },
    async succeeded(account) {
      const { account: key } = keysOf(account, '') as { account: string };
      await failures.account.delete(key);
      await locks.delete(key);
    },
  };
}

/** Seconds to wait after so many failures. */
export function delayAfter(failures: number, { free, first, most }: { free: number; first: number; most: number }): number {
  return failures < free ? 0 : Math.min(most, first * 2 ** (failures - free));
}

/** An IPv6 address stands for its /64: one subscriber has them all (RFC 6177). */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.toLowerCase().startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head ? head.split(':') : [];
  const after = tail ? tail.split(':') : [];
  const full = tail === undefined ? groups : [...groups, ...Array(8 - groups.length - after.length).fill('0'), ...after];
  return `${full.slice(0, 4).join(':')}::/64`;
}

function tooMany(ms: number): Problem {
  const until = new Date(Date.now() + ms);
  const time = until.toLocaleTimeString('ja-JP', { timeZone: 'Asia/Tokyo', hour: '2-digit', minute: '2-digit', second: '2-digit' });
  return new Problem(429, 'too-many', {
    ja: `何度も試されました。${time} まで待ってから、もう一度試してください。`,
    en: `Too many attempts. Wait until ${time} (Japan), then try again.`,
  });
}
