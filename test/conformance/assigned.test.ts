// A conformance run disturbs no device that watches somebody, also when it was given to a resident in the very moment the run began.

import { generateKeyPairSync } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { MqttClient } from 'mqtt';
import { expect, test } from 'vitest';
import type { RunView } from '../../devices/conformance/index.ts';
import { loadProfiles } from '../../devices/index.ts';
import { openRuns } from '../../hub/bench/runs.ts';
import type { RunStore } from '../../hub/bench/store.ts';
import type { Registry } from '../../hub/ingest/index.ts';
import type { Database } from '../../hub/store/index.ts';
import { log } from '../ingest/bench-facility.ts';

test('a device that is given to a resident while its run begins is let be', async () => {
  let subject = 'Location/bench';
  const ended: RunView[] = [];
  const registry = { profiles: loadProfiles(), devicesOf: async () => [{ device: 'bed-1', profile: 'bed', revoked: null, subject }] };
  const store = {
    begin: async () => {
      subject = 'Patient/p1';
      return true;
    },
    save: async view => void (view.state === 'running' || ended.push(view)),
    alive: async () => {},
    endSilent: async () => {},
  } as Pick<RunStore, 'begin' | 'save' | 'alive' | 'endSilent'>;
  const mqtt = Object.assign(new EventEmitter(), { connected: true, subscribeAsync: async () => [], unsubscribe: () => {} });
  const runs = await openRuns({
    database: { notify: async () => {}, listen: async () => async () => {} } as Partial<Database> as Database,
    store: store as RunStore,
    registry: registry as unknown as Registry,
    mqtt: mqtt as unknown as MqttClient,
    config: { mqtt: { url: 'mqtt://localhost', embedded: true }, http: { publicUrl: 'https://hub.example' } },
    key: generateKeyPairSync('ed25519').privateKey,
    log,
    timing: { wait: 100, returnLimit: 100, away: 100, observe: 100 },
  });
  await expect(runs.start({ facility: 'f1', device: 'bed-1' }, 'maker')).rejects.toMatchObject({ code: 'device-in-use' });
  await runs.close();
  expect(ended).toMatchObject([{ state: 'aborted' }]);
});
