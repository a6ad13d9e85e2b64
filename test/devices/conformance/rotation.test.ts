// A conformance run over TLS: a device with a certificate is asked for a new one, and must come back with it.
// Before @peculiar/x509, which needs it while it loads.
import '../../../devices/class-metadata.ts';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { connect, type MqttClient } from 'mqtt';
import { describe, test } from 'vitest';
import { type BenchAuthority, judge, makeBenchAuthority, observe, openBenchBroker } from '../../../devices/conformance/index.ts';
import { deviceTopic, encodePack, loadProfiles, type Profile } from '../../../devices/index.ts';
import { bedReadings } from './bench-devices.ts';

const quick: Profile = { ...loadProfiles().get('bed')!, intervalSeconds: 0.25 };
const [facility, device] = ['f1', 'bed-1'];
const SIGNATURE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
type Manner = 'good' | 'ignores the request' | 'never uses the new one' | 'another’s certificate';

/** A device that signs in by certificate; what `manner` says it does wrong. */
function certified(port: number, authority: BenchAuthority, manner: Manner, others: BenchAuthority) {
  const topic = (channel: 'state' | 'config' | 'certificate' | 'csr' | 'json' | 'refused') => deviceTopic(facility, device, channel);
  const first = manner === 'another’s certificate' ? others.device : authority.device;
  let { certificate, key } = first;
  let client: MqttClient;
  let sequence = 0;
  let closed = false;
  const queue: Buffer[] = [];
  const send = (payload: Buffer) => client.publish(topic('json'), payload, { qos: 1 }, () => {});
  async function request() {
    const keys = await crypto.subtle.generateKey(SIGNATURE, true, ['sign', 'verify']);
    const csr = await Pkcs10CertificateRequestGenerator.create({ name: `CN=${device}`, keys, signingAlgorithm: SIGNATURE });
    const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    newKey = `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`;
    client.publish(topic('csr'), csr.toString('pem'), { qos: 1 });
  }
  let newKey = '';
  function open() {
    client = connect(`mqtts://127.0.0.1:${port}`, {
      ...{
        clientId: device,
        username: `${facility}/${device}`,
        keepalive: 30,
        reconnectPeriod: 40,
        ca: authority.ca,
        cert: certificate,
        key,
      },
      reconnectOnConnackError: true,
      queueQoSZero: false,
      will: { topic: topic('state'), payload: Buffer.from('{"state":"offline"}'), qos: 1, retain: true },
    });
    client.on('error', () => {});
    client.on('connect', () => {
      client.publish(topic('state'), '{"state":"online"}', { qos: 1, retain: true }, () => {});
      client.subscribe([topic('config'), topic('certificate'), topic('refused')], { qos: 1 });
      for (const payload of queue.splice(0)) send(payload);
    });
    client.on('message', (name, payload) => {
      if (name === topic('config') && payload.toString() === '{"renew":true}' && manner !== 'ignores the request') void request();
      if (name !== topic('certificate') || manner === 'never uses the new one') return;
      [certificate, key] = [payload.toString(), newKey];
      client.end(false, () => !closed && open());
    });
  }
  open();
  const timer = setInterval(() => {
    const pack = Buffer.from(encodePack({ device, sequence: sequence++, readings: bedReadings(Date.now()) }, 'json'));
    if (client.connected) send(pack);
    else queue.push(pack);
  }, 250);
  return {
    async close() {
      closed = true;
      clearInterval(timer);
      await client.endAsync(true);
    },
  };
}

describe.concurrent('a device that signs in by certificate', () => {
  test.for<[Manner, string[], RegExp | null]>([
    ['good', [], null],
    ['ignores the request', ['rotation'], /no certificate request/],
    ['never uses the new one', ['rotation'], /did not sign in with the new certificate/],
    ['another’s certificate', ['sign-in'], /wrong secret or certificate/],
  ])('%s', async ([manner, checks, words], { expect }) => {
    const authority = await makeBenchAuthority(facility, device, ['127.0.0.1']);
    const others = await makeBenchAuthority(facility, device, ['127.0.0.1']);
    let running: { close(): Promise<void> } | undefined;
    const { observed } = await observe(
      async onEvent => {
        const broker = await openBenchBroker({ host: '127.0.0.1', port: 0, facility, device, secret: null, authority, onEvent });
        expect(broker.address).toMatch(/^mqtts:/);
        running = certified(broker.port, authority, manner, others);
        return broker;
      },
      { facility, device, profiles: [quick], observe: 2000, wait: 3000, returnLimit: 3000, away: 1000 },
    );
    await running?.close();
    const all = judge(observed, quick);
    const failed = all.filter(check => check.status === 'fail');
    expect(failed.map(check => check.id)).toEqual(checks);
    if (words) expect(failed[0]?.reason.en).toMatch(words);
    else expect(all.find(check => check.id === 'rotation')).toMatchObject({ status: 'pass' });
  });
});
