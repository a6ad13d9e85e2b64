// A conformance run tells good devices from bad ones: each fault fails its own check and no other.
import { describe, expect, test } from 'vitest';
import { judge, type Observed, observe, openBenchBroker, type Run, type RunOptions } from '../../../devices/conformance/index.ts';
import { DeviceClient, loadProfiles, type Profile } from '../../../devices/index.ts';
import { bedReadings, type Faults, startDevice } from './bench-devices.ts';

/** A bed sensor that measures four times a second, so that a run takes seconds. */
const quick: Profile = { ...loadProfiles().get('bed')!, intervalSeconds: 0.25 };

interface Options extends Partial<RunOptions> {
  secret?: string;
}
async function run(start: (port: number) => { close(): Promise<void> }, { secret = 's', ...options }: Options = {}): Promise<Run> {
  let device: { close(): Promise<void> } | undefined;
  const names = { facility: 'f1', device: 'bed-1' };
  try {
    return await observe(
      async onEvent => {
        const broker = await openBenchBroker({ ...names, host: '127.0.0.1', port: 0, secret, onEvent });
        device = start(broker.port);
        return broker;
      },
      { ...names, profiles: [quick], observe: 2000, wait: 3000, returnLimit: 3000, away: 1000, ...options },
    );
  } finally {
    await device?.close();
  }
}
const failed = ({ observed, profile }: Run) =>
  judge(observed, profile)
    .filter(check => check.status === 'fail')
    .map(check => check.id);
const ofStatus = ({ observed, profile }: Run, status: string) =>
  judge(observed, profile)
    .filter(check => check.status === status)
    .map(check => check.id);

function goodDevice(port: number) {
  const client = new DeviceClient({
    ...{ url: `mqtt://127.0.0.1:${port}`, facility: 'f1', device: 'bed-1', secret: 's', reconnectMilliseconds: 50, battery: 0.9 },
    onFault: () => {},
  });
  const timer = setInterval(() => client.publish(bedReadings(Date.now())), quick.intervalSeconds * 1000);
  return {
    close() {
      clearInterval(timer);
      return client.close();
    },
  };
}

describe.concurrent('a conformance run', () => {
  test('passes the project’s own device client; a secret is not rotated by a device', async () => {
    const result = await run(goodDevice);
    expect(failed(result)).toEqual([]);
    expect(ofStatus(result, 'not-seen')).toEqual([]);
    expect(ofStatus(result, 'not-applicable')).toEqual(['rotation']);
  });

  test.for<[string, Faults, string[]]>([
    ['no last will', { noWill: true }, ['last-will']],
    ['a wrong unit', { wrongUnit: true }, ['unit']],
    ['QoS 0', { qos: 0 }, ['qos']],
    ['a clock five minutes behind', { clockAhead: -300_000 }, ['clock']],
    ['a clock five minutes ahead', { clockAhead: 300_000 }, ['clock']],
    ['packs forgotten before their PUBACK', { forgetful: true }, ['resend']],
    ['skipped sequence numbers', { skipsNumbers: true }, ['sequence']],
    ['numbers that begin anew with each connection', { restartsNumbers: true }, ['sequence']],
    ['a keep-alive of ten minutes', { keepAlive: 600 }, ['keep-alive']],
    ['another client id', { clientId: 'x' }, ['client-id']],
    ['a state that is not retained', { stateNotRetained: true }, ['state']],
    ['a wrong secret', { secret: 'other' }, ['sign-in']],
    ['no return after a lost connection', { staysAway: true }, ['reconnect']],
    ['nothing kept while the network is away', { noBacklog: true }, ['backlog']],
    ['MQTT 3.1', { protocolVersion: 3 }, ['protocol']],
    ['MQTT 5', { protocolVersion: 5 }, ['protocol']],
    ['packs that are not SenML', { notSenml: true }, ['pack']],
    ['impossible values', { outOfRange: true }, ['range']],
    ['samples too seldom', { slow: 2.4 }, ['interval']],
    ['the topic of another device', { topicOfAnother: true }, ['topic']],
  ])('fails a device with %s in just that', async ([, faults, checks], { expect }) => {
    const all = failed(await run(port => startDevice(port, quick, faults)));
    // What is forgotten when the line breaks for the first time leaves a gap in the numbers, too.
    expect(all.filter(id => !(faults.forgetful && id === 'sequence'))).toEqual(checks);
  });

  test('says so when no device comes', async () => {
    const result = await run(() => ({ close: async () => {} }), { wait: 100 });
    expect(failed(result)).toEqual(['sign-in']);
    expect(ofStatus(result, 'pass')).toEqual([]);
  });

  test('finds the profile by the first pack', async () => {
    const early = new AbortController();
    const result = await run(goodDevice, {
      profiles: [...loadProfiles().values()],
      signal: early.signal,
      tell: ({ en }) => en.startsWith('Connected') && setImmediate(() => early.abort()),
    });
    expect(result.profile?.id).toBe('bed');
  });

  test('shows what was sent, never the secret, in both languages', async () => {
    const result = await run(port => startDevice(port, quick, { wrongUnit: true, secret: 'hush-hush' }), { secret: 'hush-hush' });
    const unit = judge(result.observed, result.profile).find(check => check.id === 'unit')!;
    expect(unit.reason.ja).toContain('beat/min');
    expect(unit.reason.en).toContain('beat/min');
    expect(unit.evidence[0]).toContain('"u":"Hz"');
    for (const line of unit.evidence) expect(line.length).toBeLessThanOrEqual(200);
    expect(JSON.stringify(judge(result.observed, result.profile))).not.toContain('hush');
  });
});

test('a device that is connected for long and never says its state fails; a short connection says nothing', () => {
  const observedFor = (milliseconds: number): Observed => ({
    ...{
      facility: 'f1',
      device: 'bed-1',
      startedAt: 0,
      endedAt: milliseconds,
      returnLimit: 60_000,
      messages: [],
      outage: null,
      withholding: null,
      rotation: null,
    },
    connections: [
      {
        ...{
          at: 0,
          protocol: 'MQTT',
          level: 4,
          clientId: 'bed-1',
          clean: true,
          keepAlive: 30,
          username: 'f1/bed-1',
          will: null,
          certificate: null,
        },
        ...{ signIn: 'accepted', subscriptions: [], refusedSubscriptions: [], endedAt: null, end: null },
      },
    ],
  });
  const stateOf = (milliseconds: number) => judge(observedFor(milliseconds), quick).find(check => check.id === 'state')?.status;
  expect(stateOf(11_000)).toBe('fail');
  expect(stateOf(3000)).toBe('not-seen');
});
