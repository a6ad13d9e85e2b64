// What emergency access says and takes over HTTP, below /api/emergency.
import { z } from 'zod';
import type { Text } from '../../http/problem.ts';
import { resourceId } from '../../http/request.ts';

const words = (most: number) => z.string().trim().min(1).max(most);
const place = z.string().trim().min(1).max(40);

/** POST /api/emergency/areas (administrator) */
export const NewArea = z
  .object({
    name: words(100),
    reason: words(500),
    /** Organizations whose patients and residents are meant. */
    facilities: z.array(resourceId).max(200).default([]),
    /** Of a person's address: 都道府県, 市区町村. */
    prefectures: z.array(place).max(47).default([]),
    municipalities: z.array(place).max(200).default([]),
    from: z.iso.datetime({ offset: true }).optional(),
    until: z.iso.datetime({ offset: true }),
  })
  .refine(({ facilities, prefectures, municipalities }) => facilities.length + prefectures.length + municipalities.length > 0, {
    path: ['prefectures'],
    message: 'name at least one facility, prefecture or municipality',
  });

/** GET /api/emergency/areas: those in disaster now; for administrators all. */
export interface AreaView {
  id: string;
  name: string;
  reason: string;
  facilities: { id: string; name: string }[];
  prefectures: string[];
  municipalities: string[];
  from: string;
  until: string;
  endedAt: string | null;
  by: string;
  active: boolean;
}

/**
 * POST /api/emergency/find: with `area`, any of these inside an area in disaster; without, exactly one person by insured number or by name
 * and birth date.
 */
export const Find = z.object({
  area: z.uuid().nullable().default(null),
  insured: z.string().trim().min(4).max(60).optional(),
  name: words(100).optional(),
  birthDate: z.iso.date().optional(),
  gender: z.enum(['male', 'female', 'other', 'unknown']).optional(),
  address: words(100).optional(),
});
export interface FoundPerson {
  patient: string;
  name: string;
  birthDate: string | null;
  gender: string | null;
  /** As far as the municipality. */
  address: string;
}

/** POST /api/emergency/grants, after a fresh second factor (POST /api/session/confirm) */
export const NewGrant = z
  .object({
    patient: resourceId,
    reason: z.enum(['unconscious', 'life-threat', 'disaster']),
    area: z.uuid().nullable().default(null),
    words: words(1000),
  })
  .refine(({ reason, area }) => (reason === 'disaster') === (area !== null), { path: ['area'], message: 'an area goes with a disaster' });

/** GET /api/emergency/grants/:id: what an emergency needs, while the grant lasts. */
export interface EmergencySummary {
  grant: string;
  until: string;
  name: string;
  kana: string;
  birthDate: string | null;
  gender: string | null;
  address: string;
  insured: string[];
  /** Whom to tell. */
  contacts: { name: string; relation: string; phone: string }[];
  treatedAt: string[];
  allergies: SummaryLine[];
  diseases: SummaryLine[];
  medicines: SummaryLine[];
  vaccinations: SummaryLine[];
}
export interface SummaryLine {
  text: string;
  detail: string;
  date: string | null;
}

/** GET /api/emergency/reviews (administrator): the newest first; those that wait before the others. */
export interface GrantView {
  id: string;
  who: string;
  organizationName: string;
  patient: string;
  reason: 'unconscious' | 'life-threat' | 'disaster';
  area: string | null;
  words: string;
  from: string;
  until: string;
  endedAt: string | null;
  /** Until when it has to be looked at: 72 hours. */
  dueAt: string;
  state: 'waiting' | 'late' | 'justified' | 'not-justified';
  reviewedAt: string | null;
  reviewer: string | null;
  reviewWords: string | null;
  /** The one who looks at the list did this: somebody else has to review it. */
  own: boolean;
}
/** POST /api/emergency/reviews/:id (administrator, of what others did) */
export const Review = z.object({ verdict: z.enum(['justified', 'not-justified']), words: words(1000) });

/** GET /api/emergency/staff (administrator): who may open a record in an emergency. */
export interface EntitledView {
  /** PractitionerRole id. */
  role: string;
  name: string;
  does: string;
  organizationName: string;
  entitled: boolean;
}
/** POST /api/emergency/staff/:role (administrator) */
export const Entitle = z.object({ entitled: z.boolean() });

/** GET /api/emergency/mine (patient): each time somebody opened the own record in an emergency. POST /api/emergency/mine/seen */
export interface OpenedView {
  id: string;
  at: string;
  who: string;
  organizationName: string;
  reason: GrantView['reason'];
  words: string;
  seen: boolean;
  review: { verdict: 'justified' | 'not-justified'; words: string; at: string } | null;
}

/** GET /api/emergency/notices: what stands at the top of every page. */
export interface Notices {
  /** Areas in disaster, for staff. */
  disasters: { id: string; name: string; until: string }[];
  /** For a patient: openings of the own record not seen yet. */
  opened: number;
  /** For administrators: openings that wait for review, and those that wait longer than 72 hours. */
  waiting: number;
  late: number;
  /** This person may open a record in an emergency. */
  entitled: boolean;
}

export const REASONS: Readonly<Record<GrantView['reason'], Text>> = {
  unconscious: { ja: '意識がない', en: 'unconscious' },
  'life-threat': { ja: '命の危険がある', en: 'life in danger' },
  disaster: { ja: '災害', en: 'disaster' },
};
