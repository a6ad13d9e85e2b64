// What the bench says over HTTP and socket.io: conformance runs of a maker's devices at the hub's own broker, and their reports.
import { z } from 'zod';

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

/** Client → server on /live: `check:watch`, `check:unwatch`. Server → client: `check` with a RunView, on each change. */
export const FollowRun = z.object({ run: z.uuid() });
