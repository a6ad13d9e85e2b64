// A TCP relay that can be cut, put into the path from a gateway to the hub (or from devices to their broker): the wide-area network of a test.
import { connect, createServer, type Socket } from 'node:net';

export interface Relay {
  /** The port it listens on, on 127.0.0.1. */
  port: number;
  /**
   * Cuts the path. `silent` as a dead line does: bytes go nowhere, and nobody is told until they give up; what was on its way arrives after
   * `mend`. `reset` as a router does that is switched off: connections break, and no new one is taken.
   */
  cut(how?: 'silent' | 'reset'): void;
  mend(): void;
  /** Open connections, and bytes that went through in both directions. */
  counts(): { connections: number; bytes: number };
  close(): Promise<void>;
}

interface Pair {
  near: Socket;
  far: Socket | null;
}

/** @throws Error (rejects) when the port is taken. */
export async function startRelay({ port = 0, host, to }: { port?: number; host: string; to: number }): Promise<Relay> {
  const pairs = new Set<Pair>();
  let state: 'open' | 'silent' | 'reset' = 'open';
  let bytes = 0;

  const end = (pair: Pair) => {
    pairs.delete(pair);
    pair.near.destroy();
    pair.far?.destroy();
  };
  const join = (pair: Pair) => {
    const far = connect(to, host);
    pair.far = far;
    const { near } = pair;
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', chunk => {
        bytes += chunk.length;
        // A slow reader slows the sender down, as TCP would end to end.
        if (!into.write(chunk)) from.pause();
      });
      into.on('drain', () => {
        if (state !== 'silent') from.resume();
      });
    }
    far.on('error', () => end(pair)).on('close', () => end(pair));
  };
  const server = createServer(near => {
    if (state === 'reset') {
      near.resetAndDestroy();
      return;
    }
    const pair: Pair = { near, far: null };
    pairs.add(pair);
    near.on('error', () => end(pair)).on('close', () => end(pair));
    if (state === 'open') join(pair);
    else near.pause();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });

  return {
    port: (server.address() as { port: number }).port,
    cut(how = 'silent') {
      state = how;
      for (const pair of [...pairs]) {
        if (how === 'reset') end(pair);
        else for (const socket of [pair.near, pair.far]) socket?.pause();
      }
    },
    mend() {
      state = 'open';
      for (const pair of [...pairs]) {
        if (!pair.far) join(pair);
        for (const socket of [pair.near, pair.far]) socket?.resume();
      }
    },
    counts: () => ({ connections: pairs.size, bytes }),
    async close() {
      for (const pair of [...pairs]) end(pair);
      await new Promise(resolve => server.close(resolve));
    },
  };
}
