// Records of other institutions from the shared platform: asked for with the patient's consent, taken over once, shown as from elsewhere.
import type { Bundle, Consent, Patient } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { sql } from 'kysely';
import type { Config } from '../../config.ts';
import { Problem } from '../../http/problem.ts';
import { checked, readBody, resourceId } from '../../http/request.ts';
import type { HubEnv } from '../../http/server-types.ts';
import { type Person, service } from '../../identity/actor.ts';
import type { Database } from '../../store/index.ts';
import type { OpenRecords } from '../open.ts';
import type { Identified } from '../repository.ts';
import { BUNDLE_IDENTIFIER, INSURED_PERSON, OWN } from '../systems.ts';
import { adopt, adoptedId, patientIn } from './adopt.ts';
import { ElsewhereConsent, type ElsewhereView } from './contract.ts';
import { tablesOf } from './deliveries.ts';

export interface ElsewhereDeps {
  config: Pick<Config, 'platformUrl'>;
  records: OpenRecords;
  database: Database;
  fetch?: typeof fetch;
}

const CONSENT_SYSTEM = `${OWN}:consent`;
const CONSENT_CODE = 'platform-import';
const REQUEST_MS = 20_000;
const DAY = 86_400_000;
const ASK = { ja: 'ほかの病院の記録を取り寄せる', en: 'take over records of other institutions' };

/** Mounted at /api/records: `/elsewhere/:patient` (GET, PUT by the patient, POST). */
export function elsewhereRoutes(deps: ElsewhereDeps): Hono<HubEnv> {
  const app = new Hono<HubEnv>();
  const patient = (text: string) => checked(resourceId, text);
  app.get('/elsewhere/:patient', async context =>
    context.json(await elsewhereOf(deps, context.var.actor, patient(context.req.param('patient')))),
  );
  app.put('/elsewhere/:patient', async context => {
    const { days } = await readBody(context, ElsewhereConsent);
    await allow(deps, context.var.actor, patient(context.req.param('patient')), days);
    return context.json(await elsewhereOf(deps, context.var.actor, patient(context.req.param('patient'))));
  });
  app.post('/elsewhere/:patient', async context =>
    context.json(await bring(deps, context.var.actor, patient(context.req.param('patient')))),
  );
  return app;
}

/** @throws Problem 403 */
async function elsewhereOf({ config, records, database }: ElsewhereDeps, actor: Person, patient: string): Promise<ElsewhereView> {
  await records.require(actor, patient, 'sharing', 'read', ASK);
  const consent = await consentOf(records, patient);
  const { rows } = await sql<{ at: Date; taken: number }>`select at, taken from platform_imports
    where patient = ${patient} order by at desc limit 1`.execute(database.kysely);
  return {
    available: config.platformUrl !== undefined,
    consentUntil: consent?.provision?.period?.end ?? null,
    own: actor.reference === `Patient/${patient}`,
    lastAt: rows[0]?.at.toISOString() ?? null,
    lastCount: rows[0]?.taken ?? null,
  };
}

/** The consent that is in force. */
async function consentOf(records: OpenRecords, patient: string): Promise<(Consent & { id: string }) | undefined> {
  const now = records.context.now().toISOString();
  const found = await records
    .as(service('documents'))
    .search<Consent>(`Consent?patient=Patient/${patient}&status=active&category=${CONSENT_SYSTEM}|${CONSENT_CODE}`);
  return (found as (Consent & { id: string })[]).find(({ provision }) => (provision?.period?.end ?? '') > now);
}

/** The patient's own word; `days` 0 takes it back. @throws Problem 403 for anyone else */
async function allow({ records }: ElsewhereDeps, actor: Person, patient: string, days: number): Promise<void> {
  if (actor.reference !== `Patient/${patient}`)
    throw new Problem(403, 'patients-only', { ja: '決められるのは患者さん本人だけです。', en: 'Only the patient decides this.' });
  const view = records.as(actor);
  const now = records.context.now();
  for (let former = await consentOf(records, patient); former; former = await consentOf(records, patient))
    await view.update({ ...former, status: 'inactive' });
  if (!days) return;
  await view.create<Consent>({
    resourceType: 'Consent',
    status: 'active',
    scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
    category: [{ coding: [{ system: CONSENT_SYSTEM, code: CONSENT_CODE }] }],
    patient: { reference: `Patient/${patient}` },
    dateTime: now.toISOString(),
    policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTIN' }] },
    provision: {
      type: 'permit',
      period: { start: now.toISOString(), end: new Date(now.getTime() + days * DAY).toISOString() },
      // To collect, and nothing else: it opens no part of this record to anyone.
      action: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentaction', code: 'collect' }] }],
    },
  });
}

/**
 * Asks the platform and takes over what is new. @returns how much was taken, known before, and not understood
 * @throws Problem 403 without the right or the patient's consent, 422 without an insured person's number, 503 when the platform is away
 */
async function bring(
  { config, records, database, fetch: ask = fetch }: ElsewhereDeps,
  actor: Person,
  patient: string,
): Promise<{ taken: number; known: number; refused: number }> {
  await records.require(actor, patient, 'document', 'read', ASK);
  const consent = await consentOf(records, patient);
  if (!consent) {
    await records.audit({ actor, action: 'read', what: ASK, patient, allowed: false });
    throw new Problem(403, 'no-consent', {
      ja: '患者さんの同意がありません。患者さんが「私の記録」で決めると、取り寄せられます。',
      en: 'The patient has not agreed that records of other institutions are asked for.',
    });
  }
  const url = config.platformUrl;
  if (!url) throw away(new Error('no platform is configured'));
  const hub = records.as(service('documents'));
  const own: Patient = await hub.read('Patient', patient);
  const member = own.identifier?.find(({ system }) => system === INSURED_PERSON)?.value;
  if (!member) {
    throw new Problem(422, 'no-insured-number', {
      ja: '患者さんの被保険者番号が登録されていません。',
      en: 'The patient’s insured number is not in the record.',
    });
  }
  const bundles = await query(ask, url, { member, consent: consent.id });
  const mine = new Set(
    (await tablesOf(database).selectFrom('deliveries').select('identifier').where('patient', '=', patient).execute()).map(
      row => row.identifier,
    ),
  );
  const counts = { taken: 0, known: 0, refused: 0 };
  for (const bundle of bundles) {
    // What this hub registered itself is here already, and stays as it is.
    const ours = bundle.identifier?.system === BUNDLE_IDENTIFIER && mine.has(bundle.identifier.value ?? '');
    if (ours) continue;
    const same = patientIn(bundle)?.identifier?.some(({ system, value }) => system === INSURED_PERSON && value === member);
    const [before] = await hub.search(`Provenance?_id=${adoptedId(patient, bundle)}`);
    if (before) counts.known++;
    else if (same && (await take(records, bundle, patient, url))) counts.taken++;
    else counts.refused++;
  }
  await sql`insert into platform_imports (patient, at, by, taken, known, refused)
    values (${patient}, ${records.context.now()}, ${actor.reference ?? actor.account}, ${counts.taken}, ${counts.known}, ${counts.refused})`.execute(
    database.kysely,
  );
  return counts;
}

/** All of a bundle or nothing of it. @returns false when it holds nothing that this record understands */
async function take(records: OpenRecords, bundle: Bundle, patient: string, url: string): Promise<boolean> {
  const { original, resources, provenance } = adopt(bundle, { patient, url, now: records.context.now() });
  if (!resources.length) return false;
  try {
    await records.guarded(service('documents')).within(async inside => {
      for (const resource of [original, ...resources, provenance] as Identified[]) await inside.create(resource, resource.id);
    });
    return true;
  } catch (error) {
    if (error instanceof Problem && error.status === 422) return false;
    throw error;
  }
}

const away = (cause: unknown) =>
  new Problem(
    503,
    'platform-away',
    {
      ja: '医療情報プラットフォームにつながりません。少し待って、もう一度試してください。',
      en: 'The shared platform cannot be reached. Wait a little and try again.',
    },
    { cause },
  );

/** @throws Problem 503 */
async function query(ask: typeof fetch, url: string, body: { member: string; consent: string }): Promise<Bundle[]> {
  let answer: Bundle;
  try {
    const response = await ask(new URL('/query', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    if (!response.ok) throw new Error(`the platform answered ${response.status}`);
    answer = (await response.json()) as Bundle;
  } catch (error) {
    throw away(error);
  }
  return (answer.entry ?? []).flatMap(({ resource }) => (resource?.resourceType === 'Bundle' ? [resource] : []));
}
