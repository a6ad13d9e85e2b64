// HTTP of what a patient decides: who sees what until when, who acts for the patient, and what changed.
import { Hono } from 'hono';
import { z } from 'zod';
import { Problem } from '../../http/problem.ts';
import { checked, readBody, resourceId } from '../../http/request.ts';
import type { HubEnv } from '../../http/server-types.ts';
import { hasRole, type Person, requireRole } from '../../identity/actor.ts';
import type { OpenRecords } from '../open.ts';
import { CATEGORIES } from '../records.ts';
import { addProxy, endProxy, proxiesOf } from './proxies.ts';
import { addRule, rulesOf, setRule, setSharing, shareable, sharingOf } from './sharing.ts';

const Sharing = z.object({ organization: resourceId, allow: z.boolean() });
const categories = z.array(z.enum(CATEGORIES)).min(1).nullable().default(null);
const time = z.iso.datetime({ offset: true });
const Rule = z.object({
  effect: z.enum(['permit', 'deny']),
  party: z
    .string()
    .regex(/^(Organization|Practitioner)\/[A-Za-z0-9.-]{1,64}$/)
    .nullable(),
  categories,
  purposes: z
    .array(z.enum(['TREAT', 'ETREAT', 'HRESCH', 'PATRQT', 'HOPERAT']))
    .min(1)
    .nullable()
    .default(null),
  from: time.nullable().default(null),
  until: time.nullable().default(null),
});
const Stands = z.object({ stands: z.boolean() });
const NewProxy = z.object({
  name: z.string().trim().min(1).max(100),
  relationship: z.enum(['guardian', 'family']),
  categories,
  until: time.nullable().default(null),
  phone: z.string().trim().max(40).default(''),
  evidence: z.string().trim().max(500).default(''),
});

/** Mounted at /api/records. */
export function sharingRoutes({ records }: { records: OpenRecords }): Hono<HubEnv> {
  return new Hono<HubEnv>()
    .get('/sharing', async context => context.json(await sharingOf(records, patientIn(context.var.actor))))
    .post('/sharing', async context => {
      const person = patientIn(context.var.actor);
      const { organization, allow } = await readBody(context, Sharing);
      await setSharing(records, person, organization, allow);
      return context.json(await sharingOf(records, person));
    })
    .get('/sharing/rules', async context => context.json(await rulesOf(records, patientIn(context.var.actor))))
    .post('/sharing/rules', async context => {
      const person = patientIn(context.var.actor);
      const consent = await addRule(records, person, await readBody(context, Rule));
      return context.json({ consent }, 201);
    })
    .put('/sharing/rules/:consent', async context => {
      const person = patientIn(context.var.actor);
      const { stands } = await readBody(context, Stands);
      await setRule(records, person, checked(resourceId, context.req.param('consent')), stands);
      return context.json({});
    })
    .get('/sharing/people', async context => {
      const person = patientIn(context.var.actor);
      const { name } = checked(z.object({ name: z.string().trim().min(1).max(100) }), context.req.query());
      return context.json(await shareable(records, person, name));
    })
    .get('/proxies/:patient', async context => {
      const { actor } = context.var;
      const patient = proxyPatient(actor, context.req.param('patient'));
      const what = { ja: '代わりに見る人の一覧を見る', en: 'list who acts for the patient' };
      await records.audit({ actor, action: 'read', what, patient, allowed: true });
      return context.json(await proxiesOf(records, patient));
    })
    .post('/proxies/:patient', async context => {
      const { actor } = context.var;
      const patient = proxyPatient(actor, context.req.param('patient'));
      const asked = await readBody(context, NewProxy);
      if (hasRole(actor, ['administrator']) ? !asked.evidence : asked.relationship === 'guardian') throw evidenceNeeded();
      const reference = await addProxy(records, actor, patient, asked);
      return context.json({ reference }, 201);
    })
    .post('/proxies/:patient/:id/end', async context => {
      const { actor } = context.var;
      const patient = proxyPatient(actor, context.req.param('patient'));
      await endProxy(records, actor, patient, checked(resourceId, context.req.param('id')));
      return context.json(await proxiesOf(records, patient));
    });
}

/** @throws Problem 403 unless the actor is a patient */
function patientIn(actor: Person): Person {
  if (actor.reference?.startsWith('Patient/')) return actor;
  throw new Problem(403, 'patients-only', {
    ja: '共有を決められるのは患者さん本人だけです。',
    en: 'Only the patient decides what is shared.',
  });
}

/** The patient's own, or anyone's for an administrator. @throws Problem 403 */
function proxyPatient(actor: Person, asked: string): string {
  const patient = checked(resourceId, asked);
  if (actor.reference !== `Patient/${patient}`) requireRole(actor, ['administrator']);
  return patient;
}

const evidenceNeeded = () =>
  new Problem(422, 'evidence-needed', {
    ja: '法定代理人は、管理者が証明(登記事項証明書など)を確かめて登録します。',
    en: 'A guardian is entered by an administrator, with the evidence that was checked.',
  });
