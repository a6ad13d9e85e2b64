// What the bench says over HTTP and socket.io: conformance runs of a maker's devices at the hub's own broker, and their reports.
import { z } from 'zod';
import type { CONTRACT_LIMITS } from '../../devices/index.ts';
import type { Text } from '../http/problem.ts';

export type { CheckView, RunView } from '../../devices/conformance/index.ts';

const id = z.string().regex(/^[A-Za-z0-9-]{1,64}$/);

/** POST /api/bench/runs (maker or manager of the device's organization) → RunView, 201. One run per device at a time. */
export const StartRun = z.object({
  facility: id,
  device: id,
  /** How long the device is observed undisturbed; by the profile's interval when missing. */
  minutes: z.number().min(0.05).max(60).optional(),
});
/**
 * GET /api/bench/runs?facility=ID&device=ID → RunView[], newest first; GET /api/bench/runs/:run → RunView.
 * POST /api/bench/runs/:run/stop → RunView: aborts it.
 * GET /api/bench/runs/:run/report.json, report.html: the signed report, as a file; 404 while there is none.
 * GET /api/bench/key → SigningKeyView
 */
export interface SigningKeyView {
  /** JWK (RFC 7517) of the key that signs this hub's reports. */
  key: object;
  /** RFC 7638; `npm run conformance -- --verify FILE --thumbprint T`. */
  thumbprint: string;
}

export interface ExampleCode {
  typescript: string;
  shell: string;
  micropython: string;
}

/**
 * GET /api/bench/contract?facility=ID&device=ID (both may be missing: then names to replace stand in the examples) → ContractView: the
 * device contract's numbers as they are in force at this hub, and code to begin with.
 */
export interface ContractView {
  limits: Record<keyof typeof CONTRACT_LIMITS, number> & {
    /** Messages a second that are read from one device in the long run; more is read more slowly. */
    perSecond: number;
    keepAliveSeconds: number;
    /** How far the conformance check lets a device's clock be off, seconds. */
    clockSeconds: number;
  };
  reasons: { reason: string; text: Text }[];
  /** Where devices connect. `mqtts` is null when the hub has no TLS listener of its own. */
  urls: { mqtt: string; mqtts: string | null };
  names: { facility: string; device: string };
  /** For a device with a certificate they use it. */
  examples: { pack: string } & ExampleCode;
  /** The same over TLS with the secret; null when the others speak TLS already, or the hub has no TLS. */
  tlsExamples: ExampleCode | null;
  checks: { id: string; title: Text }[];
}

/** Client → server on /live: `check:watch`, `check:unwatch`. Server → client: `check` with a RunView, on each change. */
export const FollowRun = z.object({ run: z.uuid() });
