// `npm run train -- NAME`: trains a model on simulated residents, evaluates it on unseen facilities and writes it with its card.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { chooseBackend } from './backend.ts';
import { type Card, cardText, writeCardFile } from './card.ts';
import { INTENDED_USE, LIMITS, METHOD, STATEMENT } from './card-text.ts';
import { type Dataset, DatasetBuilder, rowsOf } from './dataset.ts';
import { evaluate, hourRates } from './evaluate.ts';
import { FEATURES } from './features.ts';
import { type ModelFile, readModel, saveModel } from './files.ts';
import { fitModel, probabilitiesOf } from './fit.ts';
import type { Kind } from './network.ts';
import { simulate } from './stream.ts';
import { trainHome } from './tihm/train.ts';
import type { Text } from './words.ts';

const HELP = `npm run train -- NAME [options]

Trains models/NAME (facility is the one that is shipped) on residents of simulated facilities and evaluates it on facilities that it
has not seen. Repeatable: the same options give the same model. What it is worth with a device away, and fitted to single residents, is added
to the card by npm run evaluate -- facility --card and npm run evaluate -- adaptation --card.

home is the model for homes with motion sensors, on real data: npm run train -- home --help.

  --residents N    simulated residents for training and validation (default 240, in 12 facilities)
  --test N         residents of unseen facilities for the card (default 64, in 4 facilities)
  --days D         days of each resident (default 6)
  --seed S         seed of all of it (default 1)
  --epochs N       most passes over the data (default 40; it stops when validation no longer gets better)
  --backend B      wasm or native (default wasm; native needs the library of @tensorflow/tfjs-node)
  --out FOLDER     where to write it (default models/NAME)
`;

const HORIZONS = [30, 60];
const ALERT_HORIZON = 60;
const FALSE_ALERTS_PER_WEEK = 0.5;
/** Windows of one minute and the next say nearly the same: one in five is enough to learn from. */
const TRAINING_MINUTES = 5;
/** A season each, so that a cold room in winter is nothing new. */
const STARTS = ['2025-10-01', '2026-01-10', '2026-04-12', '2026-07-05'].map(day => `${day}T00:00:00+09:00`);

const NETWORK_WORDS: Record<Kind, Text> = {
  logistic: { ja: '正則化した線形モデル(L2)', en: 'logistic regression, L2' },
  perceptron: {
    ja: '多層パーセプトロン(32、16)、L2、30分と60分にそれぞれ1つの出力',
    en: 'perceptron, two hidden layers (32, 16), L2, one logit for each horizon',
  },
  tcn: {
    ja: '因果的な時間畳み込み(TCN)、直近1時間を5分ずつ、特徴量と合わせて',
    en: 'causal TCN over the last hour in steps of five minutes, joined with the features',
  },
};

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      residents: { type: 'string', default: '240' },
      test: { type: 'string', default: '64' },
      days: { type: 'string', default: '6' },
      seed: { type: 'string', default: '1' },
      epochs: { type: 'string', default: '40' },
      backend: { type: 'string', default: 'wasm' },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const name = positionals[0];
  if (!name || !/^[a-z][a-z0-9-]*$/.test(name)) throw new Error('Name the model, e.g. npm run train -- facility');
  const number = (option: 'residents' | 'test' | 'days' | 'seed' | 'epochs', least: number) => {
    const value = Number(values[option]);
    if (!(value >= least)) throw new Error(`--${option} must be a number from ${least}, not "${values[option]}"`);
    return value;
  };
  const [residents, test, days, seed] = [number('residents', 4), number('test', 1), number('days', 1), number('seed', 0)];
  const epochs = number('epochs', 1);
  if (values.backend !== 'wasm' && values.backend !== 'native') throw new Error('--backend is wasm or native');
  const directory = path.resolve(values.out ?? path.join(import.meta.dirname, name));

  const backend = await chooseBackend(values.backend);
  say(`backend ${backend}`);
  const seen = await residentsOf('training', residents, Math.min(12, Math.ceil(residents / 8)), days, `${seed}`, true, resident =>
    validates(resident) ? 1 : TRAINING_MINUTES,
  );
  const { training, validation } = split(seen);
  say(`${seen.count} windows; ${training.size} residents to train, ${validation.size} to validate`);
  const fitted = fitModel(seen, training, validation, {
    horizons: HORIZONS,
    alertHorizon: ALERT_HORIZON,
    seed,
    epochs,
    falseAlertsPerWeek: FALSE_ALERTS_PER_WEEK,
    progress: say,
  });
  const rates = hourRates(seen, rowsOf(seen, training), HORIZONS.length);
  const unseen = await residentsOf(
    'unseen',
    test,
    Math.min(4, Math.ceil(test / 8)),
    days,
    `${seed}-unseen`,
    fitted.kind === 'tcn',
    () => 1,
  );
  say('evaluating');
  const evaluation = evaluate(unseen, fitted, HORIZONS, ALERT_HORIZON, rates);

  const created = new Date();
  const version = `${created.toISOString().slice(0, 10).replaceAll('-', '.')}-${fingerprint(fitted.network)}`;
  const model: ModelFile = {
    name,
    version,
    horizons: HORIZONS,
    alertHorizon: ALERT_HORIZON,
    scaling: fitted.scaling,
    platt: fitted.platt,
    levels: fitted.levels,
    trainedOn: {
      ja: `シミュレーションの入居者 ${training.size} 人(医療機器としての審査は受けていません)`,
      en: `${training.size} simulated residents (no review as a medical device)`,
    },
    reference: { rows: [], probabilities: [] },
  };
  model.reference = reference(unseen, fitted);
  await saveModel(directory, model, fitted.network);
  await readModel(directory);
  const card: Card = {
    name,
    version,
    created: created.toISOString(),
    command: `npm run train -- ${name} --residents ${residents} --test ${test} --days ${days} --seed ${seed} --epochs ${epochs}`,
    data: {
      ja: `シミュレーションの入居者(simulator/)、${residents}人、${days}日ずつ。建物、センサー、季節は施設ごとに違います。`,
      en: `simulated residents (simulator/), ${residents} for ${days} days; facilities with buildings, sensors and seasons of their own`,
    },
    split: {
      ja: `人で分けました。学習${training.size}人、検証${validation.size}人、確認は別の施設の${unseen.residents.length}人。`,
      en: `by resident: ${training.size} training, ${validation.size} validation; test ${unseen.residents.length} residents of other facilities`,
    },
    network: NETWORK_WORDS[fitted.kind],
    chosen: fitted.kind,
    tried: fitted.tried.map(({ kind, auprc, epoch }) => ({ kind, validationAuprc: auprc, epoch })),
    horizonsMinutes: HORIZONS,
    alertHorizonMinutes: ALERT_HORIZON,
    levels: fitted.levels,
    features: FEATURES.length,
    evaluation,
    intendedUse: INTENDED_USE,
    method: METHOD,
    limits: LIMITS,
    statement: STATEMENT,
  };
  writeCardFile(directory, card);
  say(`written to ${directory}`);
  process.stdout.write(cardText(card));
}

async function residentsOf(
  what: string,
  count: number,
  facilities: number,
  days: number,
  seed: string,
  sequences: boolean,
  everyMinutes: (resident: string) => number,
): Promise<Dataset> {
  const builder = new DatasetBuilder(everyMinutes, { sequences });
  let done = 0;
  for (let facility = 0; facility < facilities; facility++) {
    const residents = Math.floor((count + facility) / facilities);
    if (!residents) continue;
    await simulate(
      builder,
      {
        residents,
        days,
        seed: `${seed}-${facility}`,
        facilitySeed: `${what}-${seed}-${facility}`,
        start: STARTS[facility % STARTS.length]!,
      },
      () => progress(`${what} residents ${++done}/${count}`),
    );
  }
  return builder.build(HORIZONS);
}

/** Every fourth resident of each facility validates: their windows come each minute, as live, for the act level is chosen on them. */
const validates = (resident: string) => Number(/\d+$/.exec(resident)?.[0]) % 4 === 0;

function split(dataset: Dataset) {
  const everyone = [...dataset.residents.keys()];
  const validation = new Set(everyone.filter(index => validates(dataset.residents[index]!.name)));
  return { validation, training: new Set(everyone.filter(index => !validation.has(index))) };
}

/** Eight digits that no other weights have: two models of one day are told apart. */
function fingerprint(network: LayersModel): string {
  const hash = createHash('sha256');
  for (const weight of network.getWeights()) hash.update(new Uint8Array((weight.dataSync() as Float32Array).slice().buffer));
  return hash.digest('hex').slice(0, 8);
}

/** A few rows over the whole range of probabilities, with the answers of this training. */
function reference(dataset: Dataset, fitted: Parameters<typeof probabilitiesOf>[2]): ModelFile['reference'] {
  const rows = rowsOf(dataset, new Set(dataset.residents.keys()));
  const { probabilities } = probabilitiesOf(dataset, rows, fitted);
  const outputs = HORIZONS.length;
  const order = Array.from(rows, (_, i) => i).sort((a, b) => probabilities[a * outputs]! - probabilities[b * outputs]!);
  const chosen = Array.from({ length: 8 }, (_, i) => order[Math.floor((i * (order.length - 1)) / 7)]!);
  const width = FEATURES.length;
  // JSON has no NaN; what is unknown is null, and single precision survives the round trip.
  return {
    rows: chosen.map(i =>
      Array.from(dataset.features.subarray(rows[i]! * width, (rows[i]! + 1) * width), value => (Number.isNaN(value) ? null : value)),
    ),
    probabilities: chosen.map(i => Array.from(probabilities.subarray(i * outputs, (i + 1) * outputs))),
  };
}

const started = Date.now();
const elapsed = () => `${((Date.now() - started) / 1000).toFixed(0).padStart(4)} s  `;
const say = (line: string) => {
  process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}${elapsed()}${line}\n`);
};
/** One line that is written over on a terminal, every tenth otherwise. */
function progress(line: string) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${elapsed()}${line}`);
  else if (/0\/|(\d+)\/\1$/.test(line)) say(line);
}

const wanted = process.argv.slice(2);
await (wanted[0] === 'home' ? trainHome(wanted.slice(1)) : main(wanted)).catch((error: Error) => {
  process.stderr.write(`${error.message}\nSee npm run train -- --help.\n`);
  process.exitCode = 1;
});
