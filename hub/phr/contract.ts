// What the hub says over HTTP of the patient's own record: imports, doctors' requests, links, downloads, erasing. Below /api/phr.
import type { Text } from '../http/problem.ts';
import type { TimelineEntry } from '../records/contract.ts';

/** POST /imports {name, size} · PUT /imports/:id/parts/:number (bytes, ≤ PART_BYTES each) · POST /imports/:id/check · GET /imports[/:id] */
export interface ImportView {
  id: string;
  name: string;
  /** Bytes of the file, and how many of them have come or were read. */
  size: number;
  done: number;
  /**
   * `uploading` → `checking` → `ready` (to be looked at and confirmed) → `taking` → `done`. `refused`: nothing could be taken. `stopping` and
   * `undoing` take back what was taken.
   */
  state: 'uploading' | 'checking' | 'ready' | 'taking' | 'done' | 'refused' | 'stopping' | 'stopped' | 'undoing' | 'undone';
  format: 'omh' | 'apple' | 'fhir' | null;
  /** How many of each kind would be or were taken over; those that the record has already are in `known`. */
  kinds: { kind: string; text: Text; count: number }[];
  /** Types that are not taken over, with their number. */
  unknown: { type: string; count: number }[];
  refused: number;
  /** The first of them. */
  refusals: { place: string; reason: string }[];
  taken: number;
  known: number;
  from: string | null;
  to: string | null;
  /** Whom the file says it is about; null when it does not say. `same`: name and birth date agree; `other`: it is somebody else. */
  owner: { name: string; birthDate: string | null; match: 'same' | 'unsure' | 'other' } | null;
  problem: Text | null;
  createdAt: string;
}
// POST /imports/:id/take {confirmed: true} · POST /imports/:id/stop · POST /imports/:id/undo · GET /imports/:id/file (as it came)

/** GET /requests (patient: own) · GET /requests?patient=ID (doctor) · POST /requests {patient, organization, what} · POST /requests/:id/answer {allow, days} · POST /requests/:id/end */
export interface RequestView {
  id: string;
  doctorName: string;
  organizationName: string;
  what: string;
  askedAt: string;
  /** `over`: it was allowed and has ended. */
  answer: 'yes' | 'no' | 'over' | null;
  answeredAt: string | null;
  until: string | null;
}

/** GET /shares · POST /shares {categories, minutes, since, purpose, pin} → ShareMade · POST /shares/:id/end */
export interface ShareView {
  id: string;
  categories: string[];
  /** Nothing older than this is shown; null: everything. */
  since: string | null;
  purpose: string;
  hasPin: boolean;
  createdAt: string;
  until: string;
  state: 'open' | 'over' | 'ended' | 'locked';
  looks: LookView[];
}
export interface ShareMade extends ShareView {
  /** Shown once: the token is behind the `#`, which browsers send to nobody. */
  url: string;
}
export interface LookView {
  at: string;
  what: 'opened' | 'looked' | 'wrong-pin' | 'refused';
  /** Browser and system in words; never an address. */
  browser: string;
}
/** POST /api/shared {token, pin, before, kinds, words} (no account): a page of what the link opens. POST /api/shared/wait {token, pin}: answers when it ends. */
export interface SharedView {
  patientName: string;
  birthDate: string | null;
  purpose: string;
  categories: string[];
  until: string;
  entries: TimelineEntry[];
  next: string | null;
}

/** GET /downloads · POST /downloads · GET /downloads/:id/file (ZIP) */
export interface DownloadView {
  id: string;
  state: 'making' | 'ready' | 'failed' | 'over';
  size: number | null;
  /** Resources in it, all versions counted. */
  entries: number | null;
  createdAt: string;
  until: string | null;
}

/** GET /erasures: what the hub keeps of the patient and until when it must, and the patient's wishes. POST /erasures {what, wish} */
export interface ErasureFacts {
  /** What the patient brought along: can go at once. */
  brought: { imports: number; things: number; links: number };
  /** What the law keeps: `until` is null while it is not finished. */
  kept: { what: 'charts' | 'care-plans'; count: number; law: Text; until: string | null }[];
  wishes: ErasureView[];
}
/** GET /erasures/all (administrator) · POST /erasures/:id/decision {erase: false, reason} */
export interface ErasureView {
  id: string;
  /** Given to an administrator alone. */
  patientName: string | null;
  what: 'brought' | 'charts';
  wish: string;
  askedAt: string;
  decision: 'erased' | 'kept' | null;
  reason: string | null;
  decidedAt: string | null;
}
