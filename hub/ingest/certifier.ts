// Answers devices and gateways that ask for their next certificate over MQTT: `…/csr` in, `…/certificate` out.
import type { Logger } from 'pino';
import { deviceTopic, gatewayTopic, type Refusal, usernameOf } from '../../devices/index.ts';
import { Problem } from '../http/problem.ts';
import { service } from '../identity/index.ts';
import type { Records } from '../records/records.ts';
import type { Holder } from './credentials.ts';
import type { Publish } from './intake.ts';
import type { Registry } from './registry.ts';

/** Requests of one holder that are answered within `WITHIN` ms: enough for one that loses answers, too few to fill the registry. */
const MOST = 5;
const WITHIN = 3_600_000;

export interface Certifier {
  /**
   * @param holder Who asks, as signed in: a certificate is for the asker alone.
   * @param done The request may be acknowledged: it was answered or refused. Always called: what the connection sent after it waits for it.
   */
  answer(holder: Holder, topic: string, request: Buffer, done: () => void): void;
}

/** @param refuse Keeps a refusal aside and tells the device of it. */
export function openCertifier({
  registry,
  records,
  publish,
  refuse,
  log,
  now = Date.now,
}: {
  registry: Pick<Registry, 'certify'>;
  records: Pick<Records, 'audit'>;
  publish: Publish;
  refuse: (holder: Holder, topic: string, request: Buffer, refusal: Refusal) => void;
  log: Logger;
  now?: () => number;
}): Certifier {
  const asked = new Map<string, number[]>();

  function mayAsk(name: string): boolean {
    const recent = (asked.get(name) ?? []).filter(at => at > now() - WITHIN);
    if (recent.length < MOST) recent.push(now());
    else return false;
    asked.set(name, recent);
    return true;
  }

  async function certify(holder: Holder, csr: string) {
    const { certificate } = await registry.certify(holder, csr);
    if (!certificate) throw new Error('the registry made no certificate');
    const name = holder.kind === 'device' ? holder.device : holder.facility;
    const what = {
      ja: `${holder.kind === 'device' ? '機器' : 'ゲートウェイ'} ${name} が自分の証明書を更新`,
      en: `The ${holder.kind} ${name} renewed its own certificate`,
    };
    await records.audit({ actor: service('ingest'), action: 'update', what, allowed: true });
    publish(answerTopic(holder), `${certificate.pem}${certificate.ca}`);
    log.info({ username: usernameOf(holder) }, 'a certificate was renewed over MQTT');
  }

  return {
    answer(holder, topic, request, done) {
      if (!mayAsk(usernameOf(holder))) {
        refuse(holder, topic, request, tooOften);
        done();
        return;
      }
      certify(holder, request.toString('utf8')).then(done, error => {
        if (!(error instanceof Problem)) {
          log.warn({ err: error, username: usernameOf(holder) }, 'a request for a certificate could not be answered');
          // It may ask again: this one does not count.
          asked.get(usernameOf(holder))?.pop();
        }
        refuse(holder, topic, request, error instanceof Problem ? { reason: 'csr-refused', text: error.text } : notNow);
        done();
      });
    },
  };
}

const answerTopic = (holder: Holder) =>
  holder.kind === 'device' ? deviceTopic(holder.facility, holder.device, 'certificate') : gatewayTopic(holder.facility, 'certificate');

const notNow: Refusal = {
  reason: 'csr-refused',
  text: {
    ja: '今は証明書を作れません。今の証明書をそのまま使い、しばらくしてから、もう一度送ってください。',
    en: 'No certificate can be made now. Go on with the present one and ask again after a while.',
  },
};

const tooOften: Refusal = {
  reason: 'csr-refused',
  text: {
    ja: `証明書の要求が多すぎます（1 時間に ${MOST} 回まで）。しばらく待ってから送ってください。`,
    en: `Too many requests for a certificate (at most ${MOST} an hour). Wait a while before the next.`,
  },
};
