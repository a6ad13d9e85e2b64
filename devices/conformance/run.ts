// One conformance run: lets the device be for a while, takes the network away once, withholds PUBACKs once, asks it for a new certificate,
// and writes down what it does.
import type { Profile } from '../profiles.ts';
import type { Text } from '../refusal.ts';
import type { Line, OpenLine } from './line.ts';
import type { Break, Observed, Rotation } from './observed.ts';
import { bestFit, packsOf, resends } from './packs.ts';

export interface RunOptions {
  facility: string;
  device: string;
  /** One profile; or several, of which the one that fits the device's first packs is taken. */
  profiles: readonly Profile[];
  /** How long the device is observed undisturbed, ms. */
  observe: number;
  /** How long the run waits for the device's first sign-in, ms. Default 5 minutes. */
  wait?: number;
  /** How long the device may take to come back after a lost connection, ms. Default 60 s. */
  returnLimit?: number;
  /** Shortest time without a network, ms; at least one and a half intervals are taken, at most 3 minutes. Default 10 s. */
  away?: number;
  /** Tells what is going on and what a person has to do now; `until` (ms since 1970) when its end is known. */
  tell?: (text: Text, until: number | null) => void;
  /** Something was seen. `seen` gives all of it so far. */
  onSeen?: (seen: () => Run) => void;
  /** Ends the run early; what was seen so far is returned. */
  signal?: AbortSignal;
}

/** Most time for one step that waits for packs, ms: a device that sends rarely is not waited for by the hour. */
const LONGEST_STEP = 3 * 60_000;
/** A device that sends when someone uses it is used about so often when asked to, ms. */
const HAND_PACE = 40_000;

export interface Run {
  observed: Observed;
  /** Null when several were given and no pack told which. */
  profile: Profile | null;
}

/** @throws Error when the line cannot be opened. It is closed in any case. */
export async function observe(openLine: OpenLine, options: RunOptions): Promise<Run> {
  const { facility, device, profiles, returnLimit = 60_000, onSeen } = options;
  const startedAt = Date.now();
  const waiting = new Set<() => void>();
  let opened: Line | null = null;
  const broker = await openLine(() => {
    for (const check of [...waiting]) check();
    if (opened) onSeen?.(result);
  });
  opened = broker;

  /** Resolves true when `condition` holds, false after `ms` or at the run's early end. */
  const until = (condition: () => boolean, ms: number) =>
    new Promise<boolean>(resolve => {
      const end = (result: boolean) => {
        clearTimeout(timer);
        waiting.delete(check);
        options.signal?.removeEventListener('abort', stop);
        resolve(result);
      };
      const check = () => condition() && end(true);
      const stop = () => end(false);
      const timer = setTimeout(stop, ms);
      waiting.add(check);
      options.signal?.addEventListener('abort', stop);
      if (options.signal?.aborted) stop();
      else check();
    });
  const never = () => false;
  const isLive = () => broker.live() !== null;
  const packs = (from: number) => broker.messages.slice(from).filter(message => /\/(json|cbor)$/.test(message.topic));
  let profile = profiles.length === 1 ? profiles[0]! : null;
  const step = (intervals: number) => {
    const pace = (profile?.intervalSeconds ?? 0) * 1000;
    return Math.min(intervals * (profile?.event ? Math.min(pace, HAND_PACE) : pace), LONGEST_STEP);
  };

  async function back(cutAt: number, openAt: number): Promise<Break> {
    const returned = await until(isLive, returnLimit);
    return { cutAt, openAt, returnedAt: returned ? (broker.live()?.at ?? null) : null };
  }

  let outage: Observed['outage'] = null;
  let withholding: Observed['withholding'] = null;
  let rotation: Rotation | null = null;
  const tell = (text: Text, milliseconds?: number) => options.tell?.(text, milliseconds === undefined ? null : Date.now() + milliseconds);
  /** As `tell`, when the device must have something to send meanwhile. */
  const say = (ja: string, en: string, milliseconds?: number) =>
    tell(
      profile?.event
        ? {
            ja: `${ja}この間に機器を使ってください（測る、ボタンを押す、ドアを開けるなど）。`,
            en: `${en} Use the device now (measure, press the button, open the door).`,
          }
        : { ja, en },
      milliseconds,
    );

  try {
    const wait = options.wait ?? 5 * 60_000;
    tell(
      {
        ja: `機器の接続を待っています（${broker.address}）。つながらないときは、機器の電源を入れ直してください。`,
        en: `Waiting for the device at ${broker.address}. If it does not come, switch it off and on.`,
      },
      wait,
    );
    if (!(await until(isLive, wait))) return result();
    if (!profile) {
      tell({ ja: '最初のパックを待っています。', en: 'Waiting for the first pack.' });
      const readable = () => packsOf(broker.messages).filter(seen => seen.pack !== null);
      await until(() => readable().length > 0, wait);
      profile = bestFit(readable(), profiles);
      if (!profile) return result();
    }

    say(
      `接続しました。${Math.round(options.observe / 1000)} 秒、そのまま観察します。`,
      `Connected. Observing for ${Math.round(options.observe / 1000)} s.`,
      options.observe,
    );
    await until(never, options.observe);
    broker.undisturbed(false);
    if (options.signal?.aborted || !(await until(isLive, returnLimit))) return result();

    const away = Math.max(options.away ?? 10_000, step(1.5));
    say(`ネットワークを ${Math.round(away / 1000)} 秒切ります。`, `The network goes away for ${Math.round(away / 1000)} s.`, away);
    await broker.cut(true);
    const cutAt = Date.now();
    await until(never, away);
    const openAt = Date.now();
    await broker.open();
    tell({ ja: '機器が戻るのを待っています。', en: 'Waiting for the device to come back.' }, returnLimit);
    outage = await back(cutAt, openAt);
    if (outage.returnedAt === null || options.signal?.aborted) return result();
    // The backlog, and the next reading in the ordinary course.
    await until(never, Math.max(step(1.2), 2000));
    if (options.signal?.aborted || !(await until(isLive, returnLimit))) return result();

    say('受信確認（PUBACK）を一度止めます。', 'PUBACKs are withheld once.');
    const [from, first] = [Date.now(), broker.messages.length];
    await broker.withhold(true);
    const second = Math.min(step(1.5), (broker.live()?.keepAlive || 60) * 1000);
    // A device that waits for each PUBACK sends no second pack and no PINGREQ: its keep-alive must not run out meanwhile.
    if (await until(() => packs(first).length >= 1, Math.max(step(2.5), 1000))) await until(() => packs(first).length >= 2, second);
    // In this order: what comes again after the cut must get its PUBACK.
    await Promise.all([broker.withhold(false), broker.cut(false)]);
    const held = packs(first).filter(message => message.withheld);
    const now = Date.now();
    withholding = { from, ...(await back(now, now)) };
    if (withholding.returnedAt !== null && held.length)
      await until(() => !resends(held, broker.messages).includes(null), Math.max(step(2.5), 3000));
    await until(never, Math.min(step(0.5), 5000));
    if (withholding.returnedAt !== null && !options.signal?.aborted && (await until(isLive, returnLimit))) await rotate();
    return result();
  } finally {
    await broker.close();
  }

  /** A device that signs in by secret is not asked: a person enters its new one. */
  async function rotate() {
    const known = new Set(broker.connections.map(connection => connection.certificate));
    if (!broker.live()?.certificate) return;
    tell({ ja: '証明書の更新を頼みました。', en: 'The device is asked for a new certificate.' }, 2 * returnLimit);
    rotation = { askedAt: Date.now(), limit: returnLimit, requestedAt: null, returnedAt: null };
    const from = broker.messages.length;
    const request = () => broker.messages.slice(from).find(message => message.topic.endsWith('/csr'));
    const renewed = () =>
      broker.connections.find(({ certificate, signIn }) => certificate !== null && signIn === 'accepted' && !known.has(certificate));
    broker.renew(true);
    await until(() => request() !== undefined, returnLimit);
    rotation.requestedAt = request()?.at ?? null;
    if (rotation.requestedAt !== null) await until(() => renewed() !== undefined, returnLimit);
    rotation.returnedAt = renewed()?.at ?? null;
    broker.renew(false);
  }

  function result(): Run {
    const observed: Observed = {
      ...{ facility, device, startedAt, returnLimit, outage, withholding, rotation },
      endedAt: Date.now(),
      connections: [...broker.connections],
      messages: [...broker.messages],
    };
    return { observed, profile };
  }
}
