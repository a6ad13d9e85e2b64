// In which sizes a picture is sent: the SFU forwards to each viewer the largest that their page shows and their line takes (simulcast).
import type { Source } from './hub.ts';

export interface Encoding {
  /** Width and height are divided by this. */
  scaleResolutionDownBy: number;
  /** bit/s */
  maxBitrate: number;
}

/** From the smallest. A face reads well small; a screen must be legible; a second camera is looked into, up to 4K. */
const ENCODINGS: Record<Exclude<Source, 'microphone'>, readonly Encoding[]> = {
  camera: [
    { scaleResolutionDownBy: 4, maxBitrate: 150_000 },
    { scaleResolutionDownBy: 2, maxBitrate: 500_000 },
    { scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
  ],
  screen: [
    { scaleResolutionDownBy: 2, maxBitrate: 400_000 },
    { scaleResolutionDownBy: 1, maxBitrate: 2_500_000 },
  ],
  camera2: [
    { scaleResolutionDownBy: 4, maxBitrate: 500_000 },
    { scaleResolutionDownBy: 2, maxBitrate: 2_000_000 },
    { scaleResolutionDownBy: 1, maxBitrate: 8_000_000 },
  ],
};
/** A picture is not sent in a size narrower than this, pixels: nobody could use it. */
const NARROWEST = 240;

/** The sizes in which a track is sent. A track that is small already is sent in fewer. */
export function encodingsOf(source: Exclude<Source, 'microphone'>, track: Pick<MediaStreamTrack, 'getSettings'>): Encoding[] {
  const width = track.getSettings().width ?? Number.POSITIVE_INFINITY;
  const useful = ENCODINGS[source].filter(({ scaleResolutionDownBy }) => width / scaleResolutionDownBy >= NARROWEST);
  return [...(useful.length ? useful : ENCODINGS[source].slice(-1))].map(encoding => ({ ...encoding }));
}
