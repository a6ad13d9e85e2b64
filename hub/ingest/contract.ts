// What ingest says over HTTP and socket.io: registry of devices, their coverage, refused messages.
import { z } from 'zod';
import type { Text } from '../http/problem.ts';

const id = z.string().regex(/^[A-Za-z0-9-]{1,64}$/);

/**
 * What is to be signed in with: a secret, or a certificate of the hub's authority for the key of a request (PKCS#10, PEM). Without a request
 * the hub makes the key too and shows it once. What was there before when neither is given; else a secret.
 */
const wish = {
  credential: z.enum(['secret', 'certificate']).optional(),
  csr: z.string().max(16_384).optional(),
};

/** POST /api/devices (manager of the facility, maker for the own bench facility) → Credentials. The secret is shown once. */
export const NewDevice = z.object({
  /** Own name of the device in topics; made if missing. */
  device: id.optional(),
  facility: id,
  profile: z.string().min(1).max(64),
  /** `Patient/…` or `Location/…` it watches from now on. */
  subject: z
    .string()
    .regex(/^(Patient|Location)\/[A-Za-z0-9.-]{1,64}$/)
    .nullable()
    .default(null),
  /** It has watched the subject since then (ISO, not in the future); now if missing. For samples that a device or gateway kept until now. */
  from: z.iso
    .datetime({ offset: true })
    .refine(text => Date.parse(text) <= Date.now(), { message: 'must not be in the future' })
    .optional(),
  ...wish,
});
/** GET /api/devices/profiles → ProfileView[]: the device profiles of this hub (devices/profiles/*.json). */
export interface ProfileView {
  id: string;
  name: Text;
  intervalSeconds: number;
  /** Sends when something happens, and its state every `intervalSeconds`. */
  event?: boolean;
  /** Used now and then: no sample is expected. */
  occasional?: boolean;
  quantities: {
    name: string;
    label: Text;
    /** `boolean` travels as `vb`. */
    kind: 'number' | 'boolean' | 'count';
    senmlUnit: string;
    minimum: number;
    maximum: number;
  }[];
}
export interface Credentials {
  device: string;
  facility: string;
  username: string;
  /** Shown once, kept only as a hash. Empty when it signs in by certificate. */
  secret: string;
  topic: string;
  mqttUrl: string;
  /** Over TLS; null when the hub has no such listener (HUB_MQTTS_PORT=off, or an outside broker). Certificates need it. */
  mqttsUrl: string | null;
  /** PEM; null when it signs in by secret. */
  certificate: {
    pem: string;
    /** Made by the hub for who sent no request; shown once, kept nowhere. */
    key: string | null;
    /** The hub's own authority, to check the broker by; also at GET /api/devices/ca.pem. */
    ca: string;
    /** ISO */
    notAfter: string;
  } | null;
  /** ISO: the former one stays good until this one is used, at the latest until then. Null when none was in use. */
  formerUntil: string | null;
}
/** POST /api/devices/gateways (manager) → Credentials for a facility's edge gateway; also its rotation. */
export const NewGateway = z.object({ facility: id, ...wish });
/** POST /api/devices/:device/rotate (`gateway` for the gateway, with ?facility=) → Credentials */
export const Rotate = z.object(wish);
/**
 * PUT /api/devices/:device/config → {}: what the hub keeps for the device as the retained message `config`, e.g. `{"intervalSeconds": 30}`.
 * GET gives it back (`{}` when there is none). At most 4 KiB; `renew` is the hub's own.
 */
export const DeviceConfig = z.record(z.string().min(1).max(64), z.json());
/** PUT /api/devices/:device/assignment */
export const Assign = z.object({
  subject: z
    .string()
    .regex(/^(Patient|Location)\/[A-Za-z0-9.-]{1,64}$/)
    .nullable(),
});

/** GET /api/devices?facility=ID */
export interface DeviceView {
  device: string;
  facility: string;
  profile: string;
  profileName: Text;
  subject: string | null;
  subjectName: string | null;
  state: 'online' | 'late' | 'silent' | 'never';
  lastSample: string | null;
  accepted: number;
  refused: number;
  createdAt: string;
  revokedAt: string | null;
  /** What it signs in with; null once revoked. */
  credential?: 'secret' | 'certificate' | null;
  /** ISO: when its certificate ends. */
  certificateEnds?: string | null;
  /** The certificate ends within 30 days, and the device was asked to renew it. */
  renewAsked?: boolean;
  /** ISO: a new credential was made and is not used yet; the former one ends then at the latest. */
  formerUntil?: string | null;
  /** How it is doing; null for a revoked device. */
  health: DeviceHealth | null;
}

/** In order of weight: what stands first is said first. */
export type HealthSignName = 'silent' | 'never' | 'offline' | 'battery-low' | 'losing' | 'late' | 'drifting' | 'refused';
export interface HealthSign {
  sign: HealthSignName;
  level: 'attention' | 'bad';
  /** What it is, and what to do, in plain words. */
  text: Text;
  action: Text;
  /** ISO time; null when it is not known. */
  since: string | null;
}
export interface DeviceHealth {
  worst: 'good' | 'attention' | 'bad';
  signs: HealthSign[];
  /** null while neither the device nor the broker said. */
  connected: boolean | null;
  /** 0 … 1; null for a device that does not say. */
  battery: number | null;
  /** What must be added to the device's times; above 0 its clock is behind. null while it is not known. */
  clockOffsetSeconds: number | null;
  /** Packs missing now, packs that came late and closed a gap, restarts; null when the device sends no running number. */
  sequence: { missing: number; late: number; resets: number } | null;
  /** Spans of the last 24 hours without samples that are longer than the profile allows, oldest first. */
  gaps: { from: string; to: string }[];
}

/** GET /api/devices/coverage?facility=ID */
export interface CoverageView {
  facility: string;
  facilityName: string;
  /** The facility's gateway: whether it is connected (null: not known) and since when; null when there is none. */
  gateway: {
    connected: boolean | null;
    since: string | null;
    /** What it signs in with. */
    credential?: 'secret' | 'certificate' | null;
    /** ISO: when its certificate ends. */
    certificateEnds?: string | null;
    /** It was asked to renew its certificate and has not done so yet. */
    renewAsked?: boolean;
  } | null;
  /** ISO time at which something changes by the clock alone when nothing comes; null when nothing does. */
  changesAt: string | null;
  residents: {
    patient: string;
    name: string;
    room: string;
    devices: number;
    silent: number;
    /** ISO time; null while not covered. */
    coveredSince: string | null;
    /** ISO time of the last sample of a bed or wrist sensor, or of its assignment; null while covered, and for who never had one. */
    notCoveredSince: string | null;
  }[];
  devices: DeviceView[];
}
/** GET /api/devices/:device/refusals → RefusalView[] (newest first) */
export interface RefusalView {
  at: string;
  device: string;
  topic: string;
  /** topic-unknown, packet-too-large, not-senml, unit-wrong, quantity-unknown, out-of-range, time-implausible, not-assigned, profile-unknown, rate-exceeded */
  reason: string;
  text: Text;
  /** The beginning of what was sent (at most 200 characters). */
  excerpt: string;
}
/** POST /api/devices/:device/… : `rotate` → Credentials; `revoke`, `renew` (asks the device itself for a new certificate) → {} */

/** Client → server on /live: be told (`coverage:changed`) when a device of the facility does better or worse. Acknowledged `{ ok }`. */
export const FollowCoverage = z.object({ facility: id });
/** Client → server on /live. */
export const WatchBench = z.object({ device: id });
export interface BenchMessage {
  device: string;
  at: string;
  topic: string;
  bytes: number;
  verdict: 'stored' | 'refused';
  samples: number;
  refusals: { reason: string; text: Text }[];
  excerpt: string;
}
