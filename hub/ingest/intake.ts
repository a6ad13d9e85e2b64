// The way of one message: who sent it, is it good, whom do its samples belong to, and when may it be acknowledged.
import type { Logger } from 'pino';
import { benchTopic, deviceTopic, GATEWAY, type Login, type PackFormat, type Refusal, storedTopic } from '../../devices/index.ts';
import type { SamplePoint, SampleStore } from '../store/index.ts';
import { BatchWriter, type WriteItem } from './batch-writer.ts';
import type { BenchMessage, RefusalView } from './contract.ts';
import type { Directory, FacilityDirectory } from './directory.ts';
import type { Ledger } from './ledger.ts';
import { type Publication, publicationOf } from './rights.ts';
import { judgePack, notRegistered, stateFault, stateIn } from './verdict.ts';

/** What subscribers of `hub/1/stored/…` get: a JSON list of these. */
export interface StoredBatch {
  subject: string;
  device: string;
  profile: string;
  samples: { time: number; values: Record<string, number> }[];
}

export interface IncomingMessage {
  login: Login;
  topic: string;
  payload: Buffer;
  /** What it is, where that is known already. */
  publication?: Publication;
}
/**
 * `forward`: let subscribers have it. `taken`: it ends here. Either way it may be acknowledged. `failed`: it may not, now or later; the
 * connection has to end, as only then its sender sends it again (MQTT 3.1.1 section 4.4).
 */
export type Outcome = 'forward' | 'taken' | 'failed';

/** What ingest sends out; `retain` keeps it for later subscribers. */
export type Publish = (topic: string, payload: string, options?: { retain?: boolean }) => void;

export interface IntakeOptions {
  store: Pick<SampleStore, 'write'>;
  directory: Directory;
  ledger: Ledger;
  publish: Publish;
  /** Whether anybody watches this device on a bench. */
  benchWatched(device: string): boolean;
  /** Whether anybody wants to hear what is stored. */
  storedWatched(): boolean;
  /** There is room again after `full`. */
  onRoom(): void;
  log: Logger;
  /** ms since 1970. */
  now?: () => number;
  /** How old a sample may be, ms. Default 90 days. */
  ageLimit?: number;
  batch?: { batchSamples?: number; gatherMilliseconds?: number; waitingLimit?: number; retryMilliseconds?: readonly [number, number] };
}

/** Reasons told to the device itself per message; the rest is on the bench. */
const REASONS_TOLD = 5;
const EXCERPT = 200;
/** Reasons kept aside per message. */
const DISTINCT = 20;

export class Intake {
  readonly #options: IntakeOptions;
  readonly #writer: BatchWriter;
  readonly #now: () => number;
  #refused = 0;
  #messages = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#writer = new BatchWriter({
      store: options.store,
      log: options.log,
      ...options.batch,
      onRoom: options.onRoom,
      onStored: items => this.#announce(items),
    });
  }

  /** Whether senders should be held back. */
  get full(): boolean {
    return this.#writer.full;
  }
  stats() {
    return { messages: this.#messages, refused: this.#refused, ...this.#writer.stats() };
  }
  close = (milliseconds: number) => this.#writer.close(milliseconds);

  /** `done` is called when the message may be acknowledged (its samples are in the store, or it was refused and that is kept), or has failed. */
  take(message: IncomingMessage, done: (outcome: Outcome) => void): void {
    const publication = message.publication ?? publicationOf(message.login, message.topic);
    if (publication.kind !== 'forward') this.#messages++;
    switch (publication.kind) {
      case 'forward':
        done('forward');
        break;
      case 'refused':
        this.#refuse(message, [publication.refusal], null);
        done('taken');
        break;
      case 'state': {
        const fault = this.#unknownDevice(message.login, publication) ?? stateFault(message.payload);
        if (fault) this.#refuse(message, [fault], null, publication.device);
        else this.#options.ledger.state(publication.facility, publication.device, stateIn(message.payload));
        done(fault ? 'taken' : 'forward');
        break;
      }
      case 'pack': {
        const directory = this.#options.directory.of(publication.facility);
        if (directory instanceof Promise) this.#later(directory, message, publication, done);
        else this.#judge(directory, message, publication, done, false);
      }
    }
  }

  /** States are retained: a gateway must not fill the broker's memory with those of devices that are not there. */
  #unknownDevice(login: Login, { facility, device }: { facility: string; device: string }): Refusal | null {
    if (login.kind !== 'gateway') return null;
    const directory = this.#options.directory.of(facility);
    return directory instanceof Promise || directory.devices.has(device) ? null : notRegistered(device);
  }

  /** Keeps aside what the broker itself would not take (too large for a packet). */
  refuseOutright(login: Login, topic: string, beginning: Buffer, refusal: Refusal): void {
    this.#messages++;
    this.#refuse({ login, topic, payload: beginning }, [refusal], null);
  }

  /** For information: this login sends more than so many messages a second and is read more slowly. Nothing of it is refused. */
  noteRate(login: Login, perSecond: number): void {
    if (login.kind === 'hub') return;
    const device = login.kind === 'device' ? login.device : GATEWAY;
    const topic = device === GATEWAY ? `care/1/${login.facility}/${GATEWAY}` : deviceTopic(login.facility, device, 'json');
    const note = { ...tooFast(perSecond), device, topic, excerpt: '' };
    const at = this.#now();
    this.#options.ledger.refused({ ...note, facility: login.facility, at }, 0);
    if (device === GATEWAY) return;
    const view: RefusalView = { ...note, at: new Date(at).toISOString() };
    this.#options.publish(deviceTopic(login.facility, device, 'refused'), JSON.stringify(view));
  }

  #later(
    loading: Promise<FacilityDirectory>,
    message: IncomingMessage,
    pack: { device: string; format: PackFormat },
    done: (outcome: Outcome) => void,
    fresh = false,
  ) {
    loading.then(
      directory => this.#judge(directory, message, pack, done, fresh),
      error => {
        this.#options.log.warn({ err: error }, 'a message is sent back: the registry of devices cannot be read');
        done('failed');
      },
    );
  }

  #judge(
    directory: FacilityDirectory,
    message: IncomingMessage,
    pack: { device: string; format: PackFormat },
    done: (outcome: Outcome) => void,
    fresh: boolean,
  ) {
    const at = this.#now();
    let verdict: ReturnType<typeof judgePack>;
    try {
      verdict = judgePack(
        directory,
        { ...pack, payload: message.payload, byGateway: message.login.kind === 'gateway' },
        at,
        this.#options.ageLimit,
      );
    } catch (error) {
      // One message that nobody thought of must not end the role for all.
      this.#options.log.error({ err: error, facility: directory.facility, device: pack.device }, 'a message could not be judged');
      this.#refuse(message, [notReadable], directory, pack.device);
      done('taken');
      return;
    }
    if (!fresh && verdict.refusals.some(refusal => refusal.reason === 'not-assigned')) {
      this.#later(this.#options.directory.freshOf(directory.facility), message, pack, done, true);
      return;
    }
    const { note } = verdict;
    if (!verdict.points.length) {
      if (note) this.#options.ledger.noted(directory.facility, pack.device, note);
      this.#refuse(message, verdict.refusals, directory, pack.device);
      done('taken');
      return;
    }
    const { device } = pack;
    this.#writer.add({
      points: verdict.points,
      stored: () => {
        const profile = directory.devices.get(device)?.profile;
        this.#options.ledger.accepted(
          directory.facility,
          device,
          profile,
          verdict.points.map(point => point.time),
        );
        if (note) this.#options.ledger.noted(directory.facility, device, note);
        if (verdict.refusals.length) this.#refuse(message, verdict.refusals, directory, device, verdict.points.length);
        else this.#tellBench(message, directory.facility, device, verdict.points.length, []);
        done('taken');
      },
      rejected: error => {
        this.#options.log.error({ err: error, facility: directory.facility, device }, 'the sample store can never take these samples');
        this.#refuse(message, [notStorable], directory, device);
        done('taken');
      },
    });
  }

  /** Counts, keeps aside, tells the device and the bench. `stored` samples of the same message may have been taken. */
  #refuse(message: IncomingMessage, refusals: Refusal[], directory: FacilityDirectory | null, named?: string, stored = 0) {
    const { login } = message;
    const facility = directory?.facility ?? (login.kind === 'hub' ? null : login.facility);
    if (!facility) return;
    // What a gateway sends for a device that is not registered is the gateway's own fault.
    const device = login.kind === 'device' ? login.device : named && directory?.devices.has(named) ? named : GATEWAY;
    this.#refused += refusals.length;
    const at = this.#now();
    const distinct = distinctReasons(refusals);
    const excerpt = excerptOf(message);
    for (const { refusal, count } of distinct)
      this.#options.ledger.refused({ ...refusal, facility, device, topic: message.topic.slice(0, EXCERPT), at, excerpt }, count);
    if (device === GATEWAY) return;
    for (const { refusal } of distinct.slice(0, REASONS_TOLD)) {
      const view: RefusalView = {
        ...{ device, excerpt, at: new Date(at).toISOString(), topic: message.topic.slice(0, EXCERPT) },
        ...{ reason: refusal.reason, text: refusal.text },
      };
      this.#options.publish(deviceTopic(facility, device, 'refused'), JSON.stringify(view));
    }
    this.#tellBench(
      message,
      facility,
      device,
      stored,
      distinct.map(({ refusal }) => refusal),
    );
  }

  #tellBench(message: IncomingMessage, facility: string, device: string, samples: number, refusals: Refusal[]) {
    if (!this.#options.benchWatched(device)) return;
    const told: BenchMessage = {
      device,
      at: new Date(this.#now()).toISOString(),
      topic: message.topic.slice(0, EXCERPT),
      bytes: message.payload.byteLength,
      verdict: refusals.length ? 'refused' : 'stored',
      samples,
      refusals: refusals.map(({ reason, text }) => ({ reason, text })),
      // Values of a resident are shown through the record's rights only, and a bench asks for none.
      excerpt: this.#watchesPerson(facility, device) ? '' : excerptOf(message),
    };
    this.#options.publish(benchTopic(facility, device), JSON.stringify(told));
  }

  #watchesPerson(facility: string, device: string): boolean {
    const directory = this.#options.directory.of(facility);
    if (directory instanceof Promise) return true;
    return directory.devices.get(device)?.assignments.some(({ subject }) => subject.startsWith('Patient/')) ?? false;
  }

  /** Tells the hub's other roles what the store has now, per subject. */
  #announce(items: WriteItem[]) {
    if (!this.#options.storedWatched()) return;
    const subjects = new Map<string, { facility: string; subject: string; batches: Map<string, StoredBatch> }>();
    let [last, batch]: [SamplePoint | undefined, StoredBatch | undefined] = [undefined, undefined];
    for (const { points } of items) {
      for (const point of points) {
        if (!batch || point.device !== last?.device || point.subject !== last.subject || point.facility !== last.facility)
          batch = batchOf(subjects, point);
        last = point;
        batch.samples.push({ time: point.time, values: point.values });
      }
    }
    for (const { facility, subject, batches } of subjects.values())
      this.#options.publish(storedTopic(facility, subject), JSON.stringify([...batches.values()]));
  }
}

function batchOf(
  subjects: Map<string, { facility: string; subject: string; batches: Map<string, StoredBatch> }>,
  { facility, subject, device, profile }: SamplePoint,
): StoredBatch {
  const key = `${facility} ${subject}`;
  const entry = subjects.get(key) ?? { facility, subject, batches: new Map<string, StoredBatch>() };
  subjects.set(key, entry);
  const batch = entry.batches.get(device) ?? { subject, device, profile, samples: [] };
  entry.batches.set(device, batch);
  return batch;
}

/** One entry per reason and quantity, with how often. */
function distinctReasons(refusals: Refusal[]): { refusal: Refusal; count: number }[] {
  const distinct = new Map<string, { refusal: Refusal; count: number }>();
  let last: { refusal: Refusal; count: number } | undefined;
  for (const refusal of refusals) {
    const key = `${refusal.reason} ${refusal.quantity ?? ''}`;
    // Many different ones are kept aside as the last of these; none goes uncounted.
    const entry = distinct.get(key) ?? (distinct.size < DISTINCT ? undefined : last);
    if (entry) entry.count++;
    else {
      last = { refusal, count: 1 };
      distinct.set(key, last);
    }
  }
  return [...distinct.values()];
}

/** The beginning of what was sent: text as it is, CBOR in hexadecimal. */
function excerptOf({ topic, payload }: IncomingMessage): string {
  if (topic.endsWith('/cbor')) return payload.subarray(0, EXCERPT / 2).toString('hex');
  const text = payload.subarray(0, EXCERPT).toString('utf8');
  return text.replace(CONTROL, '·').slice(0, EXCERPT);
}
/** Control characters must not reach a page, a log or PostgreSQL. */
const CONTROL = /\p{Cc}/gu;

const tooFast = (perSecond: number): Refusal => ({
  reason: 'rate-exceeded',
  text: {
    ja: `1 秒に ${perSecond} 件より多く送られているので、ゆっくり受け取っています。測定値は失われません。`,
    en: `More than ${perSecond} messages a second are sent, so they are read more slowly. No sample is lost.`,
  },
});

const notReadable: Refusal = {
  reason: 'not-senml',
  text: { ja: 'このメッセージは読めませんでした。', en: 'This message could not be read.' },
};

const notStorable: Refusal = {
  reason: 'out-of-range',
  text: {
    ja: 'この測定値は保存できませんでした。ハブの管理者に知らせてください。',
    en: 'These samples could not be stored. Tell the administrator of the hub.',
  },
};
