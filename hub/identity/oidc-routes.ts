// HTTP of signing in elsewhere: where to go, what came back, and the first binding of a patient's or a clinician's account.
import { type Context, Hono } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { JWTPayload } from 'jose';
import { z } from 'zod';
import { type HubEnv, notFound, Problem, peerOf, readBody } from '../http/index.ts';
import { Bind, CameBackWith, type OidcAnswer, type ProviderView } from './contract.ts';
import { enterAs, viewOf } from './enter.ts';
import type { Identity } from './identity.ts';
import { Attributes, memberId, type PatientFacts, sameBirth, samePerson } from './match.ts';
import type { ProviderId } from './oidc.ts';

const COOKIE = 'hub.elsewhere';
const NAMES: Record<ProviderId, ProviderView['name']> = {
  patient: { ja: 'マイナンバーカードで入る', en: 'Sign in with My Number Card' },
  clinician: { ja: '医療者の資格証(HPKI)で入る', en: 'Sign in with a clinician’s card (HPKI)' },
};
/** hcRole of ISO 17090 that may sign in as a doctor here. */
const DOCTORS = new Set(['Medical Doctor', 'Dentist']);

/** What identity asks of the record to find whom a card belongs to. */
export interface WhoIs {
  /** Patients with this insured number. */
  patientsInsured(memberId: string): Promise<PatientFacts[]>;
  patient(id: string): Promise<PatientFacts | null>;
  /** `Practitioner/…` with this 医籍登録番号. */
  practitioners(registrationNumber: string): Promise<string[]>;
}

interface Waiting {
  issuer: string;
  subject: string;
  card: Attributes;
}

export function oidcRoutes(identity: Identity, whoIs: WhoIs): Hono<HubEnv> {
  const { oidc, bindings, people, attempts, once } = identity;
  const keep = (context: Context<HubEnv>, key: string, seconds: number) =>
    setCookie(context, COOKIE, key, {
      httpOnly: true,
      sameSite: 'Strict',
      secure: identity.publicUrl.startsWith('https:'),
      path: '/api/session/oidc',
      maxAge: seconds,
    });
  const refuse = (en: string) =>
    identity.audit({ actor: null, action: 'sign-in', what: { ja: 'ほかのサービスによるサインインを断りました', en }, allowed: false });
  const providerOf = (context: Context<HubEnv>): ProviderId => {
    const id = context.req.param('provider');
    if (id !== 'patient' && id !== 'clinician') throw notFound();
    return id;
  };
  async function entered(context: Context<HubEnv>, account: string, factor: 'oidc' | 'hpki') {
    const standing = await enterAs(identity, context, account, [factor]);
    return context.json({ entered: await viewOf(identity, standing) } satisfies OidcAnswer);
  }

  async function asPatient(context: Context<HubEnv>, issuer: string, claims: JWTPayload, linking: string | null) {
    const subject = String(claims.sub);
    const bound = await bindings.find(issuer, subject);
    if (bound) {
      if (linking && bound !== linking) throw otherAccount();
      return entered(context, bound, 'oidc');
    }
    const card = Attributes.safeParse(claims);
    if (!card.success) throw nobodyFound();
    if (linking) {
      // A link that staff handed over has signed this patient in: what the card says must not contradict it.
      const reference = (await people.find(linking))?.reference ?? '';
      const patient = reference.startsWith('Patient/') ? await whoIs.patient(reference.slice('Patient/'.length)) : null;
      if (!patient || !sameBirth(card.data, patient)) throw nobodyFound();
      if (!(await bindings.bind({ issuer, subject, provider: 'patient', account: linking }))) throw otherAccount();
      return entered(context, linking, 'oidc');
    }
    keep(context, await once.keep('oidc-bind', { issuer, subject, card: card.data } satisfies Waiting, 600), 600);
    return context.json({ bind: { name: card.data.name } } satisfies OidcAnswer);
  }

  async function asClinician(context: Context<HubEnv>, issuer: string, claims: JWTPayload) {
    const card = Card.safeParse(claims);
    if (!card.success || !DOCTORS.has(card.data.hc_role)) throw noLicence();
    const until = new Date(card.data.certificate_not_after);
    if (!(until.getTime() > Date.now())) throw certificateOver();
    const found = await whoIs.practitioners(card.data.medical_registration_number);
    const account = found.length === 1 ? await people.byReference(found[0]!) : undefined;
    if (!account || account.ended) throw noLicence();
    const bound = await bindings.bind({ issuer, subject: String(claims.sub), provider: 'clinician', account: account.id });
    if (!bound) throw otherAccount();
    const roles = await people.roles(account);
    const affiliations = [...new Set(roles.filter(({ organization }) => organization).map(({ organizationName }) => organizationName))];
    if (!affiliations.length) throw noLicence();
    await bindings.keepLicence(
      account.id,
      {
        registrationNumber: card.data.medical_registration_number,
        hcRole: card.data.hc_role,
        certificateSerial: card.data.certificate_serial,
        certificateUntil: until,
        affiliations,
      },
      new Date(),
    );
    return entered(context, account.id, 'hpki');
  }

  return new Hono<HubEnv>()
    .get('/providers', context => {
      const offered = (['patient', 'clinician'] as const).filter(id => oidc.providers[id]);
      return context.json(offered.map(id => ({ id, for: id, name: NAMES[id] })) satisfies ProviderView[]);
    })
    .post('/oidc/bind', async context => {
      const insured = await readBody(context, Bind);
      const kept = getCookie(context, COOKIE) ?? '';
      const waiting = await once.take<Waiting>('oidc-bind', kept);
      if (!waiting) throw startAgain();
      const who = `${waiting.issuer} ${waiting.subject}`;
      await attempts.admit(who, peerOf(context));
      const found = (await whoIs.patientsInsured(memberId(insured))).filter(patient => samePerson(waiting.card, patient));
      if (found.length !== 1) {
        await attempts.failed(who, peerOf(context));
        await refuse('The insured number and the card name no one patient');
        // Another try with the same card, which was just proven.
        keep(context, await once.keep('oidc-bind', waiting, 600), 600);
        throw nobodyFound();
      }
      const reference = `Patient/${found[0]!.id}`;
      const account =
        (await people.byReference(reference)) ??
        (await people.create({
          name: waiting.card.name,
          email: `${found[0]!.id.toLowerCase()}@patient.invalid`,
          reference,
          language: 'ja',
        }));
      if (account.ended) throw nobodyFound();
      if (!(await bindings.bind({ issuer: waiting.issuer, subject: waiting.subject, provider: 'patient', account: account.id })))
        throw otherAccount();
      return entered(context, account.id, 'oidc');
    })
    .post('/oidc/:provider', async context => {
      const provider = providerOf(context);
      await attempts.admit(null, peerOf(context));
      const standing = await identity.standingOf(context.req.raw.headers);
      const linking = provider === 'patient' && standing && !standing.step && standing.account.reference?.startsWith('Patient/');
      const { url, key } = await oidc.begin(provider, linking ? standing.account.id : null);
      keep(context, key, 600);
      return context.json({ url });
    })
    .post('/oidc/:provider/callback', async context => {
      const provider = providerOf(context);
      const back = await readBody(context, CameBackWith);
      await attempts.admit(null, peerOf(context));
      try {
        const { issuer, claims, account } = await oidc.finish(provider, getCookie(context, COOKIE) ?? '', back);
        return await (provider === 'patient' ? asPatient(context, issuer, claims, account) : asClinician(context, issuer, claims));
      } catch (error) {
        if (error instanceof Problem && error.status === 401) await attempts.failed(null, peerOf(context));
        await refuse(`A sign-in elsewhere was refused: ${error instanceof Problem ? error.code : 'unexpected'}`);
        throw error;
      }
    });
}

const Card = z.object({
  medical_registration_number: z.string().regex(/^\d{1,10}$/),
  hc_role: z.string(),
  certificate_serial: z.string().regex(/^[0-9A-Fa-f:]{1,80}$/),
  certificate_not_after: z.iso.datetime({ offset: true }),
});

const nobodyFound = () =>
  new Problem(403, 'nobody-found', {
    ja: 'カードの内容と合う人が見つかりませんでした。保険証の番号をもう一度確かめるか、病院の窓口でリンクをもらってください。',
    en: 'Nobody fits what the card says. Check the insured number once more, or ask your hospital for a link.',
  });
const startAgain = () =>
  new Problem(401, 'oidc-again', {
    ja: '時間がたちました。はじめから、もう一度入ってください。',
    en: 'Too much time has passed. Please start again.',
  });
const otherAccount = () =>
  new Problem(409, 'other-account', {
    ja: 'このカードは、ほかの人のアカウントで使われています。病院の窓口にきいてください。',
    en: 'This card belongs to another account. Ask your hospital.',
  });
const noLicence = () =>
  new Problem(403, 'no-licence', {
    ja: '資格証の登録番号と所属が、ここの記録と合いません。管理者に、登録番号と役割を確かめてもらってください。',
    en: 'The card’s registration and facility do not fit the record here. Ask your administrator to check both.',
  });
const certificateOver = () =>
  new Problem(403, 'certificate-over', { ja: '資格証の有効期間が終わっています。', en: 'The card’s certificate has ended.' });
