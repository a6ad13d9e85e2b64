// The person's own camera and microphone: asked for apart, so that a missing camera does not cost the voice.
import { Events } from './events.ts';

export type Device = 'camera' | 'microphone';
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

const CONSTRAINTS: Record<Device, MediaTrackConstraints> = {
  camera: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 }, facingMode: 'user' },
  microphone: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

export class LocalMedia extends Events<{ change: Device }> {
  readonly #states: Record<Device, DeviceState> = {
    camera: { track: null, on: true, problem: null },
    microphone: { track: null, on: true, problem: null },
  };

  state(device: Device): Readonly<DeviceState> {
    return this.#states[device];
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
    const wanted = { ...CONSTRAINTS[device], ...(deviceId ? { deviceId: { exact: deviceId } } : {}) };
    try {
      if (!navigator.mediaDevices) throw new DOMException('', 'SecurityError');
      const stream = await navigator.mediaDevices.getUserMedia(device === 'camera' ? { video: wanted } : { audio: wanted });
      this.#take(device, stream.getTracks()[0]);
    } catch (error) {
      this.#set(device, { problem: problemOf(error) });
    }
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

  #take(device: Device, track: MediaStreamTrack | undefined): void {
    const state = this.#states[device];
    if (!track) {
      this.#set(device, { problem: 'missing' });
      return;
    }
    state.track?.stop();
    track.enabled = state.on;
    track.addEventListener('ended', () => {
      if (this.#states[device].track === track) this.#set(device, { track: null, problem: 'ended' });
    });
    this.#set(device, { track, problem: null });
  }

  #set(device: Device, change: Partial<DeviceState>): void {
    Object.assign(this.#states[device], change);
    this.tell('change', device);
  }
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
