// The three elements of a document that is answered for (安全管理ガイドライン 6.0): who wrote it, who confirmed it, and when; and its versions.
import type {
  Composition,
  CompositionAttester,
  CompositionRelatesTo,
  Extension,
  Identifier,
  Organization,
  Practitioner,
} from '@medplum/fhirtypes';

export const VERSION_NUMBER = 'http://hl7.org/fhir/StructureDefinition/composition-clinicaldocument-versionNumber';

/** Which version a document is. Missing: the first. */
export interface VersionFacts {
  /** `2.0`, `3.0` … */
  number: string;
  /** The Composition's identifier: all versions share it (FHIR R4 Composition.identifier). */
  identifier: Identifier;
  /** Bundle identifier of the version that this one replaces. */
  replaces: Identifier;
}

type With<T> = T & { id: string };

/** Who confirmed it: the professional by name, and the institution that answers for it (legal). */
export const attesters = (confirmer: With<Practitioner>, institution: With<Organization>, time: string): CompositionAttester[] => [
  { mode: 'professional', time, party: { reference: `Practitioner/${confirmer.id}`, type: 'Practitioner' } },
  { mode: 'legal', time, party: { reference: `Organization/${institution.id}`, type: 'Organization' } },
];

/** What a Composition says of its version. */
export function versionElements(version: VersionFacts | undefined): {
  extension: Extension;
  identifier?: Identifier;
  relatesTo?: CompositionRelatesTo[];
} {
  return {
    extension: { url: VERSION_NUMBER, valueString: version?.number ?? '1.0' },
    ...(version ? { identifier: version.identifier, relatesTo: [{ code: 'replaces', targetIdentifier: version.replaces }] } : {}),
  };
}

/** The version number that a Composition says; `1.0` when it says none. */
export const versionIn = (composition: Composition | undefined): string =>
  composition?.extension?.find(({ url }) => url === VERSION_NUMBER)?.valueString ?? '1.0';

/** The number after this one: `1.0` → `2.0`. */
export const nextVersion = (number: string): string => `${(Number.parseInt(number, 10) || 1) + 1}.0`;
