// Who can sign in at the simulated national sign-ins.

/** Somebody who can sign in; what is missing is not told. */
export interface Identified {
  id: string;
  name: string;
  birthdate?: string;
  gender?: 'male' | 'female';
  address?: string;
  medicalRegistrationNumber?: string;
  hcRole?: string;
  certificateSerial?: string;
  certificateNotAfter?: string;
  /** Shown beside the name: what the demonstration's visitor needs next. */
  hint?: string;
}
