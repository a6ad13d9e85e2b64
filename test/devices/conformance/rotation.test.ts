// A conformance run over TLS: a device with a certificate is asked for a new one, and must come back with it.
import { describe, test } from 'vitest';
import { judge, makeBenchAuthority, observe, openBenchBroker } from '../../../devices/conformance/index.ts';
import { loadProfiles, type Profile } from '../../../devices/index.ts';
import { type Manner, startCertifiedDevice } from './certified-device.ts';

const quick: Profile = { ...loadProfiles().get('bed')!, intervalSeconds: 0.25 };
const [facility, device] = ['f1', 'bed-1'];

describe.concurrent('a device that signs in by certificate', () => {
  test.for<[Manner | 'another’s certificate', string[], RegExp | null]>([
    ['good', [], null],
    ['ignores the request', ['rotation'], /no certificate request/],
    ['never uses the new one', ['rotation'], /did not sign in with the new certificate/],
    ['another’s certificate', ['sign-in'], /wrong secret or certificate/],
  ])('%s', async ([manner, checks, words], { expect }) => {
    const authority = await makeBenchAuthority(facility, device, ['localhost']);
    const others = await makeBenchAuthority(facility, device, ['localhost']);
    let running: { close(): Promise<void> } | undefined;
    const { observed } = await observe(
      async onEvent => {
        const broker = await openBenchBroker({ host: 'localhost', port: 0, facility, device, secret: null, authority, onEvent });
        expect(broker.address).toMatch(/^mqtts:/);
        const other = manner === 'another’s certificate';
        const identity = { facility, device, ca: authority.ca, ...(other ? others.device : authority.device) };
        running = startCertifiedDevice(broker.port, identity, other ? 'good' : manner);
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
