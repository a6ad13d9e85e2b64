// Words for consultations: their pattern, their state, and with whom.
import type { EncounterStatus, EncounterView, Pattern, Text } from './hub.ts';
import { language } from './i18n.svelte.ts';

export const patternName: Record<Pattern, Text> = {
  DtoP: { ja: '医師と患者', en: 'Doctor and patient' },
  DtoD: { ja: '医師と専門医', en: 'Doctor and specialist' },
  DtoPwithN: { ja: '医師・患者・介護職', en: 'Doctor, patient and carer' },
  DtoPwithD: { ja: '医師・患者・専門医', en: 'Doctor, patient and specialist' },
};
export const statusName: Record<EncounterStatus, Text> = {
  planned: { ja: '予定', en: 'Planned' },
  arrived: { ja: '患者が待っています', en: 'Patient is waiting' },
  'in-progress': { ja: '診察中', en: 'In progress' },
  finished: { ja: '終わりました', en: 'Finished' },
  cancelled: { ja: '取りやめ', en: 'Cancelled' },
};
const ORDER: EncounterStatus[] = ['arrived', 'in-progress', 'planned', 'finished', 'cancelled'];

/** Waiting patients first, then what is running, then by time. */
export const byUrgency = (a: EncounterView, b: EncounterView): number =>
  ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || a.start.localeCompare(b.start);

export const isOver = (encounter: EncounterView): boolean => encounter.status === 'finished' || encounter.status === 'cancelled';

/** Doctors and specialists by the name a patient knows: `山田先生`. */
export function doctorsOf(encounter: EncounterView): string {
  const names = encounter.participants
    .filter(person => person.role === 'doctor' || person.role === 'specialist')
    .map(person => (language() === 'ja' ? `${familyName(person.name)}先生` : `Dr ${person.name}`));
  return names.join(language() === 'ja' ? 'と' : ' and ');
}

/** `山田 太郎` → `山田` */
const familyName = (name: string): string => name.split(/[\s ]/u)[0] ?? name;
