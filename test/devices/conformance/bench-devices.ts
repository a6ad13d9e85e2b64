// A small device for the conformance tests that keeps the contract, but for the faults it is given.
import { connect, type MqttClient } from 'mqtt';
import { deviceTopic, deviceUsername, encodePack, type Profile, type Reading } from '../../../devices/index.ts';

export interface Faults {
  noWill?: boolean;
  qos?: 0 | 1;
  wrongUnit?: boolean;
  /** ms the device's clock is ahead. */
  clockAhead?: number;
  /** Forgets a pack as soon as it was sent. */
  forgetful?: boolean;
  /** Skips a number now and then. */
  skipsNumbers?: boolean;
  keepAlive?: number;
  clientId?: string;
  stateNotRetained?: boolean;
  secret?: string;
  /** Never comes back after its connection broke. */
  staysAway?: boolean;
  /** Packs made without a network are thrown away. */
  noBacklog?: boolean;
  outOfRange?: boolean;
  /** Times as long between samples. */
  slow?: number;
  topicOfAnother?: boolean;
  /** Begins anew with number 0 on each connection. */
  restartsNumbers?: boolean;
  protocolVersion?: 3 | 5;
  notSenml?: boolean;
}

/** Readings of a bed sensor. */
export const bedReadings = (time: number): Reading[] => [
  { name: 'heart_rate', unit: 'beat/min', value: 60 + (time % 7), time },
  { name: 'in_bed', unit: '', value: true, time },
];

export function startDevice(port: number, profile: Profile, faults: Faults, { facility, device } = { facility: 'f1', device: 'bed-1' }) {
  const { qos = 1 } = faults;
  const queue: Buffer[] = [];
  let sequence = 0;
  let client: MqttClient;
  let closed = false;
  let breaks = 0;

  const send = (payload: Buffer) => {
    const topic = deviceTopic(facility, faults.topicOfAnother ? 'bed-2' : device, 'json');
    client.publish(topic, payload, { qos }, () => {});
  };
  function open() {
    client = connect(`mqtt://127.0.0.1:${port}`, {
      clientId: faults.clientId ?? device,
      username: deviceUsername(facility, device),
      password: faults.secret ?? 's',
      ...(faults.protocolVersion ? { protocolVersion: faults.protocolVersion } : {}),
      ...(faults.protocolVersion === 3 ? { protocolId: 'MQIsdp' } : {}),
      keepalive: faults.keepAlive ?? 30,
      // A forgetful device connects anew with nothing in its store.
      reconnectPeriod: faults.forgetful || faults.staysAway ? 0 : 40,
      reconnectOnConnackError: true,
      queueQoSZero: false,
      ...(faults.noWill
        ? {}
        : { will: { topic: deviceTopic(facility, device, 'state'), payload: Buffer.from('{"state":"offline"}'), qos: 1, retain: true } }),
    });
    client.on('connect', () => {
      if (faults.restartsNumbers) sequence = 0;
      client.publish(deviceTopic(facility, device, 'state'), '{"state":"online"}', { qos, retain: !faults.stateNotRetained }, () => {});
      for (const payload of queue.splice(0)) send(payload);
    });
    client.on('error', () => {});
    client.on('close', () => {
      breaks++;
      if (!faults.forgetful || closed) return;
      client.end(true);
      setTimeout(() => !closed && open(), 40);
    });
  }
  open();
  const timer = setInterval(
    () => {
      const time = Date.now() + (faults.clockAhead ?? 0);
      const readings = bedReadings(time).map(reading => {
        if (reading.name !== 'heart_rate') return reading;
        return { ...reading, ...(faults.wrongUnit ? { unit: 'Hz' } : {}), ...(faults.outOfRange ? { value: 400 } : {}) };
      });
      if (!client.connected && faults.noBacklog) return;
      const pack = Buffer.from(encodePack({ device, sequence: sequence++, readings }, 'json'));
      const payload = faults.notSenml ? Buffer.from(`heart_rate=60;n=${sequence}`) : pack;
      if (faults.skipsNumbers && sequence % 4 === 0) sequence++;
      if (client.connected) send(payload);
      else queue.push(payload);
    },
    profile.intervalSeconds * 1000 * (faults.slow ?? 1),
  );
  return {
    breaks: () => breaks,
    async close() {
      closed = true;
      clearInterval(timer);
      await client.endAsync(true);
    },
  };
}
