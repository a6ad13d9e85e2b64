// FHIR as pages use it: searching, writing several resources at once, and names in kanji and kana (JP Core).
import type { Bundle, HumanName, Organization, Reference, Resource } from '@medplum/fhirtypes';
import { api } from './api.ts';

export const OWN = 'urn:remote-care-hub';
export const ROLE_SYSTEM = `${OWN}:role`;
export const INSURED_PERSON = 'http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID';
const REPRESENTATION = 'http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation';

export type Stored<T extends Resource> = T & { id: string };

/** Resources that match, e.g. `Location?organization=Organization/1`. @throws ApiError */
export async function search<T extends Resource>(query: string, signal?: AbortSignal): Promise<Stored<T>[]> {
  const bundle = await api.get<{ entry?: { resource?: T }[] }>(`/fhir/R4/${query}`, signal);
  return (bundle.entry ?? []).flatMap(({ resource }) => (resource?.id ? [resource as Stored<T>] : []));
}

/** @throws ApiError */
export const create = <T extends Resource>(resource: T) => api.post<Stored<T>>(`/fhir/R4/${resource.resourceType}`, resource);

/** Refused with 409 when somebody else changed it since it was read. @throws ApiError */
export const update = <T extends Resource>(resource: Stored<T>) =>
  api.put<Stored<T>>(`/fhir/R4/${resource.resourceType}/${resource.id}`, resource);

/** How a new resource of one transaction points at the one at `index`, which has no id yet. */
export const inTransaction = (index: number): Pick<Reference, 'reference'> => ({ reference: urn(index) });
const urn = (index: number) => `urn:uuid:00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;

/** Makes all of them or none. @returns their references (`Patient/…`), in order. @throws ApiError */
export async function createTogether(resources: Resource[]): Promise<string[]> {
  const answer = await api.post<Bundle>('/fhir/R4', {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: resources.map((resource, index) => ({
      fullUrl: urn(index),
      resource,
      request: { method: 'POST', url: resource.resourceType },
    })),
  });
  return resources.map(({ resourceType }, index) => {
    const id = new RegExp(`${resourceType}/([^/]+)`).exec(answer.entry?.[index]?.response?.location ?? '')?.[1];
    return `${resourceType}/${id}`;
  });
}

/** A person's name as it is asked for: kanji, and the reading in kana. */
export interface WrittenName {
  family: string;
  given: string;
  familyKana: string;
  givenKana: string;
}
export const noName = (): WrittenName => ({ family: '', given: '', familyKana: '', givenKana: '' });
export const shownName = ({ family, given }: WrittenName): string => `${family.trim()} ${given.trim()}`.trim();

/** Kanji (IDE) and kana (SYL) names, the kana in katakana. */
export function humanNames(name: WrittenName): HumanName[] {
  const one = (code: 'IDE' | 'SYL', family: string, given: string): HumanName => ({
    extension: [{ url: REPRESENTATION, valueCode: code }],
    use: 'official',
    text: `${family} ${given}`,
    family,
    given: [given],
  });
  return [one('IDE', name.family.trim(), name.given.trim()), one('SYL', katakana(name.familyKana), katakana(name.givenKana))];
}

/** The name in one representation (IDE kanji, SYL kana), family name first; the kanji one falls back to what there is. */
export function nameIn(names: HumanName[] = [], representation: 'IDE' | 'SYL' = 'IDE'): string {
  const wanted = names.find(name => name.extension?.some(one => one.url === REPRESENTATION && one.valueCode === representation));
  const name = wanted ?? (representation === 'IDE' ? names[0] : undefined);
  return name?.text ?? [name?.family, ...(name?.given ?? [])].filter(Boolean).join(' ');
}

/** Hiragana and half-width kana as katakana. */
export const katakana = (text: string): string =>
  text
    .trim()
    .normalize('NFKC')
    .replace(/[ぁ-ゖ]/g, letter => String.fromCharCode(letter.charCodeAt(0) + 0x60));
export const isKana = (text: string): boolean => /^[ァ-ヶー・ ]+$/.test(katakana(text));

export type OrganizationKind = 'hospital' | 'care-facility' | 'maker';
const KIND_SYSTEM = `${OWN}:organization-kind`;
export const INSTITUTION_NUMBER = 'http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no';

export const institutionNumber = (organization: Organization): string | undefined =>
  organization.identifier?.find(({ system }) => system === INSTITUTION_NUMBER)?.value;

/** Its own word when it was made on these pages; else a business is a maker, and who has an institution number is a hospital. */
export function kindOf(organization: Organization): OrganizationKind {
  const codings = (organization.type ?? []).flatMap(type => type.coding ?? []);
  const own = codings.find(({ system }) => system === KIND_SYSTEM)?.code;
  if (own === 'hospital' || own === 'care-facility' || own === 'maker') return own;
  if (codings.some(({ code }) => code === 'bus')) return 'maker';
  return institutionNumber(organization) ? 'hospital' : 'care-facility';
}

/** @param number ten digits, of hospitals and clinics only */
export function newOrganization(kind: OrganizationKind, name: string, number: string): Organization {
  return {
    resourceType: 'Organization',
    active: true,
    name,
    type: [
      {
        coding: [
          { system: 'http://terminology.hl7.org/CodeSystem/organization-type', code: kind === 'maker' ? 'bus' : 'prov' },
          { system: KIND_SYSTEM, code: kind },
        ],
      },
    ],
    ...(number ? { identifier: [{ system: INSTITUTION_NUMBER, value: number }] } : {}),
  };
}
