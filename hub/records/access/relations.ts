// What a resource says about who stands how to a patient: kept as rows beside it for consent to join on.
import type { Consent, Encounter, Patient, Resource } from '@medplum/fhirtypes';
import { spanOf } from '../search/dates.ts';
import { isResidence } from './compartment.ts';
import { CATEGORY_SYSTEM } from './provisions.ts';

/** How many days after the end of a consultation those who took part may still read. */
export const CONSULTED_DAYS = 30;

export interface Relation {
  patient: string;
  kind: 'treats' | 'residence' | 'consulted' | 'share' | 'phr';
  /** `Organization/…`; for `consulted` `Practitioner/…`, for `share` `urn:uuid:…` of a link that the patient made. */
  party: string;
  since: Date | null;
  until: Date | null;
}

const idOf = (reference: string | undefined, type: string) =>
  reference?.startsWith(`${type}/`) ? reference.slice(type.length + 1) : undefined;

/** Relations that follow from one resource. */
export function relationsOf(resource: Resource, at: Date): Relation[] {
  if (resource.resourceType === 'Patient') return treats(resource);
  if (resource.resourceType === 'Encounter') return isResidence(resource) ? residence(resource) : consulted(resource, at);
  if (resource.resourceType === 'Consent') return permits(resource);
  return [];
}

function treats(patient: Patient): Relation[] {
  const organizations = [...(patient.generalPractitioner ?? []), patient.managingOrganization]
    .map(reference => reference?.reference)
    .filter(reference => idOf(reference, 'Organization'));
  return [...new Set(organizations)].map(party => ({ patient: patient.id!, kind: 'treats', party: party!, since: null, until: null }));
}

function residence(encounter: Encounter): Relation[] {
  const patient = idOf(encounter.subject?.reference, 'Patient');
  const party = encounter.serviceProvider?.reference;
  if (!patient || !party || encounter.status !== 'in-progress') return [];
  return [{ patient, kind: 'residence', party, since: startOf(encounter), until: null }];
}

function consulted(encounter: Encounter, at: Date): Relation[] {
  const patient = idOf(encounter.subject?.reference, 'Patient');
  if (!patient || ['cancelled', 'entered-in-error'].includes(encounter.status)) return [];
  let until: Date | null = null;
  if (encounter.status === 'finished') {
    const end = (encounter.period?.end && spanOf(encounter.period.end)?.low) || at;
    until = new Date(end.getTime() + CONSULTED_DAYS * 86_400_000);
  }
  const parties = (encounter.participant ?? []).map(participant => participant.individual?.reference);
  return [...new Set(parties)]
    .filter(party => party !== undefined && idOf(party, 'Practitioner') !== undefined)
    .map(party => ({ patient, kind: 'consulted', party: party!, since: null, until }));
}

/** What a permit of the patient opens for its period: the record to whoever holds a link (`urn:uuid:…`), or what the patient brought along to an organization. */
function permits(consent: Consent): Relation[] {
  const patient = idOf(consent.patient?.reference, 'Patient');
  const { type, actor, period, class: classes } = consent.provision ?? {};
  if (!patient || consent.status !== 'active' || type !== 'permit') return [];
  const until = (period?.end && spanOf(period.end)?.high) || null;
  const phr = classes?.some(coding => coding.system === CATEGORY_SYSTEM && coding.code === 'phr');
  return (actor ?? []).flatMap(({ reference: { reference: party } }): Relation[] => {
    if (party?.startsWith('urn:uuid:')) return [{ patient, kind: 'share', party, since: null, until }];
    return phr && idOf(party, 'Organization') ? [{ patient, kind: 'phr', party: party!, since: null, until }] : [];
  });
}

const startOf = (encounter: Encounter) => (encounter.period?.start ? (spanOf(encounter.period.start)?.low ?? null) : null);
