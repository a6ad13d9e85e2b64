// What a resource says about who stands how to a patient, and what the patient denies: kept as rows beside it for consent to join on.
import type { Consent, ConsentProvision, Encounter, Patient, Resource } from '@medplum/fhirtypes';
import { isResidence } from './compartment.ts';
import { spanOf } from './dates.ts';
import type { Category } from './records.ts';
import { OWN } from './systems.ts';

/** How many days after the end of a consultation those who took part may still read. */
export const CONSULTED_DAYS = 30;
/** Consent.provision.class of a category of ours. */
export const CATEGORY_SYSTEM = `${OWN}:category`;

export interface Relation {
  patient: string;
  kind: 'treats' | 'residence' | 'consulted' | 'share' | 'phr';
  /** `Organization/…`; for `consulted` `Practitioner/…`, for `share` `urn:uuid:…` of a link that the patient made. */
  party: string;
  since: Date | null;
  until: Date | null;
}

export interface Denial {
  patient: string;
  /** `Organization/…` or `Practitioner/…`; null denies everyone but the patient. */
  party: string | null;
  /** null denies all. */
  category: Category | null;
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

/** Denials that follow from a Consent: each deny provision, at the root or nested, for each of its actors and categories. */
export function denialsOf(resource: Resource): Denial[] {
  if (resource.resourceType !== 'Consent' || resource.status !== 'active') return [];
  const patient = idOf(resource.patient?.reference, 'Patient');
  if (!patient || !resource.provision) return [];
  return provisions(resource).flatMap(({ actor, class: classes, period }) => {
    const since = (period?.start && spanOf(period.start)?.low) || null;
    const until = (period?.end && spanOf(period.end)?.high) || null;
    const parties: (string | null)[] = actor?.length ? actor.map(entry => entry.reference.reference ?? null) : [null];
    const named = (classes ?? []).filter(coding => coding.system === CATEGORY_SYSTEM).map(coding => coding.code as Category);
    const categories: (Category | null)[] = named.length ? named : [null];
    return parties.flatMap(party => categories.map(category => ({ patient, party, category, since, until })));
  });
}

function provisions(consent: Consent): ConsentProvision[] {
  const found: ConsentProvision[] = [];
  const walk = (provision: ConsentProvision) => {
    if (provision.type === 'deny') found.push(provision);
    for (const inner of provision.provision ?? []) walk(inner);
  };
  walk(consent.provision!);
  return found;
}
