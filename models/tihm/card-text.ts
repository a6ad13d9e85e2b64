// What the card of the home model says in words, in Japanese and English: the points of TRIPOD+AI (Collins et al. 2024, BMJ 385:e078378).
import { STATEMENT } from '../card-text.ts';
import type { Text } from '../words.ts';

export const HOME_TEXT = {
  statement: STATEMENT,
  intendedUse: {
    ja: '動きとドアのセンサーがある家で暮らす認知症の人について、次の時点(8時、12時、18時)に興奮の記録がつくおそれを、0〜24時間前に、世話をする人へ伝えます。どうするかは人が決めます。',
    en: 'Tells those who look after a person with dementia at home, who has motion and door sensors, how likely a label of agitation is at the next stamp (08:00, 12:00, 18:00), 0 to 24 hours ahead. A person decides what to do.',
  },
  data: {
    ja: 'TIHM。2019年4月1日から6月30日まで、英国の家庭での認知症の人の見守り。部屋の動き、ドア、冷蔵庫、体の測定値、見守りチームが確かめた興奮の記録。',
    en: 'TIHM, 2019-04-01 to 2019-06-30, monitoring of people with dementia in their homes in England: motion in rooms, doors, fridge, physiology, and labels of agitation checked by a monitoring team.',
  },
  licence: {
    ja: '重みは TIHM(CC BY 4.0)から作りました。Palermo, F. ほか、Scientific Data 10(2023)、doi 10.1038/s41597-023-02519-y。Surrey and Borders Partnership NHS Foundation Trust と Howz に感謝します。特徴量、網、確率の調整は私たちによるものです。',
    en: 'Weights derived from TIHM (CC BY 4.0): Palermo, F. et al. TIHM: An open dataset for remote healthcare monitoring in dementia. Scientific Data 10 (2023), doi 10.1038/s41597-023-02519-y. Thanks to Surrey and Borders Partnership NHS Foundation Trust and Howz. Changes: features, networks and calibration are ours.',
  },
  outcome: {
    ja: 'その時点についた興奮の記録。センサーから起こされ、人が確かめたものなので、0時間前の予測は、記録のもとになった動きを見つけ直しているのがほとんどです。記録がないことは、静かだった証拠ではありません。',
    en: 'A label of agitation at a stamp. The label is raised from the sensors and then checked: at lead 0 the model mostly recognises what raised it. An unlabelled stamp is no proof of a quiet one.',
  },
  predictors: {
    ja: 'その時点の時間帯が始まってからと、6〜24時間の、部屋から部屋への移動の数。その家の過去との違い。時刻。ほかの家で学習した「1つの時間帯のモデル」が、この家の最近の時間帯に予想した数と、実際についた記録の数との比(本人への適応。本人の過去だけから、控えめに)。「記録の履歴なし」の行では、記録の履歴を使いません。ほかの部屋、速い移動、夜、体の測定値も候補に入れましたが、選ばれませんでした。',
    en: 'Changes of room since the stamp’s span began and in windows of 6 to 24 hours, their deviation from the home’s own past, the time of day; what a model of single spans, fitted on other homes, expected of this home’s last spans (newer ones counting more), and labels given before against that expectation: the adaptation to a person, with shrinkage, from the own past alone. Label history is left out in the rows “without label history”. Other rooms, quick changes, the night, and physiology with the hours since were offered as one wide candidate and not chosen.',
  },
  missing: {
    ja: 'わからない値は学習データの平均とみなします。サーバーの停止(どの家からも届かない時間)は「静か」ではなく「不明」です。直前の1日に何も届かなかった家は予測しません(coverage 0。OUT.csv には、そのような時点に記録がついた割合 0.0003 を書きます)。最初のできごとより前も予測しません。体の測定値がなくても、失うものはありません。ありえない測定値は使いません。1時間に60回以上が6時間続くセンサーは、こわれているとみなして数えません。過去が3日に満たない家では、その家の過去との違いは使いません。記録が1つもないデータでは、履歴を使わない版で予測します。',
    en: 'An unknown input becomes the training mean. A server outage (no event from any home) is unknown, not quiet. A home that sent nothing in the day before what the lead knows is not predicted for (coverage 0; OUT.csv then has how often such a stamp was labelled, 0.0003); before a home’s first event there is none either. Coverage is the share of the day’s hours with any event against what is usual in that home. A home without physiology loses nothing; impossible measurements are left out. A sensor with 60 events an hour for six hours in a row is taken for stuck and not counted from then on. Deviations need three days of the own past and are drawn to 0 with less than some weeks: a home of two days is predicted from its counts alone. In a folder without any label the variant without label history is used.',
  },
  method: {
    ja: '時間ごとに、強さと重みの違う線形モデルをニュートン法で最適に当てはめ、見るもののグループごとに平均し、多層パーセプトロンも試しました。どのグループを使うかは、家を単位とした4つの内側の分割で決めます。そのあと学習用のすべての家で当てはめ直し、内側の分割で確率を調整(Platt)しました。尺度は学習用の家だけから。記録のある時点は、比の平方根か、釣り合う重みで重くします。',
    en: 'For each lead: linear models of several strengths and class weights, fitted to their optimum by Newton’s method and averaged in groups by what they see, a perceptron beside them; which group counts is decided by four inner folds of homes. Fitted again on all training homes, Platt calibration on the inner folds. Scaling from training homes alone. Labelled stamps weigh by the square root of the odds, or fully balanced.',
  },
  tcn: {
    ja: '直近48時間を1時間ずつ見る因果的 TCN(npm run train -- home --tcn --backend native)は、内側の分割で AUPRC 0.247(0時間前)と 0.152(6時間前)でした。線形モデルの最良は 0.381 と 0.282 です。記録105件では学ぶには少なすぎ、採用していません。',
    en: 'A causal TCN over the last 48 hours, hour by hour (npm run train -- home --tcn --backend native), reached AUPRC 0.247 at lead 0 and 0.152 at 6 h on the inner folds, where the best linear models reached 0.381 and 0.282: with 105 labels it has too little to learn from, and is not shipped.',
  },
  validation: {
    ja: '家を10に分け、同じ人が学習と確認の両方に入らないようにしました。選ぶところからすべて、分割ごとにやり直します。確認用の家の記録の履歴は、予測の時点より前のものだけです。どの入力を候補にするかは同じ家々を見ながら決めたので、取り分けてある家で確かめるまでは、数字は良いほうに傾いています。',
    en: 'Ten folds by home: nobody is in training and test. The whole choice is repeated in each fold. Label history of a home in test is what was labelled there before the moment of prediction. Times are taken as the files write them, although the labels look like UTC and the homes keep British Summer Time: nothing at or after the stamp, less the lead, is used. Which inputs are offered at all was settled while looking at these same homes, so the figures lean to the bright side until homes kept aside confirm them.',
  },
  subgroups: {
    ja: '性別と年齢ごとの数字は各表にあります。記録のある家は19軒で、その1軒に記録の3分の1があるため、差から言えることはありません。センサーの少ない家は確かめられません。40軒のうち35軒が7か所すべてにセンサーを持ち、少ない5軒のうち記録のある家は1軒、体の測定値のない家は1軒だけです。センサーの少ない家では、成績が落ちるおそれがあります。',
    en: 'By sex and age in the tables of each lead; with 19 labelled homes, one of them with a third of all labels, differences between groups prove nothing. Homes with few sensors cannot be judged: 35 of the 40 have sensors at all seven places, and of the five with fewer only one has labels; one home alone has no physiology. Expect less where there are fewer sensors.',
  },
} as const satisfies Record<string, Text>;

/** What was tried besides and left out, so that nobody tries it for luck again. */
export const HOME_TRIED: Text = {
  ja: '採用しなかった試み(同じ家々、0時間前、人ごとの10分割): 記録の多い家を軽くする重み(種3つで AUPRC .382 .396 .358、0.5 での感度 .533 .552 .543)、家を引き直した平均(種1で .393、.505)、すべての列を使う勾配ブースティング木(.276〜.287)と、線形モデルとの平均(種1で .366〜.376、.562。線形モデルだけなら .404、.581)。',
  en: 'Tried and left out (the same homes, lead 0, person-wise): weighing homes with many labels less (AUPRC .382 .396 .358 and sensitivity at 0.5 .533 .552 .543 with three seeds); averaging over draws of homes (.393 and .505 with seed 1); gradient-boosted trees on every column (.276 to .287), and their mean with the linear models (.366 to .376, .562 with seed 1, where the linear models alone reach .404 and .581).',
};

export const HOME_LIMITS: readonly Text[] = [
  {
    ja: '1つの国、1つの季節、1種類のセンサーのデータです。一人暮らしと夫婦は見分けていません。',
    en: 'One country, one season, one system of sensors; people who live alone were not told apart from couples.',
  },
  {
    ja: '105件の記録のうち33件が1軒のものです。家を単位とした区間は広く、この家がどの分割に入るかで数字が動きます。',
    en: 'One home has 33 of the 105 labels: intervals by home are wide, and figures move with the fold that this home is in.',
  },
  {
    ja: '記録の履歴は、だれかが記録を続けてこそ使えます。なければ「記録の履歴なし」の行の数字になります。',
    en: 'Label history needs someone who goes on labelling; without it the rows “without label history” hold.',
  },
  {
    ja: 'まだ実際には使っていません。このセンサーの家は、まだハブにつながっていません。',
    en: 'Not in live use: the hub has no homes with these sensors yet.',
  },
  {
    ja: '空ぶりの数を決めたときの感度は、測った時点そのもので基準を決めています。同じ数のお知らせで方法を比べるためです。',
    en: 'Sensitivities at a budget of false alerts set the level on the measured stamps themselves, to compare methods at equal alerts.',
  },
];
