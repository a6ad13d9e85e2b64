// What a patient has brought along, shared and asked at the stand-in hub, and its answers below /api/phr and /api/shared.
import { Hono } from 'hono';
import type { DownloadView, ErasureFacts, ErasureView, ImportView, RequestView, ShareView } from '../../hub/phr/contract.ts';
import type { TimelineEntry } from '../../hub/records/contract.ts';
import type { Ago } from './world-facts.ts';

export const SHARE_TOKEN = 'sharedsharedsharedsharedsharedsharedshared1';

export function phrFacts(ago: Ago) {
  const imports: ImportView[] = [
    {
      ...{ id: 'i-ready', name: 'export.xml', size: 184_000_000, done: 184_000_000, state: 'ready', format: 'apple' },
      kinds: [
        { kind: 'heart-rate', text: { ja: '心拍数', en: 'Heart rate' }, count: 120_412 },
        { kind: 'step-count', text: { ja: '歩数', en: 'Steps' }, count: 20_110 },
        { kind: 'blood-pressure', text: { ja: '血圧', en: 'Blood pressure' }, count: 412 },
      ],
      unknown: [{ type: 'HKQuantityTypeIdentifierFlightsClimbed', count: 3010 }],
      ...{ refused: 1, refusals: [{ place: 'line 4711', reason: '"abc" is no number' }], taken: 0, known: 240 },
      ...{
        from: ago(3_000_000),
        to: ago(2000),
        owner: { name: '', birthDate: '1938-04-01', match: 'same' },
        problem: null,
        createdAt: ago(3),
      },
    },
    {
      ...{ id: 'i-done', name: 'kokyo.json', size: 48_000, done: 48_000, state: 'done', format: 'fhir' },
      kinds: [{ kind: 'MedicationRequest', text: { ja: '薬の処方', en: 'Prescriptions' }, count: 12 }],
      ...{ unknown: [], refused: 0, refusals: [], taken: 12, known: 0, from: null, to: null },
      ...{ owner: { name: '山本 ハル', birthDate: '1938-04-01', match: 'same' }, problem: null, createdAt: ago(90_000) },
    },
    {
      ...{
        id: 'i-refused',
        name: 'other.json',
        size: 2000,
        done: 2000,
        state: 'refused',
        format: 'fhir',
        kinds: [],
        unknown: [],
        refused: 0,
      },
      ...{ refusals: [], taken: 0, known: 0, from: null, to: null, owner: { name: '高橋 ヨシ', birthDate: '1950-01-01', match: 'other' } },
      problem: { ja: 'このファイルは、別の人の記録のようです。取り込みませんでした。', en: 'This file seems to be about somebody else.' },
      createdAt: ago(95_000),
    },
  ];
  const requests: RequestView[] = [
    {
      ...{ id: 'q1', doctorName: '山田 健', organizationName: '青島診療所', what: '家で測った血圧。薬の量を決めるため', askedAt: ago(60) },
      ...{ answer: null, answeredAt: null, until: null },
    },
  ];
  const shares: ShareView[] = [
    {
      ...{
        id: 's1',
        categories: ['consultation', 'phr'],
        since: null,
        purpose: '薬局で薬の相談',
        hasPin: true,
        createdAt: ago(20),
        until: ago(-40),
      },
      ...{ state: 'open', looks: [{ at: ago(5), what: 'opened', browser: 'Safari, iPhone / iPad' }] },
    },
    {
      ...{
        id: 's0',
        categories: ['vitals'],
        since: null,
        purpose: '家族に見せる',
        hasPin: false,
        createdAt: ago(9000),
        until: ago(8000),
        state: 'over',
      },
      looks: [],
    },
  ];
  const downloads: DownloadView[] = [{ id: 'd1', state: 'ready', size: 4_200_000, entries: 812, createdAt: ago(30), until: ago(-1400) }];
  const wishes: ErasureView[] = [
    {
      ...{ id: 'w1', patientName: '山本 ハル', what: 'charts', wish: '昔の診察の記録を消してほしい', askedAt: ago(2000) },
      ...{ decision: null, reason: null, decidedAt: null },
    },
  ];
  return { imports, requests, shares, downloads, wishes };
}
export type PhrFacts = ReturnType<typeof phrFacts>;

/** `phr` and `timeline` are asked anew with each request: a test may change them. */
export function phrStand(phr: () => PhrFacts, timeline: () => TimelineEntry[]): Hono {
  const app = new Hono();
  const facts = (): ErasureFacts => ({
    brought: { imports: 1, things: 12, links: 2 },
    kept: [
      {
        ...{ what: 'charts', count: 8, until: '2031-11-20T00:00:00Z' },
        law: {
          ja: '診療録 (カルテ) は、診察が終わってから 5 年間残すと法律で決まっています。',
          en: 'The law keeps charts for 5 years after completion.',
        },
      },
    ],
    wishes: phr().wishes.map(wish => ({ ...wish, patientName: null })),
  });
  app.get('/phr/imports', context => context.json(phr().imports));
  app.post('/phr/imports', async context => {
    const { name, size } = (await context.req.json()) as { name: string; size: number };
    const [ready] = phr().imports;
    phr().imports.unshift({ ...ready!, id: 'i-new', name, size, state: 'uploading' });
    return context.json(phr().imports[0], 201);
  });
  app.put('/phr/imports/:id/parts/:number', context => context.json({}));
  app.post('/phr/imports/:id/:step', context => {
    const { id, step } = context.req.param();
    const one = phr().imports.find(entry => entry.id === id)!;
    one.state = ({ check: 'ready', take: 'taking', stop: 'stopped', undo: 'undoing' } as const)[step as 'take'];
    return context.json({}, 202);
  });
  app.get('/phr/requests', context => context.json(context.req.query('patient') ? [] : phr().requests));
  app.post('/phr/requests', context => context.json(phr().requests[0], 201));
  app.post('/phr/requests/:id/answer', async context => {
    const { allow } = (await context.req.json()) as { allow: boolean };
    Object.assign(phr().requests[0]!, { answer: allow ? 'yes' : 'no', until: new Date(Date.now() + 90 * 86_400_000).toISOString() });
    return context.json({});
  });
  app.get('/phr/shares', context => context.json(phr().shares));
  app.post('/phr/shares', async context => {
    const { categories, purpose } = (await context.req.json()) as ShareView;
    const made: ShareView = { ...phr().shares[0]!, id: 's-new', categories, purpose, looks: [] };
    phr().shares.unshift(made);
    return context.json({ ...made, url: `http://hub.example/shared#${SHARE_TOKEN}` }, 201);
  });
  app.post('/phr/shares/:id/end', context => {
    phr().shares.find(({ id }) => id === context.req.param('id'))!.state = 'ended';
    return context.json({});
  });
  app.get('/phr/downloads', context => context.json(phr().downloads));
  app.post('/phr/downloads', context => context.json(phr().downloads, 202));
  app.get('/phr/erasures', context => context.json(facts()));
  app.post('/phr/erasures', context => context.json(phr().wishes[0], 202));
  app.get('/phr/erasures/all', context => context.json(phr().wishes));
  app.post('/phr/erasures/:id/decision', async context => {
    const { reason } = (await context.req.json()) as { reason: string };
    Object.assign(phr().wishes[0]!, { decision: 'kept', reason });
    return context.json(phr().wishes[0]);
  });
  const over = {
    error: { code: 'link-over', ja: 'このリンクは使えません。ご本人が見せるのをやめました。', en: 'This link cannot be used.' },
  };
  const asked = { error: { code: 'pin-asked', ja: 'あんしょう番号を入れてください。', en: 'Please enter the PIN.' } };
  app.post('/shared', async context => {
    const { pin } = (await context.req.json()) as { pin: string | null };
    const [share] = phr().shares;
    if (share?.state !== 'open') return context.json(over, 404);
    if (share.hasPin && !pin) return context.json(asked, 401);
    const { purpose, categories, until } = share;
    return context.json({
      ...{ patientName: '山本 ハル', birthDate: '1938-04-01', purpose, categories, until },
      entries: timeline().slice(0, 3),
      next: null,
    });
  });
  app.post('/shared/wait', async context => {
    for (let tries = 0; tries < 200 && phr().shares[0]?.state === 'open'; tries++) await new Promise(resolve => setTimeout(resolve, 50));
    return context.json({ open: phr().shares[0]?.state === 'open' });
  });
  return app;
}
