// A device with a certificate of the hub's authority is checked at the hub: asked to renew it, it must come back with the new one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, test, vi } from 'vitest';
import type { RunView } from '../../devices/conformance/index.ts';
import { type Authority, openAuthority } from '../../hub/identity/index.ts';
import { type Manner, startCertifiedDevice } from '../devices/conformance/certified-device.ts';
import { openHubBench } from './hub-bench.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'hub-rotation-'));
let authority: Authority;
let hub: Awaited<ReturnType<typeof openHubBench>>;
beforeAll(async () => {
  authority = await openAuthority({ dataDirectory: folder });
  hub = await openHubBench({ authority });
});
afterAll(async () => {
  await hub.close();
  rmSync(folder, { recursive: true });
});

describe.concurrent('at the hub, a device with a certificate', () => {
  test.for<[Manner, string[], string]>([
    ['good', [], 'pass'],
    ['ignores the request', ['rotation'], 'fail'],
  ])('%s', async ([manner, failed, verdict], { expect }) => {
    const { facility } = hub;
    const { device, certificate } = await hub.stand.registry.createDevice({
      ...{ facility, profile: 'bed', subject: `Location/bench-${facility}`, credential: 'certificate' },
    });
    const { body } = await hub.call<RunView>('POST', '/runs', { facility, device });
    const viewOf = async () => (await hub.call<RunView>('GET', `/runs/${body.id}`)).body;
    await vi.waitUntil(async () => (await viewOf()).step?.text.en.includes('Waiting'), { timeout: 5000 });
    const identity = { facility, device, certificate: certificate!.pem, key: certificate!.key!, ca: authority.caPem };
    const running = startCertifiedDevice(hub.stand.tlsPort!, identity, manner);
    await vi.waitUntil(async () => (await viewOf()).state !== 'running', { timeout: 25_000, interval: 200 });
    await running.close();
    const { checks, state } = await viewOf();
    expect(state).toBe('done');
    expect(checks.filter(check => check.status === 'fail').map(check => check.id)).toEqual(failed);
    expect(checks.find(check => check.id === 'rotation')?.status).toBe(verdict);
  });
});
