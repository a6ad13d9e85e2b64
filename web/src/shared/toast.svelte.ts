// Short messages that something happened, said aloud by screen readers; with an undo where that is possible.
import { asProblem } from './api.ts';
import { t } from './i18n.svelte.ts';

export interface Toast {
  id: number;
  text: string;
  tone: 'done' | 'problem';
  action?: { label: string; run: () => void };
}

const shown = $state<Toast[]>([]);
let next = 1;

export const toasts = (): readonly Toast[] => shown;

export function dismiss(id: number): void {
  const index = shown.findIndex(toast => toast.id === id);
  if (index >= 0) shown.splice(index, 1);
}

/** Says that something was done; goes away by itself after 8 s. */
export function say(text: string, action?: Toast['action']): void {
  add({ text, tone: 'done', action }, 8_000);
}

/** Says in words why something did not work; stays until it is closed. */
export function sayProblem(error: unknown): void {
  add({ text: t(asProblem(error).text), tone: 'problem' });
}

function add(toast: Omit<Toast, 'id'>, milliseconds?: number): void {
  const id = next++;
  shown.push({ id, ...toast });
  if (shown.length > 4) shown.shift();
  if (milliseconds) setTimeout(() => dismiss(id), milliseconds);
}
