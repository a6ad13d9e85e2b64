// What the card of the facility model says in words, in Japanese and English: the points of TRIPOD+AI (Collins et al. 2024, BMJ 385:e078378).
import type { Text } from './words.ts';

/** Decision support, said wherever a model is shown. */
export const STATEMENT: Text = {
  ja: '判断を助けるためのものです。医療機器としての審査は受けていません。診断はしません。',
  en: 'Decision support, no medical-device review. It makes no diagnosis.',
};

export const INTENDED_USE: Text = {
  ja: '認知症の入居者が30分後または60分後までに落ち着かなくなる(BPSD)おそれを、理由とともに介護施設の職員に知らせ、早めに様子を見に行けるようにします。どうするかは人が決めます。',
  en: 'Tells caregivers of a care facility that agitation (BPSD) of a resident with dementia may begin within the next 30 or 60 minutes, with reasons, so that they look in earlier. A person decides what to do.',
};

export const LIMITS: readonly Text[] = [
  {
    ja: '学習も確認も、シミュレーションの入居者だけで行いました。数字は、シミュレーションが示すものをどれだけ見つけられるかを表すだけで、実際の人への効果ではありません。実際に使う前に、その施設の入居者で学習と確認が必要です。',
    en: 'Trained and tested on simulated residents only: figures say how well the method finds what the simulator shows, not what it is worth for real people. Before use with real residents it has to be trained and evaluated on theirs.',
  },
  {
    ja: 'ベッドか腕のセンサーと、直近30分に届くはずの値の半分以上が必要です。足りないときは予測せず、そのことを知らせます。',
    en: 'Needs the bed sensor or the wrist sensor and half of all expected samples of the last 30 minutes; otherwise it makes no prediction and says so.',
  },
  {
    ja: '入居して最初の1日は、その人のふだんがまだわからないため、ふだんとの違いは弱くしか表れません。',
    en: 'In the first day of a resident the own baseline is short and deviations are weak.',
  },
  {
    ja: 'ドア、トイレ、部屋のセンサーの値は、その入居者だけのものとみなします。相部屋では誤ります。',
    en: 'Door, toilet and room sensors are taken for the resident’s own: a shared room misleads it.',
  },
  {
    ja: '発熱、運動、面会、隣の部屋の大きな音は、センサーには興奮と似て見えます。',
    en: 'Fever, exercise, visitors and a loud neighbour look like agitation to the sensors.',
  },
  {
    ja: '知らせる基準は、1分に1回の予測で選び、数えました。間隔が変わると数字も変わります。',
    en: 'The act level was chosen, and alerts were counted, with one prediction a minute; other intervals change both figures.',
  },
  {
    ja: 'シミュレーションの入居者には性別と年齢がありません。性別や年齢による違いは、まだ何もわかっていません。',
    en: 'Simulated residents have no sex and no age: whether the model is worse for some of them is not known.',
  },
];

/** What a figure of the card rests on besides the numbers. */
export const METHOD = {
  outcome: {
    ja: '予測の時刻のあと、30分または60分のあいだに症状が始まること。症状の最中と、そのあとの1時間は、予測の対象から外します。',
    en: 'An episode begins within 30 or 60 minutes after the prediction. Minutes in an episode and in the hour after it are not predicted.',
  },
  predictors: {
    ja: 'ベッド(心拍、呼吸、体動、離床)、腕(脈拍、心拍のゆらぎ、皮膚温、歩数)、部屋(音、明るさ、温度、CO₂)、ドア、トイレ。直近5分から3時間の値と、その人自身の過去24時間との違い、時刻、センサーの値がどれだけ届いたか。予測の時刻より後の値は使いません。',
    en: 'Bed (heart, breathing, movement, exits), wrist (pulse, its variability, skin temperature, steps), room (sound, light, temperature, CO₂), door and toilet: values of the last 5 minutes to 3 hours, their deviation from the own last 24 hours, time of day, and how much of the data came. Nothing at or after the moment of prediction.',
  },
  missing: {
    ja: 'わからない値は学習データの平均とみなします。学習中も、1割の窓でセンサー1台分を隠しました。同じ値を繰り返すセンサーと、ありえない値は使いません。機器が交換されたら、その機器の過去は使いません。',
    en: 'An unknown value becomes the training mean; in training, one window in ten lost all of one device. Stuck sensors and impossible values are left out. When a device is swapped, the former one’s past is not used.',
  },
  building: {
    ja: '正則化した線形モデル、多層パーセプトロン、因果的な時間畳み込み(TCN)を学習し、学習に使っていない入居者での AUPRC で選びました。TCN は計算が重いため、0.02 以上良いときだけ選ぶと、試す前に決めました。症状の前の窓は少ないので、比の平方根で重くします。検証の成績が良くならなくなったら学習を止めます。確率は検証用の入居者で調整(Platt)しました。',
    en: 'A regularised linear model, a multi-layer perceptron and a causal TCN were trained, and one chosen by AUPRC on residents not trained on; the TCN costs more each minute and had to be better by 0.02, settled before it was tried. Windows before an episode are rare and weigh by the square root of the odds. Training stops when validation no longer gets better. Probabilities are calibrated (Platt) on validation residents.',
  },
  levels: {
    ja: '知らせる基準は検証用の入居者で、1人1週間に空ぶり0.5回以下になるように選びました。「お知らせの多さ」の曲線は、確認用の入居者そのもので数えた値です。新しい施設ではずれることがあります。',
    en: 'The shipped level was chosen on validation residents for at most 0.5 false alerts per resident-week. The curve behind the alarm budget was counted on the test residents themselves; in another facility it may differ.',
  },
  intervals: {
    ja: '区間は95%で、入居者を単位に100回引き直して求めました。',
    en: 'Intervals are 95 %, from 100 draws of whole residents.',
  },
} as const satisfies Record<string, Text>;
