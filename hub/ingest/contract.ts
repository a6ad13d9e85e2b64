// What ingest says over HTTP and socket.io: registry of devices, their coverage, refused messages.
import { z } from 'zod';
import type { Text } from '../http/problem.ts';

const id = z.string().regex(/^[A-Za-z0-9-]{1,64}$/);

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
  /** Shown once, kept only as a hash. */
  secret: string;
  topic: string;
  mqttUrl: string;
}
/** POST /api/gateways (manager): credentials for a facility's edge gateway. */
export const NewGateway = z.object({ facility: id });
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
}
/** GET /api/devices/coverage?facility=ID */
export interface CoverageView {
  facility: string;
  facilityName: string;
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
/** POST /api/devices/:device/… : `rotate` → Credentials, `revoke` → {} */

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
