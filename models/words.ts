// Reasons in a caregiver's words: what is different from usual, in plain Japanese and English.
export interface Text {
  ja: string;
  en: string;
}

/** What a caregiver would call one thing; several features can speak of it. */
export const REASON_GROUPS = {
  heart: {
    up: { ja: '心拍数がふだんより高い', en: 'Heart rate is higher than usual' },
    down: { ja: '心拍数がふだんより低い', en: 'Heart rate is lower than usual' },
  },
  variability: {
    up: { ja: '心拍のゆらぎがふだんより大きい', en: 'Heart rate varies more than usual' },
    down: { ja: '心拍のゆらぎがふだんより小さい(緊張のサイン)', en: 'Heart rate varies less than usual (a sign of tension)' },
  },
  respiration: {
    up: { ja: '呼吸がふだんより速い', en: 'Breathing is faster than usual' },
    down: { ja: '呼吸がふだんより遅い', en: 'Breathing is slower than usual' },
  },
  skin: {
    up: { ja: '皮膚の温度がふだんより高い', en: 'Skin is warmer than usual' },
    down: { ja: '皮膚の温度がふだんより低い', en: 'Skin is cooler than usual' },
  },
  movement: {
    up: { ja: 'ベッドでの体の動きがふだんより多い', en: 'Moves more in bed than usual' },
    down: { ja: 'ベッドでの体の動きがふだんより少ない', en: 'Moves less in bed than usual' },
  },
  exits: {
    up: { ja: 'ベッドから何度も離れている', en: 'Leaves the bed more often than usual' },
    down: { ja: 'ベッドを離れることがふだんより少ない', en: 'Leaves the bed less often than usual' },
  },
  awake: {
    up: { ja: '夜にベッドの外にいる時間が長い', en: 'Is out of bed at night for long' },
    down: { ja: '夜はベッドにいる', en: 'Is in bed at night' },
  },
  door: {
    up: { ja: '部屋の出入りがふだんより多い', en: 'Goes in and out of the room more than usual' },
    down: { ja: '部屋の出入りがふだんより少ない', en: 'Goes in and out of the room less than usual' },
  },
  toilet: {
    up: { ja: 'トイレの回数がふだんより多い', en: 'Goes to the toilet more often than usual' },
    down: { ja: 'トイレの回数がふだんより少ない', en: 'Goes to the toilet less often than usual' },
  },
  steps: {
    up: { ja: '歩く量がふだんより多い(歩き回り)', en: 'Walks more than usual' },
    down: { ja: '歩く量がふだんより少ない', en: 'Walks less than usual' },
  },
  sound: {
    up: { ja: '部屋の音がふだんより大きい', en: 'The room is louder than usual' },
    down: { ja: '部屋がふだんより静か', en: 'The room is quieter than usual' },
  },
  light: {
    up: { ja: '部屋がふだんより明るい', en: 'The room is brighter than usual' },
    down: { ja: '部屋がふだんより暗い', en: 'The room is darker than usual' },
  },
  temperature: {
    up: { ja: '室温がちょうどよい範囲(22〜24℃)から外れている', en: 'The room is away from 22 to 24 °C' },
    down: { ja: '室温がふだんより低い', en: 'The room is cooler than usual' },
  },
  air: {
    up: { ja: '部屋の空気がこもっている(CO₂が高い)', en: 'The air in the room is stale (CO₂ is high)' },
    down: { ja: '部屋のCO₂がふだんより低い', en: 'CO₂ in the room is lower than usual' },
  },
} as const satisfies Record<string, { up: Text; down: Text }>;

export type ReasonGroup = keyof typeof REASON_GROUPS;

/** What missing devices are called. */
export const PROFILE_WORDS = {
  bed: { ja: 'ベッドセンサー', en: 'bed sensor' },
  wrist: { ja: '腕のセンサー', en: 'wrist sensor' },
  room: { ja: '部屋のセンサー', en: 'room sensor' },
  door: { ja: 'ドアのセンサー', en: 'door sensor' },
  toilet: { ja: 'トイレのセンサー', en: 'toilet sensor' },
} as const satisfies Record<string, Text>;
