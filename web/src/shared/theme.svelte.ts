// Light or dark: the person's choice, else the system's; on floor pages by the time of day, for the night shift.

export type Theme = 'auto' | 'light' | 'dark';
const KEPT = 'theme';
const asked = localStorage.getItem(KEPT);
const system = matchMedia('(prefers-color-scheme: dark)');
const state = $state<{ theme: Theme; system: boolean; shown: 'light' | 'dark' }>({
  shown: 'light',
  theme: asked === 'light' || asked === 'dark' ? asked : 'auto',
  system: system.matches,
});
system.addEventListener('change', () => {
  state.system = system.matches;
});

export const theme = (): Theme => state.theme;

export function useTheme(theme: Theme): void {
  state.theme = theme;
  localStorage.setItem(KEPT, theme);
}

/** Night in Tokyo: 19:00 to 6:00. */
export const isNight = (moment: number): boolean => {
  const hour = new Date(moment + 9 * 3_600_000).getUTCHours();
  return hour >= 19 || hour < 6;
};

/** The theme to show now. @param byTime the page follows the time of day */
export function shownTheme(byTime: boolean, moment: number): 'light' | 'dark' {
  if (state.theme !== 'auto') return state.theme;
  return (byTime ? isNight(moment) : state.system) ? 'dark' : 'light';
}

/** The theme the page shows now, for what is drawn and not styled. */
export const drawnTheme = (): 'light' | 'dark' => state.shown;

export function showTheme(shown: 'light' | 'dark'): void {
  state.shown = shown;
  document.documentElement.dataset.theme = shown;
}
