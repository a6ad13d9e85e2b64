// What the room's page shows, kept in step with the consultation client.

import type { ChatMessage, PointerView, Source } from '../../consult/hub.ts';
import {
  ConsultClient,
  type Device,
  type DeviceState,
  LocalMedia,
  type Phase,
  type Quality,
  type RemoteTrack,
  type Shown,
} from '../../consult/index.ts';
import { ApiError, api } from '../../shared/api.ts';
import type { EncounterView, ParticipantView } from '../../shared/hub.ts';
import type { StillView } from './words.ts';

/** `check`: before joining. The rest are the client's phases. */
export type Step = 'check' | Phase;

const inside = (encounter: string) => `in-room ${encounter}`;

export class RoomState {
  step = $state<Step>('check');
  /** As told live; before joining, as the page loaded it. */
  encounter = $state.raw<EncounterView | null>(null);
  chat = $state.raw<ChatMessage[]>([]);
  tracks = $state.raw<RemoteTrack[]>([]);
  quality = $state.raw<Quality | null>(null);
  refused = $state.raw<ApiError | null>(null);
  camera = $state.raw<DeviceState>({ track: null, on: true, problem: null });
  microphone = $state.raw<DeviceState>({ track: null, on: true, problem: null });
  screen = $state.raw<DeviceState>({ track: null, on: true, problem: null });
  camera2 = $state.raw<DeviceState>({ track: null, on: true, problem: null });
  /** Stills of this consultation, the newest first. */
  stills = $state.raw<StillView[]>([]);
  /** Where people point, the own pointer among them. */
  pointers = $state.raw<PointerView[]>([]);
  readonly id: string;
  readonly self: string;
  readonly local = new LocalMedia();
  #client: ConsultClient | undefined;

  constructor(id: string, self: string) {
    this.id = id;
    this.self = self;
    this.local.on('change', source => {
      this[source] = { ...this.local.state(source) };
    });
  }

  /** Others, the host first. */
  get others(): ParticipantView[] {
    return (this.encounter?.participants ?? []).filter(person => person.reference !== this.self);
  }
  get own(): ParticipantView | undefined {
    return this.encounter?.participants.find(person => person.reference === this.self);
  }
  get isHost(): boolean {
    return this.own?.host ?? false;
  }
  get isClinician(): boolean {
    return this.own?.role === 'doctor' || this.own?.role === 'specialist';
  }
  get waiting(): ParticipantView[] {
    return this.others.filter(person => person.presence === 'waiting');
  }
  /** This tab was in the room before it was loaded anew: it goes back in without a question. */
  get wasInside(): boolean {
    return sessionStorage.getItem(inside(this.id)) === 'yes';
  }

  track(reference: string, source: RemoteTrack['source']): RemoteTrack | undefined {
    return this.tracks.find(track => track.reference === reference && track.source === source);
  }

  openDevices(): Promise<void> {
    return this.local.open();
  }
  toggle(device: Device): void {
    // A device that gave nothing is asked for again: the person may have allowed it meanwhile.
    if (!this[device].track) void this.local.openOne(device);
    else this.local.setOn(device, !this[device].on);
  }

  /** The screen or a second camera: shown to the others, or no longer. */
  toggleShown(source: Shown, deviceId?: string): Promise<void> {
    if (!this[source].track) return this.local.show(source, deviceId);
    this.local.hide(source);
    return Promise.resolve();
  }
  /** How large the page shows a picture of somebody else (see ConsultClient.show). */
  shows(reference: string, source: Source, layer: number | null): void {
    void this.#client?.show(reference, source, layer);
  }
  /** Asks for a still of a picture, in the full resolution of whoever sends it; it comes into `stills`. @throws SignalError */
  async askStill(reference: string, source: Source): Promise<void> {
    await this.#client?.askStill(reference, source);
  }
  #takeStills(more: StillView[]): void {
    const known = new Map([...this.stills, ...more].map(still => [still.id, still]));
    this.stills = [...known.values()].sort((a, b) => b.taken.localeCompare(a.taken));
  }
  async #loadStills(): Promise<void> {
    // Without them the call goes on: those that are taken from now on are told.
    const kept = await api.get<StillView[]>(`/api/consult/stills/${this.id}`).catch(() => []);
    this.#takeStills(kept);
  }
  get mayPoint(): boolean {
    return this.own !== undefined && this.own.role !== 'patient';
  }
  /** Moves the own pointer; null takes it away. */
  point(at: PointerView['at']): void {
    this.#point({ reference: this.self, at });
    void this.#client?.point(at);
  }
  #point(view: PointerView): void {
    const others = this.pointers.filter(({ reference }) => reference !== view.reference);
    this.pointers = view.at ? [...others, view] : others;
  }

  join(): void {
    if (this.#client) return;
    sessionStorage.setItem(inside(this.id), 'yes');
    const client = new ConsultClient({ encounter: this.id, local: this.local });
    this.#client = client;
    this.step = 'connecting';
    client.on('phase', phase => {
      this.step = phase;
      if (phase === 'in-room') void this.#loadStills();
      if (phase === 'ended' || phase === 'left' || phase === 'refused' || phase === 'replaced') this.#over();
    });
    client.on('encounter', view => {
      this.encounter = view;
      const present = new Set(view.participants.filter(person => person.presence === 'present').map(person => person.reference));
      this.pointers = this.pointers.filter(({ reference }) => present.has(reference));
    });
    client.on('pointer', pointer => this.#point(pointer));
    client.on('still', still => this.#takeStills([still as StillView]));
    client.on('chat', messages => (this.chat = messages));
    client.on('tracks', tracks => (this.tracks = tracks));
    client.on('quality', quality => (this.quality = quality));
    client.on('refused', error => (this.refused = new ApiError(403, error.code, error.text, [], error)));
    client.start();
  }

  /** Goes back in after leaving or after being replaced. */
  async joinAgain(): Promise<void> {
    this.#client = undefined;
    this.refused = null;
    await this.local.open();
    this.join();
  }

  /** @throws SignalError */
  async admit(reference: string): Promise<void> {
    await this.#client?.admit(reference);
  }
  /** @throws SignalError */
  async say(text: string): Promise<void> {
    await this.#client?.say(text);
  }
  async leave(): Promise<void> {
    await this.#client?.leave();
  }
  /** @throws SignalError */
  async end(): Promise<void> {
    await this.#client?.end();
  }
  /** The page goes away. */
  close(): void {
    this.#client?.close();
    this.local.close();
  }

  #over(): void {
    sessionStorage.removeItem(inside(this.id));
    this.quality = null;
    this.local.close();
  }
}

/** The hub's words of a refused message, or of a refused request. */
export function problemText(error: unknown): { ja: string; en: string } {
  const text = (error as { text?: { ja?: string; en?: string } } | null)?.text;
  if (text?.ja && text.en) return { ja: text.ja, en: text.en };
  return { ja: 'うまくいきませんでした。もう一度試してください。', en: 'That did not work. Please try again.' };
}
