// A check's verdict: passed, failed, not seen or not applicable, with its reason in both languages and what shows it.
import type { Text } from '../refusal.ts';

/** `not-applicable`: the contract asks it of other devices. `not-seen`: the run did not get to see it. */
export type Status = 'pass' | 'fail' | 'not-seen' | 'not-applicable';

export interface Verdict {
  status: Status;
  reason: Text;
  /** Up to five lines of at most 200 characters: what was sent, and when. */
  evidence: string[];
  /** It fails for something that is missing, and may still come while the run goes on. */
  missing?: true;
}
export interface Check extends Omit<Verdict, 'missing'> {
  id: string;
  title: Text;
}

const EVIDENCE_LINES = 5;
const EVIDENCE_LENGTH = 200;

const verdict = (status: Status, ja: string, en: string, evidence: string[]): Verdict => ({
  status,
  reason: { ja, en },
  evidence: evidence.slice(0, EVIDENCE_LINES).map(line => line.slice(0, EVIDENCE_LENGTH).toWellFormed()),
});
export const pass = (ja: string, en: string, evidence: string[] = []) => verdict('pass', ja, en, evidence);
export const fail = (ja: string, en: string, evidence: string[] = []) => verdict('fail', ja, en, evidence);
/** Fails for want of something. */
export const missing = (ja: string, en: string, evidence: string[] = []): Verdict => ({
  ...verdict('fail', ja, en, evidence),
  missing: true,
});
export const notApplicable = (ja: string, en: string) => verdict('not-applicable', ja, en, []);
export const notSeen = (ja: string, en: string, evidence: string[] = []) => verdict('not-seen', ja, en, evidence);

/** A payload as one line: text as it is, bytes in hex. */
export function excerpt(payload: Buffer): string {
  const text = payload.subarray(0, 400).toString('utf8');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what tells bytes from text.
  return /[\u0000-\u0008\u000e-\u001f\ufffd]/.test(text) ? `0x${payload.subarray(0, 80).toString('hex')}` : text.replace(/\s+/g, ' ');
}
