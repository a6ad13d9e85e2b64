// HTTP of accounts: `/api/people`, for administrators, managers and treating doctors.
import { Hono } from 'hono';
import { type HubEnv, notAllowed, notFound, Problem, readBody } from '../http/index.ts';
import { hasRole, type Person, type RoleAt, requireRole } from './actor.ts';
import { type LinkView, NewLink, NewPerson, type PersonView } from './contract.ts';
import type { Identity } from './identity.ts';
import type { Account } from './people.ts';

/** Whether the record lets the person act for a patient (id) as one of the doctors who treat the patient. Audited with the patient's name. */
export type Treats = (doctor: Person, patient: string) => Promise<boolean>;

/**
 * Mounted behind `signedIn`. A manager sees and makes accounts of caregivers of the own facility only; a doctor those of the patients whom
 * the doctor's organization treats, one at a time and by reference.
 */
export function peopleRoutes(identity: Identity, treats: Treats): Hono<HubEnv> {
  const { people, links, audit, sessions } = identity;
  const view = (account: Account & { lastSignIn?: Date | null }, roles: RoleAt[]): PersonView => ({
    account: account.id,
    name: account.name,
    email: account.email,
    reference: account.reference,
    roles,
    lastSignIn: account.lastSignIn?.toISOString() ?? null,
    ended: account.ended?.toISOString() ?? null,
  });
  /** An administrator for all; a manager for those who only hold caregiver roles at the manager's own facilities; a doctor for patients. */
  async function mayHandle(actor: Person, account: Pick<Account, 'reference' | 'administrator'>, held?: RoleAt[]): Promise<boolean> {
    if (hasRole(actor, ['administrator'])) return true;
    // An administrator's own rights must never be had through a patient's link.
    const patient = account.administrator ? undefined : patientIn(account.reference);
    if (patient) return hasRole(actor, ['doctor']) && treats(actor, patient);
    const roles = held ?? (await people.roles({ id: '', ...account }));
    return roles.length > 0 && roles.every(held => held.role === 'caregiver' && hasRole(actor, ['manager'], held.organization));
  }
  /** @throws Problem 404, 403 */
  async function handled(actor: Person, id: string): Promise<Account> {
    const account = await people.find(id);
    if (!account) throw notFound();
    if (!(await mayHandle(actor, account))) throw notAllowed();
    return account;
  }
  return new Hono<HubEnv>()
    .get('/', async context => {
      const actor = context.var.actor;
      const reference = context.req.query('reference');
      // A doctor asks for one patient; a list of everybody would be many looks into the record.
      requireRole(actor, patientIn(reference ?? null) ? ['administrator', 'doctor'] : ['administrator', 'manager']);
      const all = (await people.list()).filter(account => reference === undefined || account.reference === reference);
      const roles = await people.rolesOfAll(all);
      const seen = await Promise.all(all.map(account => mayHandle(actor, account, roles.get(account.id))));
      return context.json(all.filter((_, index) => seen[index]).map(account => view(account, roles.get(account.id) ?? [])));
    })
    .post('/', async context => {
      const actor = context.var.actor;
      const person = await readBody(context, NewPerson);
      // The role may have been written a moment ago, before the word of it came round.
      people.forgetRoles();
      if (!(await mayHandle(actor, { reference: person.reference, administrator: false }))) throw notAllowed();
      const account = await people.create(person);
      await audit({ actor, action: 'create', what: { ja: 'アカウントを作りました', en: 'Made an account' }, allowed: true });
      return context.json(view(account, await people.roles(account)), 201);
    })
    .post('/:account/link', async context => {
      const actor = context.var.actor;
      const { hours, uses } = await readBody(context, NewLink);
      const account = await handled(actor, context.req.param('account'));
      if (account.ended) throw accountEnded();
      const { token, expires } = await links.make({ account: account.id, hours, uses, createdBy: actor.account });
      await audit({
        actor,
        action: 'create',
        what: { ja: 'サインインのリンクを渡しました', en: 'Handed out a sign-in link' },
        allowed: true,
      });
      return context.json({ url: `${identity.publicUrl}/s#${token}`, expires: expires.toISOString() } satisfies LinkView, 201);
    })
    .get('/:account/sessions', async context => {
      const account = await handled(context.var.actor, context.req.param('account'));
      return context.json(await sessions.list(account.id, context.var.actor.session));
    })
    .delete('/:account/sessions', async context => {
      const actor = context.var.actor;
      const account = await handled(actor, context.req.param('account'));
      await sessions.endAll(account.id);
      await audit({
        actor,
        action: 'delete',
        what: { ja: 'ある人のサインインをすべて終えました', en: 'Ended all sessions of somebody' },
        allowed: true,
      });
      return context.body(null, 204);
    })
    .post('/:account/end', async context => {
      const actor = context.var.actor;
      const account = await handled(actor, context.req.param('account'));
      if (account.id === actor.account) throw ownAccount();
      if (await identity.endAccount(account.id, actor.account))
        await audit({ actor, action: 'delete', what: { ja: 'アカウントを終えました', en: 'Ended an account' }, allowed: true });
      return context.json(await now(account.id));
    })
    .post('/:account/reactivate', async context => {
      const actor = context.var.actor;
      const account = await handled(actor, context.req.param('account'));
      if (await identity.reactivate(account.id))
        await audit({ actor, action: 'update', what: { ja: 'アカウントを再開しました', en: 'Reactivated an account' }, allowed: true });
      return context.json(await now(account.id));
    });

  async function now(id: string): Promise<PersonView> {
    const account = await people.find(id);
    if (!account) throw notFound();
    return view(account, await people.roles(account));
  }
}

const accountEnded = () =>
  new Problem(409, 'account-ended', {
    ja: 'このアカウントは終わっています。先に再開してください。',
    en: 'This account is ended. Reactivate it first.',
  });
const ownAccount = () =>
  new Problem(409, 'own-account', {
    ja: '自分のアカウントは終えられません。ほかの管理者に頼んでください。',
    en: 'You cannot end your own account. Ask another administrator.',
  });

const patientIn = (reference: string | null) => (reference?.startsWith('Patient/') ? reference.slice('Patient/'.length) : undefined);
