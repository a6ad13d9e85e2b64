// What a consultation says over HTTP and socket.io (namespace /consult). Inputs are zod schemas, outputs types.
import type { types } from 'mediasoup';
import { z } from 'zod';
import { resourceId } from '../http/request.ts';
import type { PersonRole } from '../identity/actor.ts';
import type { DeliveryView } from '../records/contract.ts';

export const PATTERNS = ['DtoP', 'DtoD', 'DtoPwithD', 'DtoPwithN'] as const;
/** Encounter patterns of the tele-medicine reference books; more in a later version. */
export type Pattern = (typeof PATTERNS)[number];

/** POST /api/consult/encounters (doctor, specialist) → EncounterView */
export const NewEncounter = z.object({
  pattern: z.enum(PATTERNS),
  patient: resourceId,
  /** Why, in the doctor's words. */
  reason: z.string().min(1).max(500),
  /** ISO time; now if missing. */
  start: z.iso.datetime({ offset: true }).optional(),
  /** Practitioner ids that are invited from the start. */
  invite: z.array(resourceId).max(8).default([]),
});
/** POST /api/consult/encounters/:id/invite */
export const Invite = z.object({ practitioner: resourceId });

/** `planned`: not begun. `arrived`: the patient is in the waiting room. `in-progress`: someone was admitted. `finished`: ended. (FHIR encounter-status) */
export type EncounterStatus = 'planned' | 'arrived' | 'in-progress' | 'finished' | 'cancelled';

export interface ParticipantView {
  /** `Practitioner/…` or `Patient/…` */
  reference: string;
  name: string;
  role: PersonRole;
  organizationName: string;
  /** invited: not here. waiting: in the waiting room. present: in the room. away: was in the room, connection lost or left. */
  presence: 'invited' | 'waiting' | 'present' | 'away';
  /** May admit and end. */
  host: boolean;
}

/** GET /api/consult/encounters?on=YYYY-MM-DD (those of the asking person; Asia/Tokyo day) and GET /api/consult/encounters/:id */
export interface EncounterView {
  id: string;
  pattern: Pattern;
  status: EncounterStatus;
  reason: string;
  start: string;
  end: string | null;
  patient: { id: string; name: string; birthDate: string | null };
  participants: ParticipantView[];
  /** Link that the invited person opens after sign-in: `<public url>/room/<id>`. */
  url: string;
  /** The alert it was asked for from. */
  alert: string | null;
  /** The consultation note, when one was begun. */
  note: { status: 'draft' | 'signed'; signedAt: string | null } | null;
}

/** GET /api/consult/people?role=specialist&q=…: whom a doctor may invite. */
export interface Invitable {
  practitioner: string;
  name: string;
  role: PersonRole;
  organizationName: string;
}

/** GET /api/consult/encounters/:id/card/:practitioner: who a practitioner in the room is, for anyone in it. */
export interface CardView {
  reference: string;
  name: string;
  role: PersonRole;
  organizationName: string;
  /** 医籍登録年, from Practitioner.qualification; null when the record does not say. */
  registeredYear: number | null;
  /** data: URL of the record's photo. */
  photo: string | null;
  /** When the card (HPKI), the registration and the facility were last seen to hold; null: never by card. */
  licence: { certificateUntil: string; certificateSeen: string; registrationSeen: string; affiliationSeen: string | null } | null;
}

/** GET/PUT /api/consult/encounters/:id/note; POST …/note/sign. SOAP, all in the doctor's words. */
export const NoteDraft = z.object({
  subjective: z.string().max(10_000).default(''),
  objective: z.string().max(10_000).default(''),
  assessment: z.string().max(10_000).default(''),
  plan: z.string().max(10_000).default(''),
  /** Practitioner id of the referral's recipient; the signed document is addressed to them. */
  to: resourceId.nullable().default(null),
  /** Version the editor has seen; another one in the store is a 409. */
  version: z.number().int().min(0).default(0),
});
export interface NoteView {
  encounter: string;
  subjective: string;
  objective: string;
  assessment: string;
  plan: string;
  to: string | null;
  version: number;
  status: 'draft' | 'signed';
  author: string | null;
  signedAt: string | null;
  /** DocumentReference id and where its delivery stands, once signed. */
  document: { id: string; delivery: DeliveryView['state']; deliveredAt: string | null; problem: string | null } | null;
}

// ── Signalling, namespace /consult. Every message is acknowledged: `{ ok: true, … }` or `{ ok: false, error: { code, ja, en } }`. ──

export type Acknowledged<T> = ({ ok: true } & T) | { ok: false; error: { code: string; ja: string; en: string } };

const DtlsParameters = z.object({
  role: z.enum(['auto', 'client', 'server']).optional(),
  fingerprints: z
    .array(z.object({ algorithm: z.string().max(20), value: z.string().max(200) }))
    .min(1)
    .max(10),
});
/** RTP parameters are checked in depth by mediasoup itself; here their outer shape and size. */
const RtpParameters = z.looseObject({
  codecs: z
    .array(z.looseObject({ mimeType: z.string().max(100) }))
    .min(1)
    .max(20),
  encodings: z.array(z.looseObject({})).max(8).optional(),
});
const RtpCapabilities = z.looseObject({
  codecs: z
    .array(z.looseObject({ mimeType: z.string().max(100) }))
    .max(100)
    .optional(),
});

export const SOURCES = ['camera', 'microphone', 'screen', 'camera2'] as const;
export type Source = (typeof SOURCES)[number];
export const PICTURES = ['camera', 'screen', 'camera2'] as const satisfies readonly Source[];
/** What one can point at: a live picture of a person, or a still (`Media/…`). */
export const POINTABLE = [...PICTURES, 'still'] as const;

/** Client → server. */
export const Signal = {
  /** → JoinAnswer. A patient lands in the waiting room until a doctor admits them; so does anyone not invited: they are refused. */
  join: z.object({
    encounter: resourceId,
    /** Made by the page when it opens: a page that comes back after a cut finds its transports as it left them. */
    client: z.uuid().optional(),
  }),
  /** Doctor lets someone in. */
  admit: z.object({ reference: z.string().max(100) }),
  leave: z.object({}),
  /** Doctor ends the consultation for all. */
  end: z.object({}),
  chat: z.object({ text: z.string().trim().min(1).max(2000) }),
  /** → TransportAnswer */
  openTransport: z.object({ direction: z.enum(['send', 'receive']) }),
  connectTransport: z.object({ transport: z.uuid(), dtlsParameters: DtlsParameters }),
  /** → { iceParameters } */
  restartIce: z.object({ transport: z.uuid() }),
  /** → { producer } */
  produce: z.object({ transport: z.uuid(), kind: z.enum(['audio', 'video']), rtpParameters: RtpParameters, source: z.enum(SOURCES) }),
  closeProducer: z.object({ producer: z.uuid() }),
  pauseProducer: z.object({ producer: z.uuid(), paused: z.boolean() }),
  /** → ConsumerAnswer; starts paused, the client resumes it. */
  consume: z.object({ transport: z.uuid(), producer: z.uuid(), rtpCapabilities: RtpCapabilities }),
  resumeConsumer: z.object({ consumer: z.uuid() }),
  /** What the viewer shows of a simulcast picture: the layer (0 the smallest), or null when it is not to be seen, and then nothing is sent. */
  showConsumer: z.object({ consumer: z.uuid(), layer: z.number().int().min(0).max(2).nullable() }),
  /** → { still }. Asks for a still of a person's picture; it comes as the event `still`. */
  askStill: z.object({ reference: z.string().max(100), source: z.enum(PICTURES) }),
  /** Where the person points: a share of the picture's width and height from its upper left corner; null takes the pointer away. */
  point: z.object({
    at: z
      .object({
        reference: z.string().max(100),
        source: z.enum(POINTABLE),
        x: z.number().min(0).max(1),
        y: z.number().min(0).max(1),
      })
      .nullable(),
  }),
} as const;
export type SignalName = keyof typeof Signal;

export interface JoinAnswer {
  /** waiting: in the waiting room; `admitted` comes later. */
  state: 'waiting' | 'in-room';
  /** Own reference. */
  self: string;
  encounter: EncounterView;
  chat: ChatMessage[];
  /** The transports and producers this page had before its connection was cut are still there: go on with them. */
  mediaKept: boolean;
  /** Present when in the room. */
  routerRtpCapabilities: types.RtpCapabilities | null;
  producers: ProducerView[];
}
export interface TransportAnswer {
  transport: string;
  iceParameters: types.IceParameters;
  iceCandidates: types.IceCandidate[];
  dtlsParameters: types.DtlsParameters;
}
export interface ConsumerAnswer {
  consumer: string;
  producer: string;
  kind: 'audio' | 'video';
  rtpParameters: types.RtpParameters;
}
export interface ProducerView {
  producer: string;
  reference: string;
  kind: 'audio' | 'video';
  source: Source;
  paused: boolean;
}
/** Somebody's pointer on a picture in the room; `at` as in Signal.point. */
export interface PointerView {
  reference: string;
  at: { reference: string; source: (typeof POINTABLE)[number]; x: number; y: number } | null;
}
/** A still that was taken in the consultation. GET /api/consult/stills/:encounter → StillView[], the newest first. */
export interface StillView {
  /** Media id. */
  id: string;
  /** Whose picture it is. */
  reference: string;
  name: string;
  source: Source;
  /** ISO time. */
  taken: string;
  /** Pixels. */
  width: number;
  height: number;
  /** Path of the image. */
  url: string;
}
export interface ChatMessage {
  id: string;
  reference: string;
  name: string;
  text: string;
  sent: string;
}

/** Server → client events of namespace /consult and their payloads. */
export interface ConsultEvents {
  /** You were let in: join again to get the router's capabilities. */
  admitted(): void;
  encounter(view: EncounterView): void;
  producer(view: ProducerView): void;
  producerClosed(payload: { producer: string }): void;
  chat(message: ChatMessage): void;
  /** Sent as it comes: one that is late is worth nothing and may be lost. */
  pointer(view: PointerView): void;
  /** Somebody asks for a still of what you send: take it in full resolution and POST it to /api/consult/stills/:encounter/:still?width&height. */
  stillWanted(wanted: { still: string; source: Source }): void;
  /** A still was kept. */
  still(view: StillView): void;
  /** The media worker of the room died or moved: set up transports anew (join again). */
  mediaLost(): void;
  ended(): void;
  /** The same person joined elsewhere; this connection is out. */
  replaced(): void;
}
