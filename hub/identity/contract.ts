// What identity tells and takes over HTTP. Types only for the web application.
import { z } from 'zod';
import { type Factor, PERSON_ROLES, type RoleAt } from './actor.ts';

/** GET /api/session */
export interface SessionView {
  account: string;
  name: string;
  reference: string | null;
  /** Patient id for whom this person acts. */
  actsFor?: string;
  roles: RoleAt[];
  language: 'ja' | 'en';
  /** The hub runs the demonstration: simulated people, shown on every page. */
  demonstration: boolean;
  /** Signing in is not finished: nothing of a person's data opens (`roles` is empty) until a factor is set up or a second one is given. */
  step?: 'enrol' | 'second';
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
/** POST /api/session/second and POST /api/session/confirm: a one-time code of the app, or a backup code. */
export const Code = z.object({ code: z.string().min(6).max(40) });
/** What the browser's WebAuthn gives back; the library looks into it. */
const DeviceAnswer = z.looseObject({
  id: z.string().max(2000),
  rawId: z.string().max(2000),
  type: z.literal('public-key'),
  response: z.looseObject({}),
});
/** POST /api/session/passkey and POST /api/session/confirm/passkey; the question came with …/begin. */
export const PasskeyAnswer = z.object({ answer: DeviceAnswer });
const passkeyName = z.string().trim().min(1).max(60);
/** POST /api/session/factors/passkeys */
export const NewPasskey = z.object({ name: passkeyName, answer: DeviceAnswer });
/** PUT /api/session/factors/passkeys/:id */
export const RenamePasskey = z.object({ name: passkeyName });
/** PUT /api/session/factors/password */
export const NewPassword = z.object({ password: z.string().min(8).max(200) });
export interface PasskeyView {
  id: string;
  name: string;
  created: string;
  lastUsed: string | null;
  /** Kept by the maker's account on several devices. */
  synced: boolean;
}
/** GET /api/session/factors */
export interface FactorsView {
  password: boolean;
  totp: boolean;
  /** Unused ones. */
  backupCodes: number;
  passkeys: PasskeyView[];
  /** Sign-ins elsewhere that open this account. */
  bindings: { provider: string; since: string; lastUsed: string | null }[];
  licence: LicenceView | null;
  /** Staff need two factors here. */
  twoFactors: boolean;
}
/** GET /api/session/providers: sign-ins elsewhere that this hub takes. */
export interface ProviderView {
  id: 'patient' | 'clinician';
  for: 'patient' | 'clinician';
  name: { ja: string; en: string };
}
/** POST /api/session/oidc/:provider/callback: what the provider put into the address of `/oidc/:provider`. */
export const CameBackWith = z.object({
  state: z.string().max(500),
  code: z.string().max(4000).optional(),
  iss: z.string().max(500).optional(),
  error: z.string().max(200).optional(),
});
/** POST /api/session/oidc/bind: the number on the insurance card (被保険者番号), once. */
const cardPart = z.string().trim().min(1).max(40);
export const Bind = z.object({
  insurer: z
    .string()
    .trim()
    .regex(/^\d{6,8}$/),
  symbol: z.string().trim().max(40),
  number: cardPart,
  branch: z
    .string()
    .trim()
    .regex(/^\d{1,2}$/),
});
/** Signed in, or first the insured number is needed. */
export type OidcAnswer = { entered: SessionView } | { bind: { name: string } };
/** POST /api/session/factors/totp/begin */
export interface TotpView {
  secret: string;
  /** For the QR code. */
  uri: string;
}
/** What a clinician's card said, and when each part was seen. */
export interface LicenceView {
  registrationNumber: string;
  hcRole: string;
  certificateSerial: string;
  certificateUntil: string;
  certificateSeen: string;
  registrationSeen: string;
  affiliations: string[];
  affiliationSeen: string | null;
}
/** GET /api/session/sessions and GET /api/people/:account/sessions */
export interface SignedInAt {
  id: string;
  since: string;
  lastUsed: string;
  address: string;
  /** Browser and system, as the browser names them. */
  device: string;
  factors: Factor[];
  current: boolean;
}
/** PUT /api/session/language */
export const SetLanguage = z.object({ language: z.enum(['ja', 'en']) });

/** POST /api/people (administrator; a manager for caregivers of the own facility; a doctor for patients the own organization treats): an account for a Practitioner or Patient that is in the record. */
export const NewPerson = z.object({
  name: z.string().min(1).max(100),
  email: z.email().max(200),
  /** `Practitioner/…`, `Patient/…` or, who acts for a patient, `RelatedPerson/…` */
  reference: z.string().regex(/^(Practitioner|Patient|RelatedPerson)\/[A-Za-z0-9.-]{1,64}$/),
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
  /** Since when the account is ended; null: it can sign in. */
  ended: string | null;
}
export const AnyRole = z.enum(PERSON_ROLES);

/** POST /api/apps (administrator) */
export const NewApp = z.object({
  name: z.string().trim().min(1).max(80),
  kind: z.enum(['service', 'user']),
  /** The app's public keys (JWKS); services have them, apps in a browser do not. */
  keys: z
    .object({
      keys: z
        .array(z.looseObject({ kty: z.enum(['EC', 'RSA']), d: z.undefined().optional(), k: z.undefined().optional() }))
        .min(1)
        .max(5),
    })
    .nullable()
    .default(null),
  redirects: z
    .array(z.url({ protocol: /^https?$/ }).max(500))
    .max(5)
    .default([]),
  /** SMART scopes, with spaces between. */
  scopes: z.string().min(1).max(1000),
  /** As whom a service acts: its rights are those of this role at this organization. */
  role: z.enum(['doctor', 'caregiver', 'manager']).nullable().default(null),
  organization: z
    .string()
    .regex(/^[A-Za-z0-9.-]{1,64}$/)
    .nullable()
    .default(null),
});
/** GET /api/apps */
export interface AppView {
  id: string;
  name: string;
  kind: 'service' | 'user';
  scopes: string[];
  redirects: string[];
  role: string | null;
  organizationName: string | null;
  created: string;
  ended: string | null;
  lastUsed: string | null;
  /** That still live. */
  tokens: number;
}
/** POST /api/oauth/asked and POST /api/oauth/allow: what the app put into the address of `/authorize`. */
export const AppAsks = z.object({
  response_type: z.literal('code'),
  client_id: z.string().min(1).max(100),
  redirect_uri: z.string().min(1).max(500),
  scope: z.string().min(1).max(1000),
  state: z.string().min(1).max(500),
  aud: z.string().max(500),
  code_challenge: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  code_challenge_method: z.literal('S256'),
  /** Patient id, chosen by the person. */
  patient: z
    .string()
    .regex(/^[A-Za-z0-9.-]{1,64}$/)
    .optional(),
});
export interface AskedView {
  app: string;
  scopes: { ja: string; en: string }[];
  /** The person has to choose a patient. */
  needsPatient: boolean;
}
