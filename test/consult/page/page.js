// The smallest page around the consultation client: joins, plays what arrives, and lets a test look inside (`page`).
import { ConsultClient, LocalMedia } from '../../../web/src/consult/index.ts';

const local = new LocalMedia();
const encounter = new URLSearchParams(location.search).get('encounter') ?? '';
const client = new ConsultClient({ encounter, local });
let tracks = [];

client.on('tracks', now => {
  tracks = now;
  document.body.replaceChildren(
    ...now.map(({ source, track }) => {
      const element = document.createElement(source === 'microphone' ? 'audio' : 'video');
      element.srcObject = new MediaStream([track]);
      element.autoplay = true;
      element.setAttribute('playsinline', '');
      return element;
    }),
  );
});

globalThis.page = {
  client,
  local,
  phase: () => client.phase,
  sources: () => tracks.map(({ source }) => source).sort(),
  /** Width of the picture that is played, pixels. */
  width: () => document.querySelector('video')?.videoWidth ?? 0,
  /** State of each WebRTC connection. */
  states: () => client.connectionStates(),
  received: () => client.received(),
};
void local.open().then(() => client.start());
