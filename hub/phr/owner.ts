// Whether a file is about the patient who brings it: by insured number and birth date, then by name.
import type { Patient } from '@medplum/fhirtypes';
import type { ImportView } from './contract.ts';

export interface ClaimedOwner {
  name?: string;
  birthDate?: string;
  identifiers?: { system: string; value: string }[];
}

/** Names are compared without spaces, width and kind of kana. */
const plain = (name: string) =>
  name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\s/g, '')
    .replace(/[\u30a1-\u30f6]/g, kana => String.fromCharCode(kana.charCodeAt(0) - 0x60));

/** `other` when a number or the birth date speaks against it, `same` when all that is said agrees and says enough, else `unsure`. */
export function matchOf(patient: Patient, { name, birthDate, identifiers = [] }: ClaimedOwner): 'same' | 'unsure' | 'other' {
  if (birthDate && patient.birthDate && birthDate !== patient.birthDate) return 'other';
  for (const { system, value } of patient.identifier ?? []) {
    const theirs = identifiers.filter(identifier => identifier.system === system);
    if (!theirs.length) continue;
    return theirs.some(identifier => identifier.value === value) ? 'same' : 'other';
  }
  const names = (patient.name ?? []).flatMap(({ text, family, given }) => [text, [family, ...(given ?? [])].filter(Boolean).join('')]);
  const named = name && names.some(known => known && plain(known) === plain(name));
  return birthDate && patient.birthDate && (named || !name) ? 'same' : 'unsure';
}

export function ownerView(patient: Patient, claimed: ClaimedOwner): NonNullable<ImportView['owner']> {
  return { name: claimed.name ?? '', birthDate: claimed.birthDate ?? null, match: matchOf(patient, claimed) };
}
