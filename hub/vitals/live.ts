// Live samples and bench verdicts over socket.io (/live): one MQTT subscription per watched subject, whoever and how many watch.
import type { MqttClient } from 'mqtt';
import type { Logger } from 'pino';
import type { Namespace, Socket } from 'socket.io';
import { z } from 'zod';
import { isId, parseTopic } from '../../devices/index.ts';
import { notAllowed, Problem } from '../http/problem.ts';
import { checked } from '../http/request.ts';
import { hasRole, type Person } from '../identity/actor.ts';
import { type BenchMessage, WatchBench } from '../ingest/contract.ts';
import { type Records, RIGHTS_CHANNEL } from '../records/records.ts';
import type { Database } from '../store/index.ts';
import { type LiveVitals, WatchVitals } from './contract.ts';
import { Watches } from './watches.ts';

export interface LiveDependencies {
  /** Namespace /live; `socket.data.actor` is the `Person`. */
  namespace: Namespace;
  records: Records;
  /** Without it a right that ends is noticed within `RECHECK_MS` only. */
  database?: Pick<Database, 'listen'>;
  /** The care role's own connection. */
  mqtt: MqttClient;
  log: Logger;
}

/** What one socket may follow at a time. */
const WATCHES_PER_SOCKET = 64;

/** Rights of those who watch are asked for again so often, ms, besides each change that the record tells of. */
const RECHECK_MS = 5 * 60_000;
const FOLLOW = { ja: 'センサーの値を見続ける', en: 'follow the samples of sensors' };
const RightsNotice = z.object({ patient: z.string() });

const StoredBatches = z.array(
  z.object({
    device: z.string(),
    profile: z.string(),
    samples: z.array(z.object({ time: z.number(), values: z.record(z.string(), z.number()) })),
  }),
);

/** Serves `vitals:watch`, `vitals:unwatch`, `bench:watch`, `bench:unwatch`; emits `vitals` and `bench`. Returns the way to stop. */
export function attachVitals({ namespace, records, database, mqtt, log }: LiveDependencies): () => void {
  const watches = new Watches({
    follow: topic => mqtt.subscribe(topic, { qos: 0 }, error => error && log.warn({ err: error }, 'live samples cannot be followed')),
    leave: topic => mqtt.unsubscribe(topic, error => error && log.debug({ err: error }, 'a subscription could not be ended')),
  });

  const heard = (name: string, payload: Buffer) => {
    const topic = parseTopic(name);
    if (topic?.kind === 'stored' && topic.subjectType === 'Patient') {
      const watchers = watches.of(vitalsTopic(topic.subject));
      if (!watchers) return;
      const batches = StoredBatches.safeParse(parseJson(payload));
      if (!batches.success) return log.warn('a batch of stored samples could not be read');
      for (const { profile, samples } of batches.data)
        watchers.emit('vitals', { patient: topic.subject, profile, samples } satisfies LiveVitals);
    }
    if (topic?.kind === 'bench') {
      const message = parseJson(payload);
      for (const filter of [benchTopic(topic.facility, topic.device), benchTopic('+', topic.device)])
        watches.of(filter)?.emit('bench', message as BenchMessage);
    }
  };
  mqtt.on('message', heard);

  /** Ends the watching of those who may no longer see the patient; `vitals:ended` tells their page. */
  const recheck = async (patient: string) => {
    const topic = vitalsTopic(patient);
    for (const socket of watches.socketsOf(topic)) {
      try {
        const allowed = await records.allowed(socket.data.actor, [patient], 'vitals', 'read', FOLLOW);
        if (allowed.has(patient)) continue;
        watches.remove(topic, socket);
        socket.emit('vitals:ended', { patient });
      } catch (error) {
        // Nobody goes on watching unasked: the page connects again and asks for what it had.
        log.warn({ err: error }, 'the right to watch could not be asked for again');
        socket.disconnect(true);
      }
    }
  };
  const recheckAll = () => {
    for (const topic of watches.topics()) if (topic.startsWith(VITALS)) void recheck(topic.slice(VITALS.length));
  };
  const timer = setInterval(recheckAll, RECHECK_MS);
  timer.unref();
  const listening = database?.listen(
    RIGHTS_CHANNEL,
    payload => {
      const notice = RightsNotice.safeParse(payload);
      if (notice.success) void recheck(notice.data.patient);
    },
    recheckAll,
  );
  listening?.catch(error => log.error({ err: error }, 'changes of rights cannot be heard'));

  const serve = (socket: Socket) => {
    const actor: Person = socket.data.actor;
    const on = <T extends z.ZodType>(event: string, schema: T, work: (message: z.infer<T>) => Promise<void> | void) =>
      socket.on(event, async (...given: unknown[]) => {
        const acknowledge = given.at(-1);
        const answer = (body: object) => {
          if (typeof acknowledge === 'function') acknowledge(body);
        };
        try {
          await work(checked(schema, given[0]));
          answer({ ok: true });
        } catch (error) {
          if (!(error instanceof Problem)) log.error({ err: error, event }, 'a socket message failed');
          answer({ ok: false, ...(error instanceof Problem ? error : failed()).body() });
        }
      });
    const watch = (topics: string[]) => {
      if (watches.countOf(socket) + topics.length > WATCHES_PER_SOCKET) throw tooMany();
      // The person may have gone while the right was being looked up.
      if (socket.connected) for (const topic of topics) watches.add(topic, socket);
    };

    on('vitals:watch', WatchVitals, async ({ patient }) => {
      await records.require(actor, patient, 'vitals', 'read', FOLLOW);
      watch([vitalsTopic(patient)]);
    });
    on('vitals:unwatch', WatchVitals, ({ patient }) => watches.remove(vitalsTopic(patient), socket));
    on('bench:watch', WatchBench, ({ device }) => {
      const topics = benchTopics(actor, device);
      if (!topics.length) throw notAllowed();
      watch(topics);
    });
    on('bench:unwatch', WatchBench, ({ device }) => {
      for (const topic of benchTopics(actor, device)) watches.remove(topic, socket);
    });
    socket.on('disconnect', () => watches.removeAll(socket));
  };
  namespace.on('connection', serve);

  return () => {
    namespace.off('connection', serve);
    mqtt.off('message', heard);
    clearInterval(timer);
    listening?.then(
      stop => stop(),
      () => undefined,
    );
    watches.clear();
  };
}

const VITALS = 'hub/1/stored/+/Patient/';
const vitalsTopic = (patient: string) => `${VITALS}${patient}`;
const benchTopic = (facility: string, device: string) => `hub/1/bench/${facility}/${device}`;

/** A maker's or manager's devices are those of the own organization; the administrator's all. */
function benchTopics(actor: Person, device: string): string[] {
  if (hasRole(actor, ['administrator'])) return [benchTopic('+', device)];
  const organizations = actor.roles.filter(({ role }) => role === 'maker' || role === 'manager').map(({ organization }) => organization);
  return [...new Set(organizations)].filter(isId).map(organization => benchTopic(organization, device));
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString());
  } catch {
    return null;
  }
}

const tooMany = () =>
  new Problem(429, 'too-many-watches', {
    ja: '一度に見られる数を超えました。ほかの画面を閉じてください。',
    en: 'You follow too many at a time. Close another page.',
  });
const failed = () =>
  new Problem(500, 'failed', { ja: 'うまくいきませんでした。もう一度ためしてください。', en: 'Something failed here. Try again.' });
