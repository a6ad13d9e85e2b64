// Whether the attributes that a national sign-in gives are those of a patient in the record. Never by 個人番号.
import { z } from 'zod';

/** What デジタル認証アプリ gives: the four attributes of the card. */
export const Attributes = z.object({
  name: z.string().min(1),
  birthdate: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  gender: z.string(),
  address: z.union([z.object({ formatted: z.string() }), z.string()]).optional(),
});
export type Attributes = z.infer<typeof Attributes>;

export interface PatientFacts {
  id: string;
  names: string[];
  birthDate: string | null;
  gender: string | null;
  addresses: string[];
}

/** Written the same: width, space and the usual dashes do not count. */
const plain = (text: string) =>
  text
    .normalize('NFKC')
    .replace(/[\s　]/g, '')
    .replace(/[‐－―ー−–—-]/g, '-')
    .toLowerCase();

/** All four must agree; an address only where the record knows one. */
export function samePerson(card: Attributes, patient: PatientFacts): boolean {
  const address = typeof card.address === 'string' ? card.address : card.address?.formatted;
  const lives = !patient.addresses.length || (address !== undefined && patient.addresses.some(each => plain(each) === plain(address)));
  return sameBirth(card, patient) && patient.names.some(name => plain(name) === plain(card.name)) && lives;
}

/** What is enough where a member of staff has handed the link to the patient in person. */
export const sameBirth = (card: Attributes, patient: PatientFacts) =>
  patient.birthDate === card.birthdate && patient.gender === card.gender;

/** JP-CLINS: insurer number (8), symbol, number, branch, with colons between. */
export const memberId = ({ insurer, symbol, number, branch }: { insurer: string; symbol: string; number: string; branch: string }) =>
  [insurer.padStart(8, '0'), symbol, number, branch.padStart(2, '0')].map(part => part.normalize('NFKC').trim()).join(':');
