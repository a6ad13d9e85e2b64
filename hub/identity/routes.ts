// HTTP of identity: `/api/session` (signing in and out) and `/api/people` (accounts, for administrators, managers and treating doctors).
import { Hono, type MiddlewareHandler } from 'hono';
import type { z } from 'zod';
import { type HubEnv, notAllowed, notFound, peerOf, readBody } from '../http/index.ts';
import { hasRole, type Person, requireRole } from './actor.ts';
import {
  FirstAdministrator,
  type LinkView,
  NewLink,
  NewPerson,
  PasswordSignIn,
  type PersonView,
  type SessionView,
  SetLanguage,
  UseLink,
} from './contract.ts';
import { type Identity, linkOver, requirePerson } from './identity.ts';
import type { Account } from './people.ts';

/** Puts the signed-in person into `c.var.actor`; everything mounted behind it answers 401 to others. */
export const signedIn =
  (identity: Identity): MiddlewareHandler<HubEnv> =>
  async (context, next) => {
    context.set('actor', await requirePerson(identity, context.req.raw.headers));
    await next();
  };

export function sessionRoutes(identity: Identity): Hono<HubEnv> {
  const view = ({ account, name, reference, roles, language }: Person): SessionView => ({
    account,
    name,
    reference,
    roles,
    language,
    demonstration: identity.demonstration,
  });
  const signIn = async (context: Parameters<MiddlewareHandler>[0], path: '/sign-in/email' | '/sign-in/link', body: object) => {
    const { account, cookies } = await identity.open(path, body, context.req.raw.headers, peerOf(context));
    for (const cookie of cookies) context.header('set-cookie', cookie, { append: true });
    const headers = new Headers({ cookie: cookies.map(cookie => cookie.split(';')[0]).join('; ') });
    const actor = await requirePerson(identity, headers);
    await identity.audit({ actor, action: 'sign-in', what: { ja: 'サインイン', en: 'Signed in' }, allowed: true });
    return context.json({ ...view(actor), account });
  };
  return new Hono<HubEnv>()
    .get('/', async context => context.json(view(await requirePerson(identity, context.req.raw.headers))))
    .post('/link', async context => signIn(context, '/sign-in/link', await readBody(context, UseLink)))
    .post('/password', async context => signIn(context, '/sign-in/email', await readBody(context, PasswordSignIn)))
    .post('/first', async context => {
      const { token, name, email, password } = await readBody(context, FirstAdministrator);
      if (!(await identity.people.none()) || !(await identity.links.useFirst(token))) throw linkOver();
      const account = await identity.people.create({ name, email, reference: null, language: 'ja', administrator: true });
      await setPassword(identity, account.id, password);
      await identity.links.end(null);
      return signIn(context, '/sign-in/email', { email, password } satisfies z.infer<typeof PasswordSignIn>);
    })
    .put('/language', async context => {
      const actor = await requirePerson(identity, context.req.raw.headers);
      const { language } = await readBody(context, SetLanguage);
      await identity.people.setLanguage(actor.account, language);
      return context.json(view({ ...actor, language }));
    })
    .delete('/', async context => {
      for (const cookie of await identity.close(context.req.raw.headers)) context.header('set-cookie', cookie, { append: true });
      return context.body(null, 204);
    });
}

async function setPassword(identity: Identity, account: string, password: string) {
  const context = await identity.signIn.$context;
  const hash = await context.password.hash(password);
  await context.internalAdapter.createAccount({ userId: account, providerId: 'credential', accountId: account, password: hash });
}

/** Whether the record lets the person act for a patient (id) as one of the doctors who treat the patient. Audited with the patient's name. */
export type Treats = (doctor: Person, patient: string) => Promise<boolean>;

/**
 * Mounted behind `signedIn`. A manager sees and makes accounts of caregivers of the own facility only; a doctor those of the patients whom
 * the doctor's organization treats, one at a time and by reference.
 */
export function peopleRoutes(identity: Identity, treats: Treats): Hono<HubEnv> {
  const { people, links, audit } = identity;
  const view = async (account: Account & { lastSignIn?: Date | null }): Promise<PersonView> => ({
    account: account.id,
    name: account.name,
    email: account.email,
    reference: account.reference,
    roles: await people.roles(account),
    lastSignIn: account.lastSignIn?.toISOString() ?? null,
  });
  /** An administrator for all; a manager for those who only hold caregiver roles at the manager's own facilities; a doctor for patients. */
  async function mayHandle(actor: Person, account: Pick<Account, 'reference' | 'administrator'>): Promise<boolean> {
    if (hasRole(actor, ['administrator'])) return true;
    // An administrator's own rights must never be had through a patient's link.
    const patient = account.administrator ? undefined : patientIn(account.reference);
    if (patient) return hasRole(actor, ['doctor']) && treats(actor, patient);
    const roles = await people.roles({ id: '', name: '', email: '', language: 'ja', ...account });
    return roles.length > 0 && roles.every(held => held.role === 'caregiver' && hasRole(actor, ['manager'], held.organization));
  }
  return new Hono<HubEnv>()
    .get('/', async context => {
      const actor = context.var.actor;
      const reference = context.req.query('reference');
      // A doctor asks for one patient; a list of everybody would be many looks into the record.
      requireRole(actor, patientIn(reference ?? null) ? ['administrator', 'doctor'] : ['administrator', 'manager']);
      const all = (await people.list()).filter(account => reference === undefined || account.reference === reference);
      const seen = await Promise.all(all.map(account => mayHandle(actor, account)));
      return context.json(await Promise.all(all.filter((_, index) => seen[index]).map(view)));
    })
    .post('/', async context => {
      const actor = context.var.actor;
      const person = await readBody(context, NewPerson);
      people.forgetRoles();
      if (!(await mayHandle(actor, { reference: person.reference, administrator: false }))) throw notAllowed();
      const account = await people.create(person);
      await audit({ actor, action: 'create', what: { ja: 'アカウントを作りました', en: 'Made an account' }, allowed: true });
      return context.json(await view(account), 201);
    })
    .post('/:account/link', async context => {
      const actor = context.var.actor;
      const { hours, uses } = await readBody(context, NewLink);
      const account = await people.find(context.req.param('account'));
      if (!account) throw notFound();
      if (!(await mayHandle(actor, account))) throw notAllowed();
      const { token, expires } = await links.make({ account: account.id, hours, uses, createdBy: actor.account });
      await audit({
        actor,
        action: 'create',
        what: { ja: 'サインインのリンクを渡しました', en: 'Handed out a sign-in link' },
        allowed: true,
      });
      return context.json({ url: `${identity.publicUrl}/s#${token}`, expires: expires.toISOString() } satisfies LinkView, 201);
    });
}

const patientIn = (reference: string | null) => (reference?.startsWith('Patient/') ? reference.slice('Patient/'.length) : undefined);
