// How a hub tells of a conformance run that it makes: to its web application and to the command line (`GET /api/bench/…`, `check` on /live).
import type { Text } from '../refusal.ts';
import type { Check, Status } from './verdict.ts';

/** `waiting`: nothing of it was seen yet, and the run goes on. */
export interface CheckView extends Omit<Check, 'status'> {
  status: Status | 'waiting';
}

export interface RunView {
  id: string;
  facility: string;
  device: string;
  profile: { id: string; name: Text };
  state: 'running' | 'done' | 'aborted';
  /** ISO times. */
  startedAt: string;
  endedAt: string | null;
  /** What is going on now, and until when if that is known (ISO). Null when it has ended. */
  step: { text: Text; until: string | null } | null;
  checks: CheckView[];
  /** Null while it runs, and when it was aborted. */
  result: 'pass' | 'fail' | null;
  /** Why it was aborted. */
  reason: Text | null;
}
