// Words in the language of the person, and times as people say them (Asia/Tokyo).
import type { Text } from './hub.ts';

export type Language = 'ja' | 'en';
const ZONE = 'Asia/Tokyo';
const KEPT = 'language';

const state = $state<{ language: Language; furigana: boolean; now: number }>({
  language: localStorage.getItem(KEPT) === 'en' ? 'en' : 'ja',
  furigana: localStorage.getItem('furigana') === 'on',
  now: Date.now(),
});

// One clock for every "3分前" on the page.
setInterval(() => {
  state.now = Date.now();
}, 5_000);

/** The text in the language of the page; re-rendered when the language changes. */
export const t = (text: Text): string => text[state.language];
export const language = (): Language => state.language;
export const furigana = (): boolean => state.furigana;
/** Milliseconds since 1970, moving on every five seconds. */
export const now = (): number => state.now;

/** Shows the page in `language` and remembers it on this device; the account keeps it through PUT /api/session/language. */
export function useLanguage(chosen: Language): void {
  state.language = chosen;
  localStorage.setItem(KEPT, chosen);
  document.documentElement.lang = chosen;
}

export function useFurigana(on: boolean): void {
  state.furigana = on;
  localStorage.setItem('furigana', on ? 'on' : 'off');
}

type Moment = string | number | Date;
const formats = new Map<string, Intl.DateTimeFormat>();

function format(moment: Moment, name: string, options: Intl.DateTimeFormatOptions): string {
  const key = `${state.language} ${name}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(state.language === 'ja' ? 'ja-JP' : 'en-GB', { timeZone: ZONE, ...options });
    formats.set(key, made);
  }
  return made.format(new Date(moment));
}

/** `10:30` */
export const time = (moment: Moment): string => format(moment, 'time', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
/** `10:30:05` */
export const timeToSecond = (moment: Moment): string =>
  format(moment, 'second', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
/** `11月22日(日)`; in English `Sun 22 Nov` */
export const day = (moment: Moment): string => format(moment, 'day', { month: 'long', day: 'numeric', weekday: 'short' });
/** `2026年11月22日(日) 10:30:05` */
export const exact = (moment: Moment): string =>
  `${format(moment, 'exact', { year: 'numeric', month: 'long', day: 'numeric', weekday: 'short' })} ${timeToSecond(moment)}`;
/** `2027年12月24日(金)`, for days that are far away. */
export const farDay = (moment: Moment): string =>
  format(moment, 'far', { year: 'numeric', month: 'long', day: 'numeric', weekday: 'short' });
/** `10:30` today, `11月22日(日) 10:30` on other days. */
export const when = (moment: Moment): string => (dayKey(moment) === dayKey(state.now) ? time(moment) : `${day(moment)} ${time(moment)}`);
/** `YYYY-MM-DD` of the moment in Tokyo, for requests. */
export const dayKey = (moment: Moment): string => new Intl.DateTimeFormat('sv-SE', { timeZone: ZONE }).format(new Date(moment));

/** `たった今`, `3分前`, `2時間前`, `11月22日(日)`; for a moment to come `3分後`. */
export function ago(moment: Moment, at: number = state.now): string {
  const seconds = Math.round((at - new Date(moment).getTime()) / 1000);
  const ahead = seconds < -30;
  const minutes = Math.round(Math.abs(seconds) / 60);
  if (Math.abs(seconds) < 45) return t({ ja: 'たった今', en: 'just now' });
  const [count, ja, en] = minutes < 60 ? [minutes, '分', 'min'] : minutes < 36 * 60 ? [Math.round(minutes / 60), '時間', 'h'] : [0, '', ''];
  if (count === 0) return `${day(moment)} ${time(moment)}`;
  return ahead ? t({ ja: `${count}${ja}後`, en: `in ${count} ${en}` }) : t({ ja: `${count}${ja}前`, en: `${count} ${en} ago` });
}

/** A length of time in words: `12分`, `3時間`, `2日`. */
export function lasting(milliseconds: number): string {
  const minutes = Math.max(0, Math.round(milliseconds / 60_000));
  if (minutes < 60) return t({ ja: `${minutes}分`, en: `${minutes} min` });
  if (minutes < 48 * 60) return t({ ja: `${Math.round(minutes / 60)}時間`, en: `${Math.round(minutes / 60)} h` });
  return t({ ja: `${Math.round(minutes / 1440)}日`, en: `${Math.round(minutes / 1440)} days` });
}
