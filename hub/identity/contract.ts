// What identity tells and takes over HTTP. Types only for the web application.
import { z } from 'zod';
import { PERSON_ROLES, type RoleAt } from './actor.ts';

/** GET /api/session */
export interface SessionView {
  account: string;
  name: string;
  reference: string | null;
  roles: RoleAt[];
  language: 'ja' | 'en';
  /** The hub runs the demonstration: simulated people, shown on every page. */
  demonstration: boolean;
}

/** POST /api/session/link: uses a sign-in link's token (it travels in the URL's fragment, never in a request line). */
export const UseLink = z.object({ token: z.string().min(20).max(200) });
/** POST /api/session/password */
export const PasswordSignIn = z.object({ email: z.email().max(200), password: z.string().min(1).max(200) });
/** POST /api/session/first: the first administrator, with the one-time token that the first start prints. */
export const FirstAdministrator = z.object({
  token: z.string().min(20).max(200),
  name: z.string().min(1).max(100),
  email: z.email().max(200),
  password: z.string().min(13).max(200),
});
/** PUT /api/session/language */
export const SetLanguage = z.object({ language: z.enum(['ja', 'en']) });

/** POST /api/people (administrator; a manager for caregivers of the own facility; a doctor for patients the own organization treats): an account for a Practitioner or Patient that is in the record. */
export const NewPerson = z.object({
  name: z.string().min(1).max(100),
  email: z.email().max(200),
  /** `Practitioner/…` or `Patient/…` */
  reference: z.string().regex(/^(Practitioner|Patient)\/[A-Za-z0-9.-]{1,64}$/),
  language: z.enum(['ja', 'en']).default('ja'),
});
/** POST /api/people/:account/link: a sign-in link to hand over. */
export const NewLink = z.object({ hours: z.number().int().min(1).max(720).default(24), uses: z.number().int().min(1).max(100).default(1) });
export interface LinkView {
  /** `<public url>/s#<token>` */
  url: string;
  expires: string;
}
/** GET /api/people; with `?reference=Patient/…` also for the doctors who treat that patient */
export interface PersonView {
  account: string;
  name: string;
  email: string;
  reference: string | null;
  roles: RoleAt[];
  lastSignIn: string | null;
}
export const AnyRole = z.enum(PERSON_ROLES);
