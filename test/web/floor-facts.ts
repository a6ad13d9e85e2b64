// The floor of the stand-in hub: twelve residents with their risk, alerts, the on-call list, the handover and the model's alarm budget.
import { pointsOf, readCard } from '../../hub/alerts/budget.ts';
import type { AlertView, FloorView, HandoverView, ModelView, OnCallView, PredictionView, ResidentTile } from '../../hub/alerts/contract.ts';
import { DEFAULT_ON_CALL } from '../../hub/alerts/on-call.ts';
import { type Ago, names, residentId, roomOf } from './world-facts.ts';

/** The shipped model's own card: its figures are not invented. */
const card = readCard();
const version = { name: 'bpsd-tcn', version: '1.0.0' };

/** @param probability 0 to 1; null: the model abstains */
export const predictionAt =
  (ago: Ago) =>
  (patient: string, probability: number | null, coverage = 0.97): PredictionView => ({
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
    model: version,
  });

export function floorFacts(ago: Ago) {
  const prediction = predictionAt(ago);
  const alertOf = (id: string, patient: string, index: number, raised: number, more: Partial<AlertView> = {}): AlertView => ({
    id,
    kind: 'bpsd',
    tier: 'act',
    patient,
    placeName: null,
    residentName: names[index]!,
    room: roomOf(index),
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
    const patient = residentId(index);
    const risk = [0.04, 0.06, 0.31, 0.62, 0.05, 0.03, null, 0.08, 0.05, 0.02, 0.24, 0.05][index] ?? null;
    const state = index === 3 ? 'act' : risk === null ? 'not-covered' : risk > 0.2 ? 'watch' : 'calm';
    return {
      patient,
      name: names[index]!,
      room: roomOf(index),
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
    places: [],
    everySeconds: 60,
    model: { ...version, trainedOn: { ja: 'シミュレーションの入居者で学習しました。', en: 'Trained on simulated residents.' } },
  };
  const model: ModelView = {
    card,
    trainedOn: { ja: 'シミュレーションの入居者で学習しました。', en: 'Trained on simulated residents.' },
    running: true,
    points: pointsOf(card),
    residents: 12,
    budget: null,
    act: card.levels.act,
    mayChange: true,
  };
  return { alerts, onCall, handover, floor, model };
}
