// The gateway and the real hub: by certificate over TLS, with a renewal under way, into InfluxDB.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, expect, test } from 'vitest';
import { DeviceClient } from '../../devices/index.ts';
import { openAuthority } from '../../hub/identity/index.ts';
import { unique } from '../harness/index.ts';
import { heartRates, newBed, openStand } from '../ingest/bench-facility.ts';
import { gatewayBench, listKnown } from './gateway.ts';

const bench = gatewayBench({});
const dataDirectory = mkdtempSync(path.join(tmpdir(), 'edge-hub-'));
const authority = await openAuthority({ dataDirectory });
const stand = await openStand({ authority });
afterAll(async () => {
  await stand.close();
  rmSync(dataDirectory, { recursive: true });
});

test('a gateway delivers by its certificate, renews it when the hub asks, and goes on with the new one', async () => {
  const facility = unique('facility');
  const bed = await newBed(stand, facility);
  const { certificate } = await stand.registry.createGateway(facility, { credential: 'certificate' });
  const [certFile, keyFile] = [path.join(bench.folder, 'gateway.crt'), path.join(bench.folder, 'gateway.key')];
  writeFileSync(certFile, certificate!.pem);
  writeFileSync(keyFile, certificate!.key!);
  const edge = await bench.edgeFor(`mqtts://localhost:${stand.tlsPort}`, {
    facility,
    secret: null,
    ca: authority.caPem,
    certificate: { certFile, keyFile },
  });
  await listKnown(edge);
  const device = new DeviceClient({ url: `mqtt://127.0.0.1:${edge.port}`, facility, device: bed.device, secret: bed.secret });
  bench.closing.push(() => device.close());
  const beat = async (time: number) => {
    device.publish([{ name: 'heart_rate', unit: 'beat/min', value: 61, time }]);
    await device.flushed();
    await expect.poll(() => heartRates(stand.samples, bed.subject, time, time + 1), { timeout: 10_000 }).toHaveLength(1);
  };
  await beat(bed.time);

  const before = edge.status().hub;
  await stand.registry.askRenewal(facility, 'gateway');
  await expect.poll(() => edge.status().hub.since, { timeout: 10_000 }).not.toBe(before.since);
  await expect.poll(() => edge.status().hub.connected, { timeout: 10_000 }).toBe(true);
  await beat(bed.time + 1000);
  const old = { ca: authority.caPem, cert: certificate!.pem, key: certificate!.key!, reconnectPeriod: 0 };
  await expect
    .poll(() => connectAsync(`mqtts://localhost:${stand.tlsPort}`, old, false).catch((error: { code: number }) => error.code), {
      timeout: 10_000,
    })
    .toBe(5);
});
