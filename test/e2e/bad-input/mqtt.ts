// What a device must not send, and who must not sign in or listen at the broker.
import { connect, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foreign, mqttUrl, neighbour, people, world } from './stand.ts';

describe('MQTT', () => {
  let bad: { client: MqttClient; topic: string; device: string };
  const refusals = async () => {
    const { body } = await people.manager.ask('GET', `/api/devices/${bad.device}/refusals`);
    return body as { reason: string; topic: string; text: { ja: string; en: string }; excerpt: string }[];
  };
  const pack = (records: object[]) => JSON.stringify([{ bn: `${bad.device}:`, bt: Date.now() / 1000 }, ...records]);

  beforeAll(async () => {
    const { device, username, secret } = world.residents[0]!.devices.find(({ profile }) => profile === 'wrist')!;
    const client = connect(mqttUrl(), { username, password: secret, clientId: device, reconnectPeriod: 200 });
    client.on('error', () => undefined);
    await new Promise<void>(resolve => client.once('connect', () => resolve()));
    bad = { client, device, topic: `care/1/${world.organizations.home}/${device}` };
  });
  afterAll(() => bad?.client.endAsync(true));

  const nested = Buffer.alloc(60_000, 0x81);
  const cases: [what: string, reason: string, topic: () => string, payload: () => string | Buffer][] = [
    ['an unknown topic', 'topic-unknown', () => 'somewhere/else', () => 'hello'],
    [
      'another device’s topic',
      'topic-unknown',
      () => `care/1/${world.organizations.home}/${world.residents[1]!.devices[0]!.device}/json`,
      () => pack([]),
    ],
    ['another facility’s topic', 'topic-unknown', () => `care/1/${foreign.facility}/${foreign.device}/json`, () => pack([])],
    ['the hub’s own topics', 'topic-unknown', () => `hub/1/stored/${world.organizations.home}/Patient/${neighbour.patient}`, () => '[]'],
    ['JSON that is broken', 'not-senml', () => `${bad.topic}/json`, () => '[{"bn":'],
    ['JSON nested without end', 'not-senml', () => `${bad.topic}/json`, () => '['.repeat(60_000)],
    ['a name with a NUL in it', 'not-senml', () => `${bad.topic}/json`, () => '[{"bn":"a\\u0000\\ud800:","n":"x","v":1}]'],
    ['CBOR that is broken', 'not-senml', () => `${bad.topic}/cbor`, () => Buffer.from('9fa1ffff00', 'hex')],
    ['CBOR nested without end', 'not-senml', () => `${bad.topic}/cbor`, () => nested],
    ['a wrong unit', 'unit-wrong', () => `${bad.topic}/json`, () => pack([{ n: 'pulse_rate', u: 'Hz', v: 1 }])],
    ['a state that is none', 'not-senml', () => `${bad.topic}/state`, () => '{"state":'],
  ];
  test.each(cases)('%s is counted and kept aside with its reason', async (_what, reason, topic, payload) => {
    const before = (await refusals()).length;
    await bad.client.publishAsync(topic(), payload(), { qos: 1 });
    await expect.poll(async () => (await refusals()).length).toBe(before + 1);
    const [kept] = await refusals();
    expect(kept).toMatchObject({ reason, text: { ja: expect.stringMatching(/./), en: expect.stringMatching(/./) } });
  });

  test('a packet over 64 KiB ends its connection before it is read, and is kept aside', async () => {
    const closed = new Promise<void>(resolve => bad.client.once('close', () => resolve()));
    bad.client.publish(`${bad.topic}/json`, 'x'.repeat(200_000), { qos: 0 });
    await closed;
    await expect.poll(async () => (await refusals())[0]?.reason).toBe('packet-too-large');
  });

  test('nobody signs in with another’s name, and nobody listens to another’s topics', async () => {
    const refusedWith = (username: string, password: string) =>
      new Promise<string>(resolve => {
        const client = connect(mqttUrl(), { username, password, reconnectPeriod: 0 });
        client.once('error', error => resolve(error.message));
        client.once('connect', () => resolve('let in'));
        client.once('close', () => client.end(true));
      });
    const secret = world.residents[0]!.devices[0]!.secret;
    for (const username of [
      'hub',
      world.residents[1]!.devices[0]!.username,
      `gateway/${world.organizations.home}`,
      '',
      'a/b/c',
      'x'.repeat(5000),
    ])
      expect(await refusedWith(username, secret), username.slice(0, 50)).not.toBe('let in');
    const granted = await bad.client
      .subscribeAsync([
        '#',
        `hub/1/stored/#`,
        `care/1/${world.organizations.home}/+/json`,
        `care/1/${foreign.facility}/${foreign.device}/refused`,
      ])
      .catch(error => error);
    const codes = granted instanceof Error ? [128] : granted.map(({ qos }: { qos: number }) => qos);
    expect([...new Set(codes)]).toEqual([128]);
  });
});
