// The sounds of "act": three distinct ones, soft and low so that they carry at low volume without startling. Off until switched on.

const KEPT = 'alert-sound';
/** Tones as `[frequency Hz, start s, length s]`. raised: up; waiting (1 min): twice up; urgent (3 min): three fast pairs. */
const sounds = {
  raised: [
    [523, 0, 0.22],
    [784, 0.24, 0.4],
  ],
  waiting: [
    [523, 0, 0.18],
    [784, 0.2, 0.22],
    [523, 0.6, 0.18],
    [784, 0.8, 0.4],
  ],
  urgent: [
    [784, 0, 0.12],
    [988, 0.14, 0.16],
    [784, 0.42, 0.12],
    [988, 0.56, 0.16],
    [784, 0.84, 0.12],
    [988, 0.98, 0.3],
  ],
} as const;
export type Sound = keyof typeof sounds;

let context: AudioContext | null = null;

/** Whether this device should sound (kept); browsers still want one press per visit before the first sound. */
export const soundWanted = (): boolean => localStorage.getItem(KEPT) === 'on';
export const soundReady = (): boolean => soundWanted() && context?.state === 'running';

/** Call from a press. Plays the first sound as a trial. */
export async function switchSound(on: boolean): Promise<void> {
  localStorage.setItem(KEPT, on ? 'on' : 'off');
  if (!on) return;
  context ??= new AudioContext();
  await context.resume();
  play('raised');
}

export function play(sound: Sound): void {
  if (!context || !soundReady()) return;
  for (const [frequency, start, length] of sounds[sound]) {
    const oscillator = new OscillatorNode(context, { type: 'triangle', frequency });
    const gain = new GainNode(context, { gain: 0 });
    const at = context.currentTime + start;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.28, at + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, at + length);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(at);
    oscillator.stop(at + length + 0.02);
  }
}
