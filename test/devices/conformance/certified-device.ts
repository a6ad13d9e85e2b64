// A small device for the conformance tests that signs in by certificate over TLS, and renews it when it is asked to.

import { connect, type MqttClient } from 'mqtt';
import { deviceTopic, encodePack } from '../../../devices/index.ts';
import { Pkcs10CertificateRequestGenerator } from '../../../devices/x509.ts';
import { bedReadings } from './bench-devices.ts';

const SIGNATURE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
export type Manner = 'good' | 'ignores the request' | 'never uses the new one';

export interface Identity {
  facility: string;
  device: string;
  /** PEM. */
  certificate: string;
  key: string;
  ca: string;
}

/** A device that signs in by certificate; what `manner` says it does wrong. */
export function startCertifiedDevice(port: number, identity: Identity, manner: Manner) {
  const { facility, device, ca } = identity;
  const topic = (channel: 'state' | 'config' | 'certificate' | 'csr' | 'json' | 'refused') => deviceTopic(facility, device, channel);
  let { certificate, key } = identity;
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
    client = connect(`mqtts://localhost:${port}`, {
      ...{
        clientId: device,
        username: `${facility}/${device}`,
        keepalive: 30,
        reconnectPeriod: 40,
        ca,
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
      if (name === topic('config') && payload.includes('"renew":true') && manner !== 'ignores the request') void request();
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
