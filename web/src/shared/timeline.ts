// Kinds of entries on the timeline in words, and how a page of it is asked for.
import type { Text, TimelineEntry, TimelinePage } from './hub.ts';

export const timelineKinds: Record<TimelineEntry['kind'], Text> = {
  consultation: { ja: '診察', en: 'Consultation' },
  document: { ja: '文書', en: 'Document' },
  observation: { ja: '測った値', en: 'Measured' },
  result: { ja: '検査', en: 'Test results' },
  medication: { ja: '薬', en: 'Medicine' },
  allergy: { ja: 'アレルギー', en: 'Allergy' },
  condition: { ja: '病気', en: 'Condition' },
  procedure: { ja: '手術・処置', en: 'Procedure' },
  immunization: { ja: '予防接種', en: 'Vaccination' },
  plan: { ja: '診療の計画', en: 'Care plan' },
  risk: { ja: '見守り', en: 'Watching over' },
  communication: { ja: '連絡', en: 'Message' },
};

/** What is looked for. Days as `YYYY-MM-DD`, both inside. */
export interface Asked {
  kinds: TimelineEntry['kind'][];
  from: string;
  to: string;
  words: string;
}
export type FetchPage = (asked: Asked, before: string | null, signal: AbortSignal) => Promise<TimelinePage>;

/** The query of GET /api/records/timeline/:patient; empty parts are left out. */
export function timelineQuery({ kinds, from, to, words }: Asked, before: string | null): string {
  const query = new URLSearchParams();
  if (kinds.length) query.set('kinds', kinds.join(','));
  for (const [name, value] of Object.entries({ from, to, words: words.trim(), before: before ?? '' })) if (value) query.set(name, value);
  const text = query.toString();
  return text ? `?${text}` : '';
}
