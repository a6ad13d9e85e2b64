// A simulated device signs in by certificate over TLS, as the command line and the plan say.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openAuthority } from '../../hub/identity/index.ts';
import { runFacility } from '../../simulator/facility/command.ts';
import { NO_FAULTS, parsePlan, startFacility } from '../../simulator/facility/index.ts';
import { unique } from '../harness/index.ts';
import { newBed, openStand } from '../ingest/bench-facility.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'simulator-tls-'));
const authority = await openAuthority({ dataDirectory: folder });
const stand = await openStand({ authority });
afterAll(async () => {
  await stand.close();
  rmSync(folder, { recursive: true });
});

test('a plan with a certificate and the hub’s authority: the past is stored', async () => {
  const bed = await newBed(stand, unique('facility'), { credential: 'certificate' });
  const { pem, key } = bed.certificate!;
  const device = { device: bed.device, profile: 'bed', certificate: { pem, key } };
  const brokerUrl = `mqtts://localhost:${stand.tlsPort}`;
  const plan = parsePlan(
    { facility: bed.facility, brokerUrl, ca: authority.caPem, residents: [{ seed: 1, devices: [device] }] },
    'of the test',
  );
  const options = { plan, speed: 1, historyHours: 1, episodes: [], spontaneous: false, faults: NO_FAULTS, tell: () => {} };
  const facility = startFacility({ ...options, warn: text => expect.fail(text) });
  try {
    await facility.live;
    expect(facility.counts()).toMatchObject({ connected: 1, dropped: 0 });
    expect(facility.counts().acknowledged).toBeGreaterThanOrEqual(6);
  } finally {
    await facility.close();
  }
});

test('what does not fit is refused in words before anything is connected', async () => {
  const file = path.join(folder, 'plan.json');
  const device = (name: string) => ({ device: name, profile: 'bed', secret: 's' });
  writeFileSync(
    file,
    JSON.stringify({ facility: 'f', brokerUrl: 'mqtts://localhost:1', residents: [{ seed: 1, devices: [device('a'), device('b')] }] }),
  );
  const args = ['--plan', file];
  await expect(runFacility([...args, '--cert', 'x'])).rejects.toThrow('belong together');
  await expect(runFacility([...args, '--cert', 'x', '--key', 'y'])).rejects.toThrow('the plan has 2');
  await expect(runFacility([...args, '--ca', path.join(folder, 'none')])).rejects.toThrow('cannot be read');
  await expect(runFacility([...args, '--ca', file])).rejects.toThrow('no PEM file');
});
