// The media workers: one mediasoup process per core, each with one WebRTC port, restarted when it dies.
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWorker, type types } from 'mediasoup';
import type { Logger } from 'pino';
import { mediaAway } from '../problems.ts';

/** What a room may carry. Opus first; VP8 for all, H264 for devices that only do that in hardware, VP9 where both sides like it. */
const MEDIA_CODECS: types.RouterRtpCodecCapability[] = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2, parameters: { useinbandfec: 1 } },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90_000 },
  {
    kind: 'video',
    mimeType: 'video/H264',
    clockRate: 90_000,
    parameters: { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 },
  },
  { kind: 'video', mimeType: 'video/VP9', clockRate: 90_000, parameters: { 'profile-id': 0 } },
];

/** Pause before the n-th restart in a row, ms; the last one repeats. A worker that lived a minute counts as healthy. */
export const RESTART_DELAYS = [0, 500, 2000, 5000] as const;
const HEALTHY_MS = 60_000;

export interface RoomRouter {
  router: types.Router;
  webRtcServer: types.WebRtcServer;
  pid: number;
}

export interface MediaWorkers {
  /** A router on the least loaded worker; waits up to 10 s for one that is being restarted. @throws Problem 503 */
  openRouter(): Promise<RoomRouter>;
  /** Live workers and the number of rooms on each. */
  list(): { pid: number; rooms: number }[];
  close(): void;
}

export interface MediaOptions {
  count: number;
  /** Worker i listens on UDP and TCP port `port + i`; 0 picks free ones. */
  port: number;
  listenIp: string;
  /** Address that browsers are told; without it the listening one, or this machine's first when listening on all. */
  announcedAddress?: string;
  log: Logger;
}

interface Live {
  worker: types.Worker;
  webRtcServer: types.WebRtcServer;
  routers: Set<types.Router>;
}

/**
 * Starts the workers.
 * @throws Error that names the port and the variable to change when a port is taken, or the worker binary when it cannot run.
 */
export async function startWorkers(options: MediaOptions): Promise<MediaWorkers> {
  const { log } = options;
  const slots: (Live | null)[] = Array.from({ length: options.count }, () => null);
  let closed = false;

  async function start(index: number): Promise<void> {
    const worker = await createWorker({ logLevel: 'warn' }).catch(cause => {
      throw new Error('The media worker does not start. Run the set-up again, or set MEDIASOUP_WORKER_BIN to a working binary.', { cause });
    });
    const port = options.port ? options.port + index : undefined;
    const address = { ip: options.listenIp, announcedAddress: options.announcedAddress ?? ownAddress(options.listenIp), port };
    const webRtcServer = await listen(worker, address).catch(cause => {
      worker.close();
      throw new Error(
        `Video cannot listen on ${options.listenIp} port ${port ?? 'any'} (UDP and TCP): is it taken? HUB_MEDIA_PORT and HUB_MEDIA_LISTEN change it.`,
        { cause },
      );
    });
    if (closed) return worker.close();
    slots[index] = { worker, webRtcServer, routers: new Set() };
    const startedAt = Date.now();
    worker.on('died', error => {
      slots[index] = null;
      log.error({ pid: worker.pid, err: error }, 'media worker died; it is started again');
      void restart(index, Date.now() - startedAt > HEALTHY_MS ? 0 : 1);
    });
  }

  async function restart(index: number, failures: number): Promise<void> {
    for (let attempt = failures; !closed; attempt++) {
      await sleep(RESTART_DELAYS[Math.min(attempt, RESTART_DELAYS.length - 1)]);
      if (closed) return;
      try {
        await start(index);
        log.info({ pid: slots[index]?.worker.pid }, 'media worker is back');
        return;
      } catch (error) {
        log.error({ err: error }, 'media worker could not be started again');
      }
    }
  }

  try {
    await Promise.all(slots.map((_, index) => start(index)));
  } catch (error) {
    closed = true;
    for (const live of slots) live?.worker.close();
    throw error;
  }

  const leastLoaded = () =>
    slots.filter(live => live !== null && !live.worker.closed).sort((a, b) => (a?.routers.size ?? 0) - (b?.routers.size ?? 0))[0];

  return {
    async openRouter() {
      for (let waited = 0; waited < 10_000 && !closed; waited += 50) {
        const live = leastLoaded();
        if (live) {
          const router = await live.worker.createRouter({ mediaCodecs: MEDIA_CODECS }).catch(() => null);
          if (router) {
            live.routers.add(router);
            router.observer.once('close', () => live.routers.delete(router));
            return { router, webRtcServer: live.webRtcServer, pid: live.worker.pid };
          }
        }
        await sleep(50);
      }
      throw mediaAway();
    },
    list: () => slots.filter(live => live !== null).map(live => ({ pid: live.worker.pid, rooms: live.routers.size })),
    close() {
      closed = true;
      for (const live of slots) live?.worker.close();
    },
  };
}

/** A killed care process leaves its workers for a moment, and they their ports: so it is tried for 3 s. */
async function listen(worker: types.Worker, address: Omit<types.TransportListenInfo, 'protocol'>): Promise<types.WebRtcServer> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await worker.createWebRtcServer({
        listenInfos: [
          { protocol: 'udp', ...address },
          { protocol: 'tcp', ...address },
        ],
      });
    } catch (error) {
      if (attempt === 10 || worker.closed) throw error;
      await sleep(300);
    }
  }
}

/** Listening on all addresses says nothing to a browser: then the machine's first outside IPv4 address is told. */
function ownAddress(listenIp: string): string | undefined {
  if (listenIp !== '0.0.0.0' && listenIp !== '::') return undefined;
  const outside = Object.values(networkInterfaces())
    .flat()
    .find(address => address && !address.internal && address.family === 'IPv4');
  return outside?.address ?? '127.0.0.1';
}
