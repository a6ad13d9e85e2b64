// A gateway of a test in a folder of its own, with devices (mqtt) on one side and a hub's stand-in on the other; all is closed after the test.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { afterEach, beforeEach, expect } from 'vitest';
import { DeviceClient } from '../../devices/index.ts';
import { type Edge, type EdgeConfig, startEdge } from '../../edge/index.ts';
import { GATEWAY_SECRET, type HubStandIn, type Listed, startHubStandIn } from './hub-stand-in.ts';

export const FACILITY = 'f1';

export function gatewayBench<Device extends string>(secrets: Record<Device, string>, listed: Partial<Record<Device, Listed>> = {}) {
  const log = pino({ level: 'silent' });
  const bench = { folder: '', closing: [] as (() => unknown)[] };
  beforeEach(() => {
    bench.folder = mkdtempSync(path.join(tmpdir(), 'edge-'));
    bench.closing = [];
  });
  afterEach(async () => {
    for (const close of bench.closing.reverse()) await close();
    rmSync(bench.folder, { recursive: true, force: true });
  });

  function once<Closing extends { close(): Promise<void> }>(closing: Closing): Closing {
    const close = closing.close;
    let open = true;
    closing.close = async () => {
      if (open) await close();
      open = false;
    };
    bench.closing.push(closing.close);
    return closing;
  }
  const configOf = (hubUrl: string): EdgeConfig => ({
    dataDirectory: bench.folder,
    host: '127.0.0.1',
    port: 0,
    tls: null,
    statusPort: 0,
    hubUrl,
    facility: FACILITY,
    secret: GATEWAY_SECRET,
    certificate: null,
    ca: null,
    statusPin: null,
    statusNames: [],
    maxPacks: 10_000,
    keepFreeBytes: 0,
    backlogRate: 2000,
    logLevel: 'silent',
  });

  return Object.assign(bench, {
    hubAt: async (port = 0): Promise<HubStandIn> => once(await startHubStandIn(FACILITY, secrets, port, listed)),
    edgeFor: async (hubUrl: string, given: Partial<EdgeConfig> = {}, now?: () => number): Promise<Edge> =>
      once(await startEdge({ config: { ...configOf(hubUrl), ...given }, log, ...(now && { now }) })),
    device(port: number, name: Device, given: { secret?: string; faults?: string[]; firstSequence?: number } = {}) {
      const client = new DeviceClient({
        url: `mqtt://127.0.0.1:${port}`,
        facility: FACILITY,
        device: name,
        secret: given.secret ?? secrets[name],
        ...(given.firstSequence === undefined ? {} : { firstSequence: given.firstSequence }),
        reconnectMilliseconds: 50,
        onFault: error => given.faults?.push(error.message),
      });
      bench.closing.push(() => client.close());
      return client;
    },
    /** Says nothing by itself. */
    async rawDevice(port: number, name: Device): Promise<MqttClient> {
      const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
        clientId: name,
        username: `${FACILITY}/${name}`,
        password: secrets[name],
        reconnectPeriod: 0,
      });
      bench.closing.push(() => client.endAsync(true));
      return client;
    },
  });
}

export const listKnown = (edge: Edge) => expect.poll(() => edge.status().listKnown).toBe(true);
export const hubGone = (edge: Edge) => expect.poll(() => edge.status().hub.connected).toBe(false);
