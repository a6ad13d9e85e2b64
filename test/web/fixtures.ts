// Invented facts for tests of pages, typed by the hub's contracts: one hospital, one facility of twelve residents, a few people.
import type { LimitsView } from '../../hub/alarms/contract.ts';
import { pointsOf, readCard } from '../../hub/alerts/budget.ts';
import type { AlertView, FloorView, HandoverView, ModelView, OnCallView, PredictionView, ResidentTile } from '../../hub/alerts/contract.ts';
import { DEFAULT_ON_CALL } from '../../hub/alerts/on-call.ts';
import type { EncounterView, Invitable } from '../../hub/consult/contract.ts';
import type { PersonRole, RoleAt } from '../../hub/identity/actor.ts';
import type { PersonView, SessionView } from '../../hub/identity/contract.ts';
import type { CoverageView, DeviceHealth, DeviceView, HealthSign, RefusalView } from '../../hub/ingest/contract.ts';
import type { AuditView, DeliveryView, SharingView, TimelineEntry } from '../../hub/records/contract.ts';
import type { DayView, Series } from '../../hub/vitals/contract.ts';

export interface Facts {
  encounters: EncounterView[];
  specialists: Invitable[];
  timeline: TimelineEntry[];
  sharing: SharingView[];
  audit: AuditView[];
  deliveries: DeliveryView[];
  floor: FloorView;
  alerts: AlertView[];
  onCall: OnCallView;
  model: ModelView;
  handover: HandoverView;
  day: DayView;
  coverage: CoverageView;
  limits: LimitsView;
  benchDevices: DeviceView[];
  refusals: RefusalView[];
  people: PersonView[];
  patients: object;
  readiness: object;
}

const MINUTE = 60_000;
/** The shipped model's own card: its figures are not invented. */
const card = readCard();
const model = { name: 'bpsd-tcn', version: '1.0.0' };
const names = [
  '山本 ハナ',
  '佐々木 茂',
  '高橋 キヨ',
  '中村 トメ',
  '小林 正',
  '加藤 ミツ',
  '吉田 フミ',
  '渡辺 清',
  '伊藤 サダ',
  '松本 ウメ',
  '井上 勇',
  '木村 ヨシ',
];
const people: Record<PersonRole, { name: string; reference: string | null; at: [string, string] }> = {
  patient: { name: '山本 ハナ', reference: 'Patient/r01', at: ['', ''] },
  doctor: { name: '山田 健', reference: 'Practitioner/yamada', at: ['shima', '青島診療所'] },
  specialist: { name: '鈴木 玲子', reference: 'Practitioner/suzuki', at: ['daigaku', '中央大学病院 神経内科'] },
  caregiver: { name: '佐藤 美咲', reference: 'Practitioner/sato', at: ['himawari', '特別養護老人ホーム ひまわり'] },
  manager: { name: '田中 誠', reference: 'Practitioner/tanaka', at: ['himawari', '特別養護老人ホーム ひまわり'] },
  maker: { name: '森 拓也', reference: 'Practitioner/mori', at: ['kikai', '見守り機器工業'] },
  administrator: { name: '管理 花子', reference: null, at: ['', ''] },
};
const roleAt = (role: PersonRole): RoleAt => ({ role, organization: people[role].at[0], organizationName: people[role].at[1] });

export function sessionFor(roles: PersonRole[]): SessionView {
  const first = people[roles[0] ?? 'patient'];
  return { account: 'a1', name: first.name, reference: first.reference, roles: roles.map(roleAt), language: 'ja', demonstration: true };
}

/** All facts, with times around `now` (ms since 1970). */
export function facts(now: number): Facts {
  const ago = (minutes: number) => new Date(now - minutes * MINUTE).toISOString();
  const prediction = (patient: string, probability: number | null, coverage = 0.97): PredictionView => ({
    id: `p-${patient}`,
    at: ago(0.5),
    horizonMinutes: 60,
    probability,
    coverage,
    reasons:
      probability === null || probability < 0.15
        ? []
        : [
            {
              feature: 'movement_15m',
              text: { ja: '体動がふだんより多い', en: 'More movement than usual' },
              weight: 0.18,
              value: 0.62,
              unit: '',
            },
            {
              feature: 'out_of_bed_2h',
              text: { ja: '夜間の離床がふだんより多い', en: 'Out of bed more often than usual' },
              weight: 0.09,
              value: 4,
              unit: '回',
            },
            { feature: 'sound_level_30m', text: { ja: '部屋の音が大きい', en: 'The room is loud' }, weight: 0.05, value: 58.4, unit: 'dB' },
            {
              feature: 'temperature',
              text: { ja: '室温はちょうどよい', en: 'The room is warm enough' },
              weight: -0.03,
              value: 23.1,
              unit: '℃',
            },
          ],
    abstained:
      probability === null
        ? { ja: 'ベッドセンサーの値が20分前から届いていないため、予測していません。', en: 'No bed sensor for 20 minutes: no prediction.' }
        : null,
    model,
  });
  const alertOf = (id: string, patient: string, index: number, raised: number, more: Partial<AlertView> = {}): AlertView => ({
    id,
    kind: 'bpsd',
    tier: 'act',
    patient,
    residentName: names[index]!,
    room: `${index < 6 ? 101 + index : 195 + index}号室`,
    facility: 'himawari',
    raisedAt: ago(raised),
    prediction: prediction(patient, 0.62),
    detail: null,
    state: 'open',
    paged: ['caregiver'],
    forgotten: null,
    consultation: null,
    acknowledgedBy: null,
    acknowledgedAt: null,
    outcome: null,
    onset: null,
    comment: null,
    resolvedBy: null,
    resolvedAt: null,
    riskFellAt: null,
    careHint: '夕方は窓ぎわのいすに。「お茶にしましょう」と声をかけると落ち着くことが多い。',
    ...more,
  });
  const alerts = [
    alertOf('alert-r04', 'r04', 3, 4, { state: 'acknowledged', acknowledgedBy: '佐藤 美咲', acknowledgedAt: ago(3) }),
    alertOf('alert-old', 'r09', 8, 180, {
      state: 'resolved',
      acknowledgedBy: '林 大輔',
      acknowledgedAt: ago(178),
      outcome: 'prevented',
      resolvedBy: '林 大輔',
      resolvedAt: ago(150),
      comment: '廊下を一緒に歩いた。15分ほどで部屋に戻られた。',
    }),
  ];
  const onCall: OnCallView = {
    ...DEFAULT_ON_CALL,
    standard: true,
    ways: ['live', 'push', 'mail'],
    changedBy: null,
    changedAt: null,
    people: [
      { account: 'a1', name: '佐藤 美咲', role: 'caregiver' },
      { account: 'a2', name: '田中 誠', role: 'manager' },
    ],
    mayChange: true,
  };
  const handover: HandoverView = {
    facility: 'himawari',
    shift: '日勤',
    from: ago(400),
    to: ago(0),
    alerts: [],
    happened: [],
    taken: [{ shift: '夜勤', from: ago(1360), at: ago(400), by: '林 大輔' }],
    mayTake: true,
  };
  const tile = (index: number): ResidentTile => {
    const patient = `r${String(index + 1).padStart(2, '0')}`;
    const risk = [0.04, 0.06, 0.31, 0.62, 0.05, 0.03, null, 0.08, 0.05, 0.02, 0.24, 0.05][index] ?? null;
    const state = index === 3 ? 'act' : risk === null ? 'not-covered' : risk > 0.2 ? 'watch' : 'calm';
    return {
      patient,
      name: names[index]!,
      room: alertOf('', patient, index, 0).room,
      state,
      since: ago(state === 'calm' ? 240 : state === 'act' ? 4 : 22),
      prediction: prediction(patient, risk, risk === null ? 0.3 : 0.97),
      alert: index === 3 ? alerts[0]! : null,
      alerts: index === 3 ? [alerts[0]!] : [],
    };
  };
  const floor: FloorView = {
    facility: 'himawari',
    facilityName: '特別養護老人ホーム ひまわり',
    floors: [
      { name: '1階', residents: [0, 1, 2, 3, 4, 5].map(tile) },
      { name: '2階', residents: [6, 7, 8, 9, 10, 11].map(tile) },
    ],
    predictedAt: ago(0.5),
    everySeconds: 60,
    model: { ...model, trainedOn: { ja: 'シミュレーションの入居者で学習しました。', en: 'Trained on simulated residents.' } },
  };

  const participant = (role: PersonRole, presence: 'invited' | 'waiting' | 'present' | 'away') => ({
    reference: people[role].reference ?? '',
    name: people[role].name,
    role,
    organizationName: people[role].at[1],
    presence,
    host: role === 'doctor',
  });
  const encounter = (id: string, more: Partial<EncounterView>): EncounterView => ({
    id,
    pattern: 'DtoPwithD',
    status: 'planned',
    alert: null,
    reason: '夕方の落ち着かなさと睡眠について',
    start: new Date(now + 25 * MINUTE).toISOString(),
    end: null,
    patient: { id: 'r01', name: '山本 ハナ', birthDate: '1938-04-12' },
    participants: [participant('patient', 'invited'), participant('doctor', 'invited'), participant('specialist', 'invited')],
    url: `http://localhost/room/${id}`,
    note: null,
    ...more,
  });
  const encounters = [
    encounter('enc-1', {}),
    encounter('enc-2', {
      status: 'arrived',
      pattern: 'DtoP',
      reason: '血圧の薬の確認',
      start: ago(3),
      patient: { id: 'p-oki', name: '沖 四郎', birthDate: '1951-09-30' },
      participants: [participant('doctor', 'invited')],
    }),
    encounter('enc-3', {
      status: 'finished',
      start: ago(190),
      end: ago(170),
      reason: '皮ふの赤みについて',
      patient: { id: 'p-hama', name: '浜口 せつ', birthDate: '1945-01-20' },
      note: { status: 'signed', signedAt: ago(168) },
    }),
  ];

  const points = (base: number, spread: number, stepMinutes: number, gap = false): [number, number | null][] =>
    Array.from({ length: Math.floor(180 / stepMinutes) }, (_, index): [number, number | null] => {
      const at = now - (180 - index * stepMinutes) * MINUTE;
      const rise = Math.max(0, index / (180 / stepMinutes) - 0.75) * 4 * spread;
      return [at, base + spread * Math.sin(index / 7) * Math.sin(index / 23) + rise];
    }).filter(([at]) => !gap || at < now - 100 * MINUTE || at > now - 78 * MINUTE);
  const series = (
    profile: string,
    quantity: string,
    ja: string,
    en: string,
    unit: string,
    data: [number, number | null][],
    normal: Series['normal'],
  ): Series => ({
    profile,
    quantity,
    label: { ja, en },
    unit: { ja: unit, en: unit },
    points: data,
    normal,
  });
  // Event devices repeat their state every ten minutes.
  const states = (changes: number[]): [number, number][] =>
    Array.from({ length: 181 }, (_, index) => 180 - index)
      .filter(minutes => minutes % 10 === 0 || changes.includes(minutes))
      .map(minutes => [now - minutes * MINUTE, (changes.filter(change => change >= minutes).length + 1) % 2]);
  const day: DayView = {
    patient: { id: 'r04', name: names[3]!, room: '104号室', facility: 'himawari', birthDate: '1936-11-03' },
    from: ago(180),
    to: ago(0),
    series: [
      series('bed', 'heart_rate', '心拍数', 'Heart rate', '拍/分', points(66, 6, 1, true), { low: 58, high: 74 }),
      series('bed', 'respiration_rate', '呼吸数', 'Respiration rate', '回/分', points(15, 2, 1, true), { low: 12, high: 18 }),
      series(
        'bed',
        'movement',
        '体動',
        'Movement',
        '(0〜1)',
        points(0.15, 0.12, 1, true).map(([at, value]) => [at, Math.abs(value ?? 0)]),
        { low: 0, high: 0.3 },
      ),
      series('bed', 'in_bed', '在床', 'In bed', '', states([180, 150, 96, 41, 38, 12]), null),
      series('room', 'temperature', '室温', 'Temperature', '℃', points(23.2, 0.6, 2), { low: 22.4, high: 24.1 }),
      series('room', 'co2', '二酸化炭素', 'CO2', 'ppm', points(700, 80, 2), { low: 550, high: 900 }),
      series('door', 'open', 'ドアが開いている', 'Door open', '', states([180, 95, 93, 40, 39, 11]), null),
    ],
    predictions: Array.from({ length: 36 }, (_, index) => ({
      ...prediction('r04', index < 28 ? 0.06 + index / 300 : 0.16 + (index - 28) * 0.07),
      id: `p${index}`,
      at: ago(180 - index * 5),
    })),
    alerts: [alerts[0]!],
  };

  const well: DeviceHealth = {
    ...{ worst: 'good', signs: [], connected: true, battery: 0.84, clockOffsetSeconds: 0.2, gaps: [] },
    sequence: { missing: 0, late: 4, resets: 1 },
  };
  const signs = {
    silent: {
      ...{ sign: 'silent', level: 'bad', since: ago(22) },
      text: { ja: 'データが届いていません。', en: 'No data arrives.' },
      action: { ja: '電源とケーブルをたしかめてください。', en: 'Check the power and the cable.' },
    },
    battery: {
      ...{ sign: 'battery-low', level: 'attention', since: ago(190) },
      text: { ja: '電池がのこりすくないです（12％）。', en: 'The battery is low (12 %).' },
      action: { ja: '電池をかえるか、充電してください。', en: 'Change or charge it.' },
    },
    refused: {
      ...{ sign: 'refused', level: 'attention', since: ago(9) },
      text: { ja: '受け取れないデータがありました。', en: 'Some of its data was refused.' },
      action: { ja: '下の「断られた理由」を機器の会社に見せてください。', en: 'Show the reasons below to the device’s maker.' },
    },
    never: {
      ...{ sign: 'never', level: 'bad', since: ago(400) },
      text: { ja: 'まだ一度も届いていません。', en: 'Nothing was ever heard from it.' },
      action: { ja: '機器に鍵を入れて、電源を入れてください。', en: 'Put its credentials into the device and switch it on.' },
    },
  } satisfies Record<string, HealthSign>;
  const ill = (worst: DeviceHealth['worst'], ...found: HealthSign[]): DeviceHealth => ({ ...well, worst, signs: found });
  const device = (name: string, profile: string, label: string, subject: number | null, more: Partial<DeviceView> = {}): DeviceView => ({
    device: name,
    facility: 'himawari',
    profile,
    profileName: { ja: label, en: label },
    subject: subject === null ? null : `Patient/r${String(subject + 1).padStart(2, '0')}`,
    subjectName: subject === null ? null : names[subject]!,
    state: 'online',
    lastSample: ago(0.4),
    accepted: 12_480,
    refused: 0,
    createdAt: ago(40_000),
    revokedAt: null,
    health: more.revokedAt ? null : well,
    ...more,
  });
  const limits: LimitsView = {
    ...{ patient: 'r04', mayChange: true },
    limits: [
      {
        ...{ rule: 'heart-low', side: 'below', standard: 41, own: null, off: false, minimum: 20, maximum: 250 },
        text: { ja: '心拍がとても遅いです。', en: 'The heart beats very slowly.' },
        ...{ quantity: { ja: '心拍数', en: 'Heart rate' }, unit: { ja: '拍/分', en: 'beats/min' } },
      },
      {
        ...{ rule: 'heart-high', side: 'above', standard: 130, own: 110, off: false, minimum: 20, maximum: 250 },
        text: { ja: '心拍がとても速いです。', en: 'The heart beats very fast.' },
        ...{ quantity: { ja: '心拍数', en: 'Heart rate' }, unit: { ja: '拍/分', en: 'beats/min' } },
      },
    ],
  };
  const coverage: CoverageView = {
    facility: 'himawari',
    facilityName: '特別養護老人ホーム ひまわり',
    gateway: { connected: true, since: ago(9000) },
    changesAt: null,
    residents: names.map((name, index) => ({
      patient: `r${String(index + 1).padStart(2, '0')}`,
      name,
      room: alertOf('', '', index, 0).room,
      devices: 5,
      silent: index === 6 ? 4 : index === 10 ? 1 : 0,
      coveredSince: index === 6 ? null : ago(300),
      notCoveredSince: index === 6 ? ago(22) : null,
    })),
    devices: [
      device('bed-101', 'bed', 'ベッドセンサー', 0),
      device('room-101', 'room', '室内環境センサー', 0),
      device('bed-201', 'bed', 'ベッドセンサー', 6, {
        ...{ state: 'silent', lastSample: ago(22) },
        health: {
          ...ill('bad', signs.silent, signs.battery),
          ...{ connected: false, battery: 0.12, sequence: { missing: 37, late: 112, resets: 2 } },
          gaps: [
            { from: ago(1100), to: ago(1040) },
            { from: ago(410), to: ago(390) },
            { from: ago(22), to: ago(0) },
          ],
        },
      }),
      device('wrist-205', 'wrist', '腕時計型センサー', 10, {
        ...{ state: 'late', lastSample: ago(4), refused: 3 },
        health: ill('attention', signs.refused),
      }),
      device('door-spare', 'door', 'ドアセンサー', null, {
        ...{ state: 'never', lastSample: null, accepted: 0 },
        health: { ...ill('bad', signs.never), connected: null, battery: null, sequence: null },
      }),
      device('bed-099', 'bed', 'ベッドセンサー', null, { revokedAt: ago(9000) }),
    ],
  };
  return {
    encounters,
    specialists: [
      { practitioner: 'suzuki', name: '鈴木 玲子', role: 'specialist', organizationName: '中央大学病院 神経内科' },
      { practitioner: 'ono', name: '小野 徹', role: 'specialist', organizationName: '県立病院 精神科' },
    ],
    timeline: [
      {
        at: ago(168),
        kind: 'document',
        title: { ja: '紹介状(確定)', en: 'Referral (signed)' },
        reference: 'DocumentReference/d1',
        by: '山田 健',
        text: 'S: 夕方になると落ち着かない。\nO: 心拍 72、呼吸 16。\nA: 夕暮れ症候群の疑い。\nP: 夕方の照明を明るくし、2週間後に再診。',
      },
      {
        at: ago(170),
        kind: 'consultation',
        title: { ja: '診察(医師・患者・専門医)', en: 'Consultation' },
        reference: 'Encounter/enc-3',
        by: '山田 健',
        text: null,
      },
      {
        at: ago(175),
        kind: 'observation',
        title: { ja: '心拍数 72 拍/分', en: 'Heart rate 72/min' },
        reference: 'Observation/o1',
        by: 'センサー',
        text: null,
      },
      {
        at: ago(1600),
        kind: 'risk',
        title: { ja: '見守り: 似た状態の10回のうち3回', en: 'Watching: 3 in 10' },
        reference: 'RiskAssessment/ra1',
        by: '予測',
        text: null,
      },
    ],
    sharing: [
      { organization: 'shima', name: '青島診療所', relation: 'treats', allowed: true, since: ago(90_000) },
      { organization: 'himawari', name: '特別養護老人ホーム ひまわり', relation: 'residence', allowed: true, since: ago(50_000) },
      { organization: 'daigaku', name: '中央大学病院 神経内科', relation: 'consulted', allowed: false, since: null },
    ],
    audit: [
      {
        id: '1',
        at: ago(12),
        who: '山田 健',
        role: 'doctor',
        organizationName: '青島診療所',
        action: 'read',
        what: { ja: '患者の情報', en: 'Patient' },
        patient: 'r01',
        allowed: true,
      },
      {
        id: '2',
        at: ago(40),
        who: '佐藤 美咲',
        role: 'caregiver',
        organizationName: '特別養護老人ホーム ひまわり',
        action: 'read',
        what: { ja: 'センサーの値', en: 'Samples' },
        patient: 'r01',
        allowed: true,
      },
      {
        id: '3',
        at: ago(1500),
        who: '鈴木 玲子',
        role: 'specialist',
        organizationName: '中央大学病院 神経内科',
        action: 'read',
        what: { ja: '診察の記録', en: 'Note' },
        patient: 'r01',
        allowed: false,
      },
    ],
    deliveries: [
      {
        id: 'd1',
        document: 'd1',
        title: '紹介状 浜口 せつ',
        state: 'delivered',
        attempts: 1,
        nextAttempt: null,
        deliveredAt: ago(167),
        problem: null,
      },
      {
        id: 'd2',
        document: 'd2',
        title: '紹介状 沖 四郎',
        state: 'waiting',
        attempts: 3,
        nextAttempt: new Date(now + 2 * MINUTE).toISOString(),
        deliveredAt: null,
        problem: '相手につながりません (ECONNREFUSED)',
      },
      {
        id: 'd3',
        document: 'd3',
        title: '紹介状 山本 ハナ',
        state: 'refused',
        attempts: 1,
        nextAttempt: null,
        deliveredAt: null,
        problem: 'Composition.section[340] がありません。',
      },
    ],
    floor,
    alerts,
    onCall,
    model: {
      card,
      trainedOn: { ja: 'シミュレーションの入居者で学習しました。', en: 'Trained on simulated residents.' },
      running: true,
      points: pointsOf(card),
      residents: 12,
      budget: null,
      act: card.levels.act,
      mayChange: true,
    },
    handover,
    day,
    coverage,
    limits,
    benchDevices: [
      device('bench-bed', 'bed', 'ベッドセンサー', null, { facility: 'kikai', refused: 2, accepted: 318 }),
      device('bench-room', 'room', '室内環境センサー', null, { facility: 'kikai', state: 'never', lastSample: null, accepted: 0 }),
    ],
    refusals: [
      {
        at: ago(3),
        device: 'bench-bed',
        topic: 'care/1/kikai/bench-bed/json',
        reason: 'unit-wrong',
        text: { ja: 'heart_rate の単位が Hz です。beat/min で送ってください。', en: 'heart_rate has unit Hz; send beat/min.' },
        excerpt: '[{"bn":"bench-bed:","bt":1763800000,"n":"heart_rate","u":"Hz","v":1.1}]',
      },
      {
        at: ago(9),
        device: 'bench-bed',
        topic: 'care/1/kikai/bench-bed/json',
        reason: 'not-senml',
        text: { ja: 'SenML として読めません。', en: 'This is not SenML.' },
        excerpt: '{"heart_rate": 66}',
      },
    ],
    people: (Object.keys(people) as PersonRole[]).map((role, index) => ({
      account: `a${index}`,
      name: people[role].name,
      email: `${role}@example.jp`,
      reference: people[role].reference,
      roles: [roleAt(role)],
      lastSignIn: index % 3 === 2 ? null : ago(30 * (index + 1)),
    })),
    patients: {
      resourceType: 'Bundle',
      type: 'searchset',
      entry: [
        { resource: { resourceType: 'Patient', id: 'r01', birthDate: '1938-04-12', name: [{ family: '山本', given: ['ハナ'] }] } },
        { resource: { resourceType: 'Patient', id: 'p-oki', birthDate: '1951-09-30', name: [{ text: '沖 四郎' }] } },
      ],
    },
    readiness: {
      status: 'not-ready',
      parts: {
        database: { ok: true, backend: 'PostgreSQL 18.4' },
        samples: { ok: true, backend: 'InfluxDB 1.6.7' },
        broker: { ok: true, backend: 'aedes' },
        mediaWorkers: { ok: true, backend: 'mediasoup 3.27.1, 2 workers' },
        modelBackend: { ok: false, backend: 'unknown', problem: 'no answer within 3000 ms' },
      },
    },
  };
}
