// A consultation that a carer asks for: the treating doctors with the patient, the carer beside the patient (D to P with N).
import type { PractitionerRole } from '@medplum/fhirtypes';
import { Problem } from '../http/problem.ts';
import { type Person, service } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';
import { ROLE_SYSTEM } from '../records/systems.ts';
import { CONSULTATION } from './consultations.ts';
import { ALERT_EXTENSION, encounterResource } from './encounter-resource.ts';
import { humanName } from './people.ts';

/** Doctors on whose worklist it comes. */
const DOCTORS = 4;

/**
 * @param asked reason: as it stands on the worklist; alert: id of the alert
 * @returns the Encounter's id
 * @throws Problem 403, 404; 409 when no doctor treats the patient here
 */
export async function requestConsultation(
  records: Records,
  actor: Person,
  asked: { patient: string; reason: string; alert: string },
  now: Date,
): Promise<string> {
  const patient = await records.as(actor).read('Patient', asked.patient);
  const hub = records.as(service('consult'));
  const treating = [...(patient.generalPractitioner ?? []), patient.managingOrganization].flatMap(each =>
    each?.reference?.startsWith('Organization/') ? [each.reference] : [],
  );
  const roles = treating.length
    ? await hub.search<PractitionerRole>(
        `PractitionerRole?organization=${[...new Set(treating)].join(',')}&role=${encodeURIComponent(`${ROLE_SYSTEM}|doctor`)}&active=true&_count=${DOCTORS}&_sort=_id`,
      )
    : [];
  const references = [...new Set(roles.flatMap(role => role.practitioner?.reference ?? []))];
  const doctors = await Promise.all(
    references.map(async reference => ({
      reference,
      name: humanName(await hub.read('Practitioner', reference.replace(/^Practitioner\//, ''))) ?? reference,
    })),
  );
  const [host, ...others] = doctors;
  const organization = roles.find(role => role.practitioner?.reference === host?.reference)?.organization?.reference?.split('/')[1];
  if (!host || !organization)
    throw new Problem(409, 'no-doctor', {
      ja: 'この人をみている医師が登録されていません。急ぐときは、電話で連絡してください。',
      en: 'No doctor is registered as treating this person. If it is urgent, telephone.',
    });
  const { name: organizationName } = await hub.read('Organization', organization);
  const carer = actor.reference?.startsWith('Practitioner/') ? [{ reference: actor.reference, name: actor.name }] : [];
  const resource = encounterResource({
    pattern: 'DtoPwithN',
    reason: asked.reason,
    start: now.toISOString(),
    patient: { id: asked.patient, name: humanName(patient) ?? asked.patient },
    host,
    invited: [...others, ...carer],
    provider: { id: organization, name: organizationName ?? '' },
  });
  const { id } = await hub.create({ ...resource, extension: [{ url: ALERT_EXTENSION, valueString: asked.alert }] });
  await records.audit({ actor, action: 'create', what: CONSULTATION, patient: asked.patient, allowed: true });
  return id;
}
