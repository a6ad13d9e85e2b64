// A router on the history API: the current path, links without reloading, and named parts of a path (`/room/:encounter`).

const state = $state({ path: location.pathname, search: location.search });

export const path = (): string => state.path;
export const query = (): URLSearchParams => new URLSearchParams(state.search);

function read(): void {
  state.path = location.pathname;
  state.search = location.search;
}

/** Goes to a page of this application; `replace` leaves no step to come back to. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (options.replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  read();
}

/** Parts of `actual` named in `pattern`, or null when it does not fit. */
export function match(pattern: string, actual: string): Record<string, string> | null {
  const wanted = pattern.split('/');
  const given = actual.replace(/\/$/, '').split('/');
  if (pattern !== '/' && wanted.length !== given.length) return null;
  if (pattern === '/') return actual === '/' ? {} : null;
  const parts: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? '';
    if (part.startsWith(':')) parts[part.slice(1)] = decodeURIComponent(value);
    else if (part !== value) return null;
  }
  return parts;
}

/** Follows clicks on links of this application without reloading, and the browser's back and forward. */
export function listen(): void {
  addEventListener('popstate', read);
  document.addEventListener('click', event => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest('a');
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (link.getAttribute('href')?.startsWith('#') || /^\/(api|fhir|health)\//.test(link.pathname)) return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}
