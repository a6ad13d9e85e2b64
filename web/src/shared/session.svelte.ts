// Who is signed in, and in which of their roles they work now.
import { ApiError, api } from './api.ts';
import type { PersonRole, RoleAt, SessionView, Text } from './hub.ts';
import { type Language, useLanguage } from './i18n.svelte.ts';

const state = $state<{ view: SessionView | null; active: RoleAt | null; known: boolean }>({ view: null, active: null, known: false });
const KEPT = 'role';

export const roleName: Record<PersonRole, Text> = {
  patient: { ja: '患者', en: 'Patient' },
  doctor: { ja: '医師', en: 'Doctor' },
  specialist: { ja: '専門医', en: 'Specialist' },
  caregiver: { ja: '介護職', en: 'Caregiver' },
  manager: { ja: '施設の管理者', en: 'Facility manager' },
  maker: { ja: '機器メーカー', en: 'Device maker' },
  administrator: { ja: 'システム管理者', en: 'Administrator' },
};

export const session = (): SessionView | null => state.view;
/** Whether the hub has said who is signed in (also: nobody). */
export const sessionKnown = (): boolean => state.known;
export const activeRole = (): RoleAt | null => state.active;
/** Organization id at which the person works now (`''` for patients and administrators). */
export const facility = (): string => state.active?.organization ?? '';
/** Id of the signed-in patient, or of the one for whom somebody acts; or null. */
export const ownPatient = (): string | null =>
  state.view?.actsFor ?? (state.view?.reference?.startsWith('Patient/') ? state.view.reference.slice('Patient/'.length) : null);

const same = (a: RoleAt, b: RoleAt) => a.role === b.role && a.organization === b.organization;

/** Works in `role` from now on; kept for this browser tab. */
export function workAs(role: RoleAt): void {
  state.active = role;
  sessionStorage.setItem(KEPT, JSON.stringify(role));
}

/** Switches to a role the person holds among `roles`, if the present one is not. @returns whether one is held */
export function workAsOneOf(roles: readonly PersonRole[]): boolean {
  if (state.active && roles.includes(state.active.role)) return true;
  const held = state.view?.roles.find(role => roles.includes(role.role));
  if (held) workAs(held);
  return held !== undefined;
}

function remembered(view: SessionView): RoleAt | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? 'null') as RoleAt | null;
    return view.roles.find(role => kept && same(role, kept)) ?? view.roles[0] ?? null;
  } catch {
    return view.roles[0] ?? null;
  }
}

let asked = 0;

/** Asks the hub who is signed in; of two questions at once (page and sign-in link) the later one counts. @throws ApiError other than 401 */
export async function loadSession(): Promise<SessionView | null> {
  asked += 1;
  const mine = asked;
  try {
    const view = await api.get<SessionView>('/api/session');
    if (mine !== asked) return state.view;
    state.view = view;
    state.active = remembered(view);
    useLanguage(view.language);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    if (mine !== asked) return state.view;
    state.view = null;
    state.active = null;
  }
  state.known = true;
  return state.view;
}

/** The session is over (sign-out elsewhere, or it ran out). */
export function forgetSession(): void {
  state.view = null;
  state.active = null;
  state.known = true;
}

export async function signOut(): Promise<void> {
  await api.delete('/api/session');
  sessionStorage.clear();
  forgetSession();
}

/** Changes the language now, and keeps it with the account when signed in. */
export async function chooseLanguage(language: Language): Promise<void> {
  useLanguage(language);
  if (state.view) await api.put('/api/session/language', { language });
}
