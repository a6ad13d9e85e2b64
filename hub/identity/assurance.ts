// How well it must be known who signs in, before anything of a person's data opens (安全管理ガイドライン 6.0: two factors for clinical systems).
import type { Factor } from './actor.ts';

/** What is missing: `second`: another factor of those the person has set up; `enrol`: none is set up yet. */
export type Step = 'second' | 'enrol';

export interface Proven {
  factors: readonly Factor[];
  /** The account is a patient's: one factor is enough for the own record. */
  patient: boolean;
  /** The person has set up a passkey or one-time codes. */
  enrolled: boolean;
}

/**
 * The rule. Staff (all but patients) need a passkey with the user verified, a clinician's card with its PIN, or a password together with a
 * one-time code. A link that was handed over only opens the page where these are set up. `twoFactors` false (the demonstration, tests):
 * any one factor is enough, and every page of the demonstration says so.
 */
export function missing({ factors, patient, enrolled }: Proven, twoFactors: boolean): Step | null {
  if (patient || !twoFactors || twoProven(factors)) return null;
  // A link is also the way back for those who lost their factor: whoever handed it out has seen them.
  if (factors.includes('link')) return 'enrol';
  return enrolled ? 'second' : 'enrol';
}

export function twoProven(factors: readonly Factor[]): boolean {
  if (factors.includes('passkey') || factors.includes('hpki')) return true;
  return factors.includes('password') && (factors.includes('totp') || factors.includes('backup-code'));
}

/** As a session keeps them: `password totp`. */
export const factorsOf = (kept: string | null | undefined): Factor[] => (kept ? (kept.split(' ') as Factor[]) : []);
