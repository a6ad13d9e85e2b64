// How a device's health is shown: an icon of its own for each sign, beside its words, and the worst first.
import type { DeviceHealth, DeviceView, HealthSignName } from '../../shared/hub.ts';
import type { IconName } from '../../shared/Icon.svelte';

export const signIcon: Record<HealthSignName, IconName> = {
  silent: 'none',
  never: 'none',
  offline: 'offline',
  'battery-low': 'battery',
  losing: 'gap',
  late: 'watch',
  drifting: 'clock',
  refused: 'close',
};

const LEVELS: Record<DeviceHealth['worst'], number> = { bad: 0, attention: 1, good: 2 };
/** Smaller is worse; a revoked device comes last. */
export const weight = ({ health }: DeviceView): number => (health ? LEVELS[health.worst] * 10 - Math.min(9, health.signs.length) : 100);
export const needsHand = ({ health }: DeviceView): boolean => health !== null && health.worst !== 'good';
