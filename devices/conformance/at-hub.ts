// A conformance run at a hub, from the command line: the same run as in the web application, over HTTP and socket.io.
import { io } from 'socket.io-client';
import type { Text } from '../refusal.ts';
import type { RunView } from './progress.ts';

export interface AtHub {
  /** `https://…` */
  hub: string;
  /** By e-mail and password, or by a sign-in link (`https://…/s#…`). */
  signIn: { email: string; password: string } | { link: string };
  /** Null: where the person is maker or manager, if that is one place. */
  facility: string | null;
  device: string;
  minutes?: number;
  tell: (text: Text) => void;
  /** A verdict changed. */
  onCheck?: (check: RunView['checks'][number]) => void;
  /** Stops the run. */
  signal: AbortSignal;
}

interface Session {
  roles: { role: string; organization: string }[];
}

/** What the hub said no to, in its own words. */
export class HubRefusal extends Error {}

/**
 * Starts a run and follows it to its end.
 * @returns How it ended, and the signed report with its page; null when it was aborted.
 * @throws HubRefusal with the hub's words; Error when it cannot be reached.
 */
export async function runAtHub(options: AtHub): Promise<{ view: RunView; report: { json: string; page: string } | null }> {
  const { hub, device, signal, tell } = options;
  let cookie = '';
  async function ask(method: string, path: string, body?: unknown): Promise<string> {
    let answer: Response;
    try {
      answer = await fetch(new URL(path, hub), {
        method,
        headers: { cookie, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch (cause) {
      throw new Error(`${hub} cannot be reached: ${((cause as Error).cause as Error | undefined)?.message ?? (cause as Error).message}`, {
        cause,
      });
    }
    const cookies = answer.headers.getSetCookie().map(one => one.split(';')[0]);
    if (cookies.length) cookie = cookies.join('; ');
    const text = await answer.text();
    if (!answer.ok) throw new HubRefusal(wordsOf(text) ?? `${method} ${path} answered ${answer.status}`);
    return text;
  }
  const read = async <T>(method: string, path: string, body?: unknown) => JSON.parse(await ask(method, path, body)) as T;

  if ('link' in options.signIn) await ask('POST', '/api/session/link', { token: new URL(options.signIn.link).hash.slice(1) });
  else await ask('POST', '/api/session/password', options.signIn);
  const facility = options.facility ?? onlyPlace(await read<Session>('GET', '/api/session'));

  const started = await read<RunView>('POST', '/api/bench/runs', { facility, device, minutes: options.minutes });
  const stop = () => void ask('POST', `/api/bench/runs/${started.id}/stop`).catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  const socket = io(new URL('/live', hub).href, { extraHeaders: { cookie }, transports: ['websocket'] });
  // What the hub told while the line was down is asked for.
  const poll = setInterval(() => void read<RunView>('GET', `/api/bench/runs/${started.id}`).then(heard, () => undefined), 10_000);
  const told = new Map<string, string>();
  let said = '';
  let finish: (view: RunView) => void = () => {};
  const ended = new Promise<RunView>(resolve => {
    finish = resolve;
  });
  function heard(view: RunView) {
    if (view.step && view.step.text.en !== said) {
      said = view.step.text.en;
      tell(view.step.text);
    }
    for (const check of view.checks) {
      if (check.status === 'waiting' || told.get(check.id) === check.status) continue;
      told.set(check.id, check.status);
      options.onCheck?.(check);
    }
    if (view.state !== 'running') finish(view);
  }
  try {
    socket.on('connect', () => socket.emit('check:watch', { run: started.id }));
    socket.on('check', (view: RunView) => view.id === started.id && heard(view));
    heard(started);
    if (signal.aborted) stop();
    const view = await ended;
    if (view.state === 'aborted') return { view, report: null };
    const [json, page] = await Promise.all([
      ask('GET', `/api/bench/runs/${view.id}/report.json`),
      ask('GET', `/api/bench/runs/${view.id}/report.html`),
    ]);
    return { view, report: { json, page } };
  } finally {
    clearInterval(poll);
    signal.removeEventListener('abort', stop);
    socket.disconnect();
    await ask('DELETE', '/api/session').catch(() => undefined);
  }
}

function wordsOf(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { error?: { ja: string; en: string } };
    return error ? `${error.ja}\n${error.en}` : null;
  } catch {
    return null;
  }
}

function onlyPlace({ roles }: Session): string {
  const places = [...new Set(roles.filter(({ role }) => role === 'maker' || role === 'manager').map(({ organization }) => organization))];
  if (places.length === 1) return places[0]!;
  throw new HubRefusal(
    places.length
      ? `--facility is needed, one of ${places.join(', ')}`
      : 'この人は、機器メーカーでも施設の管理者でもありません。\nThis person is neither a maker nor a manager.',
  );
}
