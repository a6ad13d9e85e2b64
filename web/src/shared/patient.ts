// A new patient as a form asks for one, and as FHIR keeps it (JP Core Patient).
import type { Identifier, Patient } from '@medplum/fhirtypes';
import { humanNames, INSURED_PERSON, isKana, katakana, nameIn, noName, type Stored, search, type WrittenName } from './fhir.ts';

export interface NewPatient {
  name: WrittenName;
  /** `YYYY-MM-DD` */
  birthDate: string;
  gender: string;
  /** Insurer number, symbol, number and branch as JP_Insurance_memberID has them; empty when not known. */
  insured: { insurer: string; symbol: string; number: string; branch: string };
}

export const noPatient = (): NewPatient => ({
  name: noName(),
  birthDate: '',
  gender: '',
  insured: { insurer: '', symbol: '', number: '', branch: '' },
});

/** Insurer number: eight digits (six for national health insurance, written with two zeros in front). Branch: two digits. */
export const insurerWrong = (text: string): boolean => text !== '' && !/^\d{6}$|^\d{8}$/.test(text);
export const branchWrong = (text: string): boolean => text !== '' && !/^\d{2}$/.test(text);

/** `<insurer>:<symbol>:<number>:<branch>`, or undefined when nothing was given. */
export function insuredIdentifier({ insurer, symbol, number, branch }: NewPatient['insured']): Identifier[] | undefined {
  if (!insurer && !number) return undefined;
  return [{ system: INSURED_PERSON, value: [insurer.padStart(8, '0'), symbol.trim(), number.trim(), branch].join(':') }];
}

/** Whether the form is filled in so that it can be sent. `today` is `YYYY-MM-DD`. */
export function isComplete({ name, birthDate, gender, insured }: NewPatient, today: string): boolean {
  const named = [name.family, name.given].every(text => text.trim()) && isKana(name.familyKana) && isKana(name.givenKana);
  const insuredGiven = insured.insurer !== '' || insured.number !== '' || insured.symbol !== '' || insured.branch !== '';
  const insuredFits =
    !insuredGiven ||
    (insured.insurer !== '' && !insurerWrong(insured.insurer) && insured.number.trim() !== '' && !branchWrong(insured.branch));
  return named && birthDate >= '1890-01-01' && birthDate <= today && gender !== '' && insuredFits;
}

/**
 * @param treatedBy Organization ids of those who treat; they alone open the record
 * @param livesAt Organization id of the care facility, when it registers the person
 */
export function patientOf(form: NewPatient, treatedBy: string[], livesAt?: string): Patient {
  const identifier = insuredIdentifier(form.insured);
  return {
    resourceType: 'Patient',
    active: true,
    ...(identifier ? { identifier } : {}),
    name: humanNames(form.name),
    birthDate: form.birthDate,
    gender: form.gender as Patient['gender'],
    ...(livesAt ? { managingOrganization: { reference: `Organization/${livesAt}` } } : {}),
    ...(treatedBy.length ? { generalPractitioner: treatedBy.map(id => ({ reference: `Organization/${id}` })) } : {}),
  };
}

export type KnownPatient = Stored<Patient>;

/** Patients in the record, as far as the person may see them, with this birth date and this name in kanji or in kana. @throws ApiError */
export async function knownAs({ name, birthDate }: NewPatient): Promise<KnownPatient[]> {
  const plain = (text: string) => text.normalize('NFKC').replace(/\s/g, '');
  const born = await search<Patient>(`Patient?birthdate=${birthDate}&_count=50`);
  return born.filter(
    one =>
      plain(nameIn(one.name)) === plain(name.family + name.given) ||
      plain(nameIn(one.name, 'SYL')) === plain(katakana(name.familyKana) + katakana(name.givenKana)),
  );
}
