// A Consent's provisions as rows for access.ts: flattened so that each row carries all that its outer provisions demand.
import type { Consent, ConsentProvision, Resource } from '@medplum/fhirtypes';
import { CATEGORIES, type Category } from '../records.ts';
import { spanOf } from '../search/dates.ts';
import { OWN } from '../systems.ts';

/** Consent.provision.class of a category of ours. */
export const CATEGORY_SYSTEM = `${OWN}:category`;
/** Consent.provision.purpose (v3-ActReason). */
export const PURPOSE_SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-ActReason';

/** Why somebody looks (v3-ActReason): treatment, emergency treatment, research, at the patient's request, running the hub. */
export type Purpose = 'TREAT' | 'ETREAT' | 'HRESCH' | 'PATRQT' | 'HOPERAT';

/** One provision with what it and its outer ones demand; null demands nothing. */
export interface Provision {
  patient: string;
  node: number;
  parent: number | null;
  /** Null: the root of a Consent, which R4 leaves without a type; its inner provisions decide. */
  effect: 'permit' | 'deny' | null;
  /** A permit that no denial stands around: it opens what would be closed. */
  grants: boolean;
  /** One list for each level that names somebody; the actor is in all of them. */
  parties: string[][];
  categories: Category[] | null;
  purposes: string[] | null;
  since: Date | null;
  until: Date | null;
}

/** What a provision says in elements that are not understood here (R4 consent.html); a permit with one of them opens nothing. */
const NOT_UNDERSTOOD = ['action', 'securityLabel', 'code', 'dataPeriod', 'data'] as const;

/** The provisions of an active Consent, outer ones first; none for any other resource. */
export function provisionsOf(resource: Resource): Provision[] {
  if (resource.resourceType !== 'Consent' || resource.status !== 'active' || !resource.provision) return [];
  const patient = /^Patient\/(.+)$/.exec(resource.patient?.reference ?? '')?.[1];
  if (!patient) return [];
  const found: Provision[] = [];
  const outermost = {
    patient,
    node: 0,
    parent: null,
    effect: null,
    parties: [],
    categories: null,
    purposes: null,
    since: null,
    until: null,
  };
  /** `denialsOnly`: inside a permit that opens nothing. */
  const walk = (provision: ConsentProvision, outer: Provision, root: boolean, denialsOnly: boolean): void => {
    const effect = provision.type ?? null;
    const read = readProvision(provision, effect);
    // A permit that cannot be followed, or an inner provision without a type (R4 demands one), opens nothing; the denials in it stand.
    if (!read || (denialsOnly && effect !== 'deny') || (effect === null && !root)) {
      for (const inner of provision.provision ?? []) walk(inner, outer, false, true);
      return;
    }
    const own: Provision = {
      patient,
      node: found.length + 1,
      parent: outer.node === 0 ? null : outer.node,
      effect,
      grants: effect === 'permit' && (outer.node === 0 || outer.effect === null || outer.grants),
      parties: read.parties ? [...outer.parties, read.parties] : outer.parties,
      categories: both(outer.categories, read.categories),
      purposes: both(outer.purposes, read.purposes),
      since: latest(outer.since, read.since),
      until: earliest(outer.until, read.until),
    };
    found.push(own);
    for (const inner of provision.provision ?? []) walk(inner, own, false, false);
  };
  walk(resource.provision, { ...outermost, grants: false }, true, false);
  return found;
}

/**
 * What one provision demands by itself. What is not understood makes a denial wider and a permit void, never the other way round.
 * @returns null for a permit that cannot be followed
 */
function readProvision(
  provision: ConsentProvision,
  effect: Provision['effect'],
): (Pick<Provision, 'categories' | 'purposes' | 'since' | 'until'> & { parties: string[] | null }) | null {
  const actors = (provision.actor ?? []).map(entry => entry.reference.reference);
  const categories = (provision.class ?? []).map(({ system, code }) => (system === CATEGORY_SYSTEM && isCategory(code) ? code : undefined));
  const purposes = (provision.purpose ?? []).map(({ system, code }) => (system === PURPOSE_SYSTEM ? code : undefined));
  const given = [actors, categories, purposes];
  if (effect === 'permit') {
    if (NOT_UNDERSTOOD.some(name => provision[name] !== undefined)) return null;
    if (given.some(values => values.length > 0 && values.every(value => value === undefined))) return null;
  }
  const known = <T>(values: (T | undefined)[]): T[] | null => {
    const named = values.filter(value => value !== undefined);
    // Of a denial that also names what is not known here, the unknown part may be anything: it is for all.
    return !values.length || (effect !== 'permit' && named.length < values.length) ? null : named;
  };
  return {
    parties: known(actors),
    categories: known(categories),
    purposes: known(purposes),
    since: (provision.period?.start && spanOf(provision.period.start)?.low) || null,
    until: (provision.period?.end && spanOf(provision.period.end)?.high) || null,
  };
}

const isCategory = (code: string | undefined): code is Category => (CATEGORIES as readonly string[]).includes(code ?? '');
const both = <T>(a: T[] | null, b: T[] | null): T[] | null => (a && b ? a.filter(value => b.includes(value)) : (a ?? b));
const latest = (a: Date | null, b: Date | null) => (a && b ? (a > b ? a : b) : (a ?? b));
const earliest = (a: Date | null, b: Date | null) => (a && b ? (a < b ? a : b) : (a ?? b));

/** A Consent of the patient (id) with these provisions below a root without a type (R4). */
export function consentWith(patient: string, performer: string, at: string, provision: ConsentProvision[], words: string): Consent {
  return {
    resourceType: 'Consent',
    status: 'active',
    scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0', display: 'Consent Document' }] }],
    patient: { reference: `Patient/${patient}` },
    dateTime: at,
    performer: [{ reference: performer }],
    policyRule: { text: words },
    provision: { provision },
  };
}
