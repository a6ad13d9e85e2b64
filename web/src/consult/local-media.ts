// What a person sends: camera and microphone, asked for apart so that a missing camera does not cost the voice; and what they show besides.
import { Events } from './events.ts';
import type { Source } from './hub.ts';

export type Device = 'camera' | 'microphone';
/** Shown by choice in the middle of a call: the screen, or a second camera (document camera, endoscope, ultrasound). */
export type Shown = Exclude<Source, Device>;
/**
 * Why a device gives nothing: `denied` by the person or a rule, `missing`, `busy` in another program, `insecure` page without https,
 * `ended` (pulled out), `other`.
 */
export type DeviceProblem = 'denied' | 'missing' | 'busy' | 'insecure' | 'ended' | 'other';

export interface DeviceState {
  track: MediaStreamTrack | null;
  /** Switched on by the person; a track that is off sends nothing. */
  on: boolean;
  problem: DeviceProblem | null;
}

const CONSTRAINTS: Record<Device | 'camera2', MediaTrackConstraints> = {
  camera: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 }, facingMode: 'user' },
  // As large as it gives, up to 4K: a picture one looks into, without a face.
  camera2: { width: { ideal: 3840 }, height: { ideal: 2160 }, frameRate: { ideal: 30, max: 30 } },
  microphone: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};
/** Text must be legible; it seldom moves. */
const SCREEN: DisplayMediaStreamOptions = { video: { width: { max: 3840 }, height: { max: 2160 }, frameRate: { max: 15 } }, audio: false };

export class LocalMedia extends Events<{ change: Source }> {
  readonly #states: Record<Source, DeviceState> = {
    camera: { track: null, on: true, problem: null },
    microphone: { track: null, on: true, problem: null },
    screen: { track: null, on: true, problem: null },
    camera2: { track: null, on: true, problem: null },
  };

  state(source: Source): Readonly<DeviceState> {
    return this.#states[source];
  }

  /** Asks for both; never throws, the states say what is missing and why. Both in one question where possible. */
  async open(): Promise<void> {
    if (!navigator.mediaDevices) {
      for (const device of ['camera', 'microphone'] as const) this.#set(device, { problem: 'insecure' });
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: CONSTRAINTS.camera, audio: CONSTRAINTS.microphone });
      this.#take('camera', stream.getVideoTracks()[0]);
      this.#take('microphone', stream.getAudioTracks()[0]);
    } catch {
      await this.openOne('microphone');
      await this.openOne('camera');
    }
  }

  /** Asks for one again (after a permission was given, or for another device by its `deviceId`). */
  async openOne(device: Device, deviceId?: string): Promise<void> {
    await this.#ask(device, devices => devices.getUserMedia(wanted(device, deviceId)));
  }

  /** Asks for the screen (the browser lets the person choose which), or for the second camera by its `deviceId`. Never throws. */
  async show(source: Shown, deviceId?: string): Promise<void> {
    await this.#ask(source, devices =>
      source === 'screen' ? devices.getDisplayMedia(SCREEN) : devices.getUserMedia(wanted('camera2', deviceId)),
    );
    const { track } = this.#states.screen;
    if (track) track.contentHint = 'detail';
  }

  /** Shows it no longer. */
  hide(source: Shown): void {
    this.#states[source].track?.stop();
    this.#set(source, { track: null, problem: null });
  }

  setOn(device: Device, on: boolean): void {
    const { track } = this.#states[device];
    if (track) track.enabled = on;
    this.#set(device, { on });
  }

  close(): void {
    for (const state of Object.values(this.#states)) {
      state.track?.stop();
      state.track = null;
    }
  }

  async #ask(source: Source, open: (devices: MediaDevices) => Promise<MediaStream>): Promise<void> {
    try {
      if (!navigator.mediaDevices) throw new DOMException('', 'SecurityError');
      this.#take(source, (await open(navigator.mediaDevices)).getTracks()[0]);
    } catch (error) {
      this.#set(source, { problem: problemOf(error) });
    }
  }

  #take(source: Source, track: MediaStreamTrack | undefined): void {
    const state = this.#states[source];
    if (!track) {
      this.#set(source, { problem: 'missing' });
      return;
    }
    state.track?.stop();
    track.enabled = state.on;
    track.addEventListener('ended', () => {
      // The browser's own "stop sharing" is the person's will, not a fault.
      if (this.#states[source].track === track) this.#set(source, { track: null, problem: source === 'screen' ? null : 'ended' });
    });
    this.#set(source, { track, problem: null });
  }

  #set(source: Source, change: Partial<DeviceState>): void {
    Object.assign(this.#states[source], change);
    this.tell('change', source);
  }
}

function wanted(device: Device | 'camera2', deviceId: string | undefined): MediaStreamConstraints {
  const constraints = { ...CONSTRAINTS[device], ...(deviceId ? { deviceId: { exact: deviceId } } : {}) };
  return device === 'microphone' ? { audio: constraints } : { video: constraints };
}

function problemOf(error: unknown): DeviceProblem {
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
      return 'denied';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    case 'SecurityError':
      return 'insecure';
    default:
      return 'other';
  }
}
