// How many requests one person, one address and one socket may send. What is over is refused in words, with the time to wait.
import { createHash, randomBytes } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Context, MiddlewareHandler } from 'hono';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { Problem } from './problem.ts';
import type { HubEnv } from './server-types.ts';

export interface Rates {
  /** Requests a minute of one signed-in person, over all their devices. */
  person: number;
  /** Requests a minute of one address: a whole facility may stand behind it. */
  address: number;
}

const MINUTE = 60;
/** Counters at most, of each kind: who comes from very many addresses shares them with others, and fills no memory. */
const COUNTERS = 0x1_0000;

export interface Counted {
  /** @throws Problem 429; `wait` is told the seconds until there is room again */
  spend(who: string, wait?: (seconds: number) => void): Promise<void>;
}

/** A counter for each `who` of so many points a minute. */
export function openCounter(points: number, seconds = MINUTE): Counted {
  const limiter = new RateLimiterMemory({ points, duration: seconds });
  // Nobody can choose an address that shares another's counter.
  const salt = randomBytes(16);
  const slot = (who: string) => String(createHash('sha256').update(salt).update(who).digest().readUInt32BE() % COUNTERS);
  return {
    async spend(who, wait) {
      try {
        await limiter.consume(slot(who));
      } catch (said) {
        if (!(said instanceof RateLimiterRes)) throw said;
        const left = Math.max(1, Math.ceil(said.msBeforeNext / 1000));
        wait?.(left);
        throw tooMany(left);
      }
    },
  };
}

/** An address as the limits count it: of IPv6 the network (64 bits), which one household or company has for itself. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = head ? head.split(':') : [];
  const rest = tail ? tail.split(':') : [];
  const full = tail === undefined ? groups : [...groups, ...Array(Math.max(0, 8 - groups.length - rest.length)).fill('0'), ...rest];
  return full
    .slice(0, 4)
    .map(group => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':');
}

/** Counts each request; `who` names whom it is counted for. */
export const counted =
  (counter: Counted, who: (context: Context<HubEnv>) => string): MiddlewareHandler<HubEnv> =>
  async (context, next) => {
    await counter.spend(who(context), seconds => context.header('retry-after', String(seconds)));
    await next();
  };

const tooMany = (seconds: number) =>
  new Problem(429, 'too-many', {
    ja: `操作が多すぎます。${seconds} 秒待ってから、もう一度試してください。`,
    en: `Too many requests. Wait ${seconds} seconds, then try again.`,
  });
