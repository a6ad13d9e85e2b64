// What stands on record at the stand-in hub: a patient's timeline, sharing, the audit, documents on their way.
import type { AuditView, DeliveryView, SharingView, TimelineEntry } from '../../hub/records/contract.ts';
import { type Ago, MINUTE } from './world-facts.ts';

/** @param now ms since 1970 */
export function recordFacts(now: number, ago: Ago) {
  const timeline: TimelineEntry[] = [
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
  ];
  const sharing: SharingView[] = [
    {
      organization: 'shima',
      name: '青島診療所',
      relation: 'treats',
      allowed: true,
      since: ago(90_000),
      usual: ['demographics', 'summary', 'document'],
      open: ['demographics', 'summary', 'document'],
    },
    {
      organization: 'himawari',
      name: '特別養護老人ホーム ひまわり',
      relation: 'residence',
      allowed: true,
      since: ago(50_000),
      usual: ['demographics', 'vitals', 'risk'],
      open: ['demographics', 'vitals'],
    },
    {
      organization: 'daigaku',
      name: '中央大学病院 神経内科',
      relation: 'consulted',
      allowed: false,
      since: null,
      usual: ['demographics', 'consultation'],
      open: [],
    },
  ];
  const audit: AuditView[] = [
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
  ];
  const fresh = { step: 'register' as const, createdAt: ago(168), remedy: null, reason: null };
  const deliveries: DeliveryView[] = [
    {
      id: 'd1',
      document: 'd1',
      title: '紹介状 浜口 せつ',
      state: 'delivered',
      attempts: 1,
      nextAttempt: null,
      deliveredAt: ago(167),
      problem: null,
      ...fresh,
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
      ...fresh,
    },
    {
      id: 'd3',
      document: 'd3',
      title: '紹介状 山本 ハナ',
      state: 'refused',
      attempts: 1,
      nextAttempt: null,
      deliveredAt: null,
      problem: 'Bundle.entry[1].resource.identifier R1012: exactly one insured person’s number is needed',
      ...fresh,
      remedy: 'insured-number',
    },
  ];
  return { timeline, sharing, audit, deliveries };
}
