// Asks a page's part again when who may see the patient has changed: what may no longer be seen goes from the page at once.
import { follow } from './live.svelte.ts';

/** Call it inside a component. `changed` loads again what the part shows. */
export function onRights(patient: () => string, changed: () => void): void {
  $effect(() => {
    const id = patient();
    return follow(
      'rights:follow',
      { patient: id },
      { 'rights:changed': notice => notice.patient === id && changed() },
      { onReturn: changed },
    );
  });
}
