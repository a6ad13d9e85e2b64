// What the stand-in hub knows of sharing in detail, of who acts for a patient, and of emergencies.
import { Hono } from 'hono';
import type {
  AreaView,
  EmergencySummary,
  EntitledView,
  GrantView,
  Notices,
  OpenedView,
  ProxyView,
  SharingRule,
  SharingRules,
} from '../../hub/records/contract.ts';

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const ahead = (minutes: number) => ago(-minutes);

/** Routes below /api; `signedIn` says in which roles. What a test changes stays until the next `accessFixture`. */
export function accessFixture(roles: () => string[]): Hono {
  const rule: SharingRule = {
    consent: 'c1',
    effect: 'deny',
    party: 'Organization/himawari',
    name: '特別養護老人ホーム ひまわり',
    categories: ['risk'],
    purposes: null,
    from: null,
    until: ahead(60 * 24 * 30),
    decidedAt: ago(3000),
    standing: 'now',
  };
  const rules: SharingRules = { rules: [rule], history: [{ at: ago(3000), by: '山本 ハル', change: 'decided', rule }] };
  let proxies: ProxyView[] = [
    {
      id: 'rp1',
      name: '山本 良子',
      relationship: 'family',
      categories: ['demographics', 'summary', 'vitals', 'risk'],
      since: ago(9000),
      until: ahead(60 * 24 * 200),
      standing: true,
      evidence: null,
      account: true,
    },
  ];
  let opened: OpenedView[] = [
    {
      id: 'g1',
      at: ago(200),
      who: '当直 一郎',
      organizationName: '中央病院 救急科',
      reason: 'unconscious',
      words: '救急車で来院、呼びかけに反応なし',
      seen: false,
      review: null,
    },
  ];
  let reviews: GrantView[] = [
    { ...grant('g1', ago(200)), state: 'waiting' },
    { ...grant('g0', ago(60 * 80)), state: 'late', reason: 'life-threat', words: '意識が下がっている' },
  ];
  let areas: AreaView[] = [
    {
      id: '11111111-1111-4111-8111-111111111111',
      name: '青島の地震',
      reason: '震度6強。通信が不安定',
      facilities: [{ id: 'himawari', name: '特別養護老人ホーム ひまわり' }],
      prefectures: ['東京都'],
      municipalities: ['青島村'],
      from: ago(120),
      until: ahead(600),
      endedAt: null,
      by: '管理者',
      active: true,
    },
  ];
  let staff: EntitledView[] = [
    { role: 'pr1', name: '山田 健', does: 'doctor', organizationName: '青島診療所', entitled: true },
    { role: 'pr2', name: '鈴木 玲子', does: 'specialist', organizationName: '中央大学病院 神経内科', entitled: false },
  ];
  const summary: EmergencySummary = {
    grant: 'g2',
    until: ahead(59),
    name: '山本 ハル',
    kana: 'ヤマモト ハル',
    birthDate: '1938-04-01',
    gender: 'female',
    address: '東京都青島村1-2-3',
    insured: ['00012345:青島:187:05'],
    contacts: [{ name: '山本 良子', relation: '長女', phone: '03-0000-0000' }],
    treatedAt: ['青島診療所', '特別養護老人ホーム ひまわり'],
    allergies: [{ text: 'ペニシリン', detail: '重い (severe)・じんましん', date: '2019-05-01' }],
    diseases: [{ text: '心不全', detail: 'active', date: '2021-03-10' }],
    medicines: [{ text: 'フロセミド錠20mg', detail: '1日1回 朝食後', date: '2026-10-01' }],
    vaccinations: [],
  };
  const has = (role: string) => roles().includes(role);

  return new Hono()
    .get('/records/sharing/rules', context => context.json(rules))
    .post('/records/sharing/rules', async context => {
      const made = await context.req.json<SharingRule>();
      const full = { ...made, consent: 'c2', name: made.party ? '青島診療所' : null, decidedAt: ago(0), standing: 'now' as const };
      rules.rules.unshift(full);
      rules.history.unshift({ at: ago(0), by: '山本 ハル', change: 'decided', rule: full });
      return context.json({ consent: 'c2' }, 201);
    })
    .put('/records/sharing/rules/:consent', async context => {
      const { stands } = await context.req.json<{ stands: boolean }>();
      if (!stands) rules.rules = rules.rules.filter(({ consent }) => consent !== context.req.param('consent'));
      return context.json({});
    })
    .get('/records/sharing/people', context =>
      context.json([
        { party: 'Organization/shima', name: '青島診療所', kind: 'organization' },
        { party: 'Practitioner/yamada', name: '青島 健', kind: 'practitioner' },
      ]),
    )
    .get('/records/proxies/:patient', context => context.json(proxies))
    .post('/records/proxies/:patient', async context => {
      const { name } = await context.req.json<{ name: string }>();
      proxies = [{ ...proxies[0]!, id: 'rp2', name, account: false }, ...proxies];
      return context.json({ reference: 'RelatedPerson/rp2' }, 201);
    })
    .post('/records/proxies/:patient/:id/end', context => {
      proxies = proxies.map(one => (one.id === context.req.param('id') ? { ...one, standing: false } : one));
      return context.json(proxies);
    })
    .get('/emergency/notices', context => {
      const staffed = ['doctor', 'specialist', 'caregiver', 'manager', 'administrator'].some(has);
      const waiting = reviews.filter(({ state }) => state === 'waiting' || state === 'late').length;
      return context.json({
        // Only where a test is about it: the banner would stand in every picture.
        disasters:
          staffed && has('specialist') ? areas.filter(({ active }) => active).map(({ id, name, until }) => ({ id, name, until })) : [],
        opened: has('patient') ? opened.filter(({ seen }) => !seen).length : 0,
        waiting: has('administrator') ? waiting : 0,
        late: has('administrator') ? reviews.filter(({ state }) => state === 'late').length : 0,
        entitled: has('doctor'),
      } satisfies Notices);
    })
    .get('/emergency/areas', context => context.json(areas))
    .post('/emergency/areas', async context => {
      areas = [
        { ...areas[0]!, ...(await context.req.json<Partial<AreaView>>()), id: '22222222-2222-4222-8222-222222222222', facilities: [] },
        ...areas,
      ];
      return context.json({ id: areas[0]!.id }, 201);
    })
    .post('/emergency/areas/:id/end', context => {
      areas = areas.map(one => (one.id === context.req.param('id') ? { ...one, active: false, endedAt: ago(0) } : one));
      return context.json({});
    })
    .post('/emergency/find', context =>
      context.json([{ patient: 'r01', name: '山本 ハル', birthDate: '1938-04-01', gender: 'female', address: '東京都青島村' }]),
    )
    .post('/emergency/grants', context => context.json({ id: 'g2', until: summary.until }, 201))
    .get('/emergency/grants/:id', context => context.json(summary))
    .post('/emergency/grants/:id/end', context => context.json({}))
    .get('/emergency/reviews', context => context.json(reviews))
    .post('/emergency/reviews/:id', async context => {
      const { verdict, words } = await context.req.json<{ verdict: 'justified'; words: string }>();
      reviews = reviews.map(one =>
        one.id === context.req.param('id') ? { ...one, state: verdict, reviewedAt: ago(0), reviewer: '管理者', reviewWords: words } : one,
      );
      return context.json(reviews);
    })
    .get('/emergency/staff', context => context.json(staff))
    .post('/emergency/staff/:role', async context => {
      const { entitled } = await context.req.json<{ entitled: boolean }>();
      staff = staff.map(one => (one.role === context.req.param('role') ? { ...one, entitled } : one));
      return context.json(staff);
    })
    .get('/emergency/mine', context => context.json(opened))
    .post('/emergency/mine/seen', context => {
      opened = opened.map(one => ({ ...one, seen: true }));
      return context.json(opened);
    });
}

function grant(id: string, from: string): GrantView {
  return {
    id,
    who: '当直 一郎',
    organizationName: '中央病院 救急科',
    patient: 'r01',
    reason: 'unconscious',
    area: null,
    words: '救急車で来院、呼びかけに反応なし',
    from,
    until: new Date(Date.parse(from) + 3_600_000).toISOString(),
    endedAt: null,
    dueAt: new Date(Date.parse(from) + 72 * 3_600_000).toISOString(),
    state: 'waiting',
    reviewedAt: null,
    reviewer: null,
    reviewWords: null,
    own: false,
  };
}
