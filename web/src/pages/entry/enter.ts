// After a sign-in: asks who it is, and goes to where the person wanted to go, or to what is still missing.
import { navigate } from '../../shared/router.svelte.ts';
import { loadSession } from '../../shared/session.svelte.ts';

/** @throws ApiError */
export async function enter(): Promise<void> {
  const view = await loadSession();
  if (view?.step) return navigate(`/${view.step}`, { replace: true });
  const wanted = sessionStorage.getItem('after-sign-in');
  sessionStorage.removeItem('after-sign-in');
  navigate(wanted ?? '/', { replace: true });
}
