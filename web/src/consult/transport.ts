// One WebRTC transport to the SFU and its healing: ICE restarts by a table, then it is given up.
import type { Device, types } from 'mediasoup-client';
import { ICE_RESTART, ICE_RESTART_FAILED } from './reconnect-policy.ts';
import type { Signalling } from './signalling.ts';

export interface HealedTransport {
  transport: types.Transport;
  /** Restarts ICE now, when the connection does not hold (the socket came back, the network changed). */
  heal(): void;
  close(): void;
}

/** Opens a transport of the room's router. `onGivenUp` when it cannot be healed. @throws SignalError */
export async function openTransport(
  signalling: Signalling,
  device: Device,
  direction: 'send' | 'receive',
  onGivenUp: () => void,
): Promise<HealedTransport> {
  const { transport: id, ...parameters } = await signalling.request('openTransport', { direction });
  const options = { id, ...parameters } as types.TransportOptions;
  const transport = direction === 'send' ? device.createSendTransport(options) : device.createRecvTransport(options);
  transport.on('connect', ({ dtlsParameters }, done, failed) => {
    signalling.request('connectTransport', { transport: id, dtlsParameters }).then(done, error => {
      failed(error);
      // Whether the hub heard it is unknown, and a transport connects once: only a new one is sure.
      onGivenUp();
    });
  });
  transport.on('produce', ({ kind, rtpParameters, appData }, done, failed) => {
    signalling
      .request('produce', { transport: id, kind, rtpParameters, source: String(appData.source) })
      .then(({ producer }) => done({ id: producer }), failed);
  });

  let attempt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const broken = () => transport.connectionState === 'disconnected' || transport.connectionState === 'failed';
  function plan(): void {
    clearTimeout(timer);
    if (transport.closed || !broken()) return;
    const delay = (transport.connectionState === 'failed' ? ICE_RESTART_FAILED : ICE_RESTART).delay(attempt);
    if (delay === undefined) onGivenUp();
    else timer = setTimeout(restart, delay);
  }
  async function restart(): Promise<void> {
    // Without the socket there is nobody to ask: heal() is called when it is back.
    if (transport.closed || !broken() || !signalling.connected) return;
    attempt++;
    try {
      const { iceParameters } = await signalling.request('restartIce', { transport: id });
      if (!transport.closed) await transport.restartIce({ iceParameters: iceParameters as types.IceParameters });
    } catch {
      // The hub no longer knows this transport, or the socket went: the next try, or giving up, settles it.
    }
    plan();
  }
  transport.on('connectionstatechange', state => {
    if (state === 'connected') attempt = 0;
    plan();
  });
  return {
    transport,
    heal() {
      if (!broken()) return;
      clearTimeout(timer);
      void restart();
    },
    close() {
      clearTimeout(timer);
      transport.close();
    },
  };
}
