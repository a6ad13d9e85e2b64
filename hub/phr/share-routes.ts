// Links over HTTP: the patient's list and making, and — without an account — what a holder sees. A token travels in a body, never in an address.
import { Hono } from 'hono';
import { z } from 'zod';
import { readBody } from '../http/index.ts';
import { checked } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { isTimelineKind, kanjiName, timelineOf } from '../records/index.ts';
import type { SharedView } from './contract.ts';
import type { PhrDeps } from './imports.ts';
import { openShares, SHAREABLE, SHARES_CHANNEL } from './shares.ts';

export type ShareDeps = Omit<PhrDeps, 'files'> & { publicUrl: string };

const pin = z.string().regex(/^\d{4,8}$/);
const New = z.object({
  categories: z.array(z.enum(SHAREABLE)).min(1),
  /** Up to 30 days. */
  minutes: z
    .int()
    .min(5)
    .max(30 * 24 * 60),
  since: z.iso.date().nullable(),
  purpose: z.string().trim().min(1).max(100),
  pin: pin.nullable(),
});
const Token = { token: z.string().regex(/^[\w-]{43}$/), pin: pin.nullable() };
const Look = z.object({
  ...Token,
  before: z.string().max(1000).optional(),
  kinds: z
    .array(z.string())
    .optional()
    .transform(kinds => kinds?.filter(isTimelineKind)),
  words: z.string().max(500).optional(),
});
const Wait = z.object(Token);
/** How long a waiting page is held. */
const WAIT_MS = 25_000;
/** Waiting pages of one process at most. */
const WAITING = 2000;

/** Below /api/phr/shares, for patients. */
export function shareRoutes(deps: ShareDeps): Hono<HubEnv> {
  const shares = openShares(deps);
  const app = new Hono<HubEnv>();
  app.get('/', async context => context.json(await shares.list(context.var.actor)));
  app.post('/', async context => {
    const { since, ...asked } = await readBody(context, New);
    return context.json(await shares.make(context.var.actor, { ...asked, since: since ? new Date(`${since}T00:00:00+09:00`) : null }), 201);
  });
  app.post('/:id/end', async context => {
    await shares.end(context.var.actor, checked(z.uuid(), context.req.param('id')));
    return context.json({});
  });
  return app;
}

/** Below /api/shared, for whoever holds a link. */
export function sharedRoutes(deps: ShareDeps): Hono<HubEnv> {
  const shares = openShares(deps);
  const { records, database, now = () => new Date() } = deps;
  const app = new Hono<HubEnv>();
  const waiting = new Map<string, Set<() => void>>();
  let held = 0;
  let listening: Promise<unknown> | undefined;
  const wake = (payload: unknown) => {
    const share = (payload as { share?: string } | null)?.share;
    for (const [id, looks] of waiting) if (!share || share === id) for (const look of looks) look();
  };
  app.post('/', async context => {
    const { token, pin, before, kinds, words } = await readBody(context, Look);
    const { row, actor } = await shares.open(token, pin, browserOf(context.req.header('user-agent')), !before && !words && !kinds?.length);
    const { entries, next } = await timelineOf(records, actor, row.patient, { before, kinds, words, from: row.since ?? undefined });
    const patient = await records.as(actor).read('Patient', row.patient);
    const view: SharedView = {
      patientName: kanjiName(patient.name),
      birthDate: patient.birthDate ?? null,
      purpose: row.purpose,
      categories: row.categories,
      until: row.until.toISOString(),
      entries,
      next,
    };
    return context.json(view);
  });
  // Answers at once when the link has ended, else when it does, or after a while so that the page asks again.
  app.post('/wait', async context => {
    const { token } = await readBody(context, Wait);
    listening ??= database.listen(SHARES_CHANNEL, wake, () => wake(null));
    await listening;
    const end = Date.now() + WAIT_MS;
    for (;;) {
      const row = await shares.stands(token);
      const left = Math.min(end - Date.now(), row ? row.until.getTime() - now().getTime() : 0);
      if (!row || left <= 0 || held >= WAITING) return context.json({ open: row !== null });
      await told(row.id, left, context.req.raw.signal);
      if (context.req.raw.signal.aborted) return context.json({ open: true });
    }
  });
  /** Until something is told of a link, the time is over or the page is gone. */
  function told(share: string, ms: number, gone: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const looks = waiting.get(share) ?? new Set();
      waiting.set(share, looks);
      held++;
      const done = () => {
        clearTimeout(timer);
        gone.removeEventListener('abort', done);
        if (looks.delete(done)) held--;
        if (!looks.size) waiting.delete(share);
        resolve();
      };
      const timer = setTimeout(done, ms);
      gone.addEventListener('abort', done);
      looks.add(done);
    });
  }
  return app;
}

/** Browser and system in words; nothing that could follow a person. */
function browserOf(agent = ''): string {
  const browser = /Edg\//.test(agent)
    ? 'Edge'
    : /Firefox\//.test(agent)
      ? 'Firefox'
      : /Chrome\//.test(agent)
        ? 'Chrome'
        : /Safari\//.test(agent)
          ? 'Safari'
          : '—';
  const system = /iPhone|iPad/.test(agent)
    ? 'iPhone / iPad'
    : /Android/.test(agent)
      ? 'Android'
      : /Windows/.test(agent)
        ? 'Windows'
        : /Mac OS/.test(agent)
          ? 'Mac'
          : /Linux/.test(agent)
            ? 'Linux'
            : '—';
  return `${browser}, ${system}`;
}
