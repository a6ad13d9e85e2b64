// What prediction costs for many residents, and how long an alert takes from the prediction to those who care. PREDICT_RESIDENTS,
// PREDICT_CAREGIVERS and PREDICT_ALERTS change how many.
import { rmSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { io, type Socket } from 'socket.io-client';
import { openAlerts } from '../../hub/alerts/index.ts';
import { storePredictions } from '../../hub/predict/predictions.ts';
import { openRecords } from '../../hub/records/index.ts';
import { openDatabase, startEmbeddedPostgres } from '../../hub/store/index.ts';
import { enough, featuresAt, loadModel, ResidentWindow, type Sample } from '../../models/index.ts';
import { makePractitioner } from '../../simulator/demo/provision.ts';
import { startHub, temporaryFolder } from '../harness/hub.ts';
import { makeWorld } from '../harness/world.ts';
import { HOUR, MINUTE, quiet, START } from '../models/resident.ts';
import { percentile, print } from './figure.ts';

const RESIDENTS = Number(process.env.PREDICT_RESIDENTS ?? 5000);
const CAREGIVERS = Number(process.env.PREDICT_CAREGIVERS ?? 200);
const ALERTS = Number(process.env.PREDICT_ALERTS ?? 20);
const ROUNDS = 5;
const MODEL = path.resolve(import.meta.dirname, '../../models/facility');
const GOALS = { updateMicroseconds: 20, kilobytes: 20, scoringMilliseconds: 1000, alertMilliseconds: 500 };

const say = (words: string) => process.stderr.write(`${words}\n`);
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

await windowsAndScoring();
await alertToBrowser();

/** Windows of a day for each resident, their features, and one cycle of the network with its reasons. One thread: wasm runs on one core here. */
async function windowsAndScoring() {
  // Four different days are enough to keep branches honest; making 5,000 would take longer than what is measured.
  const days = [1, 2, 3, 4].map(seed => quiet({ hours: 25, seed }));
  const at = START + 25 * HOUR;
  const held = () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = held();
  const windows: ResidentWindow[] = [];
  let samples = 0;
  let spent = 0;
  for (let resident = 0; resident < RESIDENTS; resident++) {
    const day = days[resident % days.length]!;
    const window = new ResidentWindow();
    const begun = performance.now();
    for (const sample of day) window.add(sample as Sample);
    spent += performance.now() - begun;
    samples += day.length;
    windows.push(window);
    if ((resident + 1) % 1000 === 0) say(`windows of ${resident + 1} residents`);
  }
  const begunFeatures = performance.now();
  const vectors = windows.map(window => featuresAt(window, at));
  const first = performance.now() - begunFeatures;
  const begunAgain = performance.now();
  for (const window of windows) featuresAt(window, at + MINUTE);
  const again = performance.now() - begunAgain;
  const bytes = (held() - before - vectors.length * 2 * vectors[0]!.values.byteLength) / RESIDENTS;
  const microseconds = (spent * 1000) / samples;
  print({
    bench: 'predict',
    figure: 'feature update per sample',
    value: microseconds,
    unit: 'µs',
    goal: `≤ ${GOALS.updateMicroseconds}`,
    met: microseconds <= GOALS.updateMicroseconds,
  });
  print({
    bench: 'predict',
    figure: 'memory per resident',
    value: bytes / 1000,
    unit: 'kB',
    goal: `≤ ${GOALS.kilobytes}`,
    met: bytes / 1000 <= GOALS.kilobytes,
  });
  print({ bench: 'predict', figure: 'features per resident and minute', value: (again * 1000) / RESIDENTS, unit: 'µs' });
  print({
    bench: 'predict',
    figure: 'features per resident with new baselines (each half hour)',
    value: (first * 1000) / RESIDENTS,
    unit: 'µs',
  });
  if (!vectors.every(enough)) throw new Error('the residents of this bench have too few samples to be scored');

  const model = await loadModel(MODEL);
  model.explain(vectors.slice(0, 32));
  const rows = vectors.map(({ values }) => values);
  const scoring: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    let begun = performance.now();
    model.explain(vectors);
    scoring.push(performance.now() - begun);
    begun = performance.now();
    model.predict(rows);
    bare.push(performance.now() - begun);
  }
  const milliseconds = percentile(scoring, 0.5);
  const probabilities = percentile(bare, 0.5);
  print({
    bench: 'predict',
    figure: `${RESIDENTS} residents scored with reasons, after features`,
    value: milliseconds,
    unit: 'ms',
    goal: `≤ ${GOALS.scoringMilliseconds}`,
    met: milliseconds <= GOALS.scoringMilliseconds,
    against: { name: 'probabilities without reasons', value: probabilities, ratio: milliseconds / probabilities },
  });
}

/** Alerts raised in a process of their own, heard by so many signed-in caregivers on the live connection of a whole hub. */
async function alertToBrowser() {
  const folder = temporaryFolder();
  const postgres = await startEmbeddedPostgres(folder, {});
  const hub = await startHub({ environment: { DATABASE_URL: postgres.url, HUB_MEDIA_WORKERS: '1', HUB_PREDICT_SECONDS: '3600' } });
  const database = openDatabase(postgres.url, { connections: 4 });
  const sockets: Socket[] = [];
  try {
    const world = await makeWorld(hub, Math.min(ALERTS, 30));
    const facility = world.organizations.home;
    for (let index = 0; index < CAREGIVERS; index++) {
      const { account } = await makePractitioner(
        world.administrator,
        {
          key: `bench-${index}`,
          role: 'caregiver',
          family: '介護',
          given: `${index}`,
          familyKana: 'カイゴ',
          givenKana: 'バン',
          at: 'home',
          email: `carer-${index}@nagisa.example`,
          does: { ja: '', en: '' },
        },
        facility,
      );
      const { url } = await world.administrator.send<{ url: string }>('POST', `/api/people/${account}/link`, { uses: 1 });
      const cookie = await signIn(hub.url, url.split('#')[1]!, `127.0.${1 + Math.floor(index / 20)}.1`);
      const socket = io(`${hub.url}/live`, { transports: ['websocket'], forceNew: true, extraHeaders: { cookie } });
      sockets.push(socket);
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('connect_error', reject);
      });
      const answer: { ok: boolean } = await socket.emitWithAck('floor:follow', { facility });
      if (!answer.ok) throw new Error('a caregiver may not follow the floor');
      if ((index + 1) % 50 === 0) say(`${index + 1} caregivers follow the floor`);
    }

    const log = pino({ level: 'silent' });
    const alerts = openAlerts({ database, records: await openRecords({ database, log }), log });
    const delays: number[] = [];
    for (const { patient } of world.residents.slice(0, ALERTS)) {
      const heard = sockets.map(
        socket =>
          new Promise<number>((resolve, reject) => {
            const late = setTimeout(() => reject(new Error('an alert did not come within 10 s')), 10_000);
            const take = (alert: { patient: string }) => {
              if (alert.patient !== patient) return;
              socket.off('alert', take);
              clearTimeout(late);
              resolve(performance.now());
            };
            socket.on('alert', take);
          }),
      );
      const begun = performance.now();
      const now = Date.now();
      const [prediction] = await storePredictions(database, [
        {
          patient,
          facility,
          at: now,
          madeAt: now,
          standsUntil: now + 150_000,
          horizonMinutes: 60,
          probability: 0.9,
          probabilities: { 30: 0.8, 60: 0.9 },
          coverage: 1,
          reasons: [],
          abstained: null,
          level: 'watch',
          levelSince: now,
          model: { name: 'facility', version: 'bench' },
        },
      ]);
      await alerts.consider([{ patient, facility, prediction: prediction! }], { watch: 0.2, act: 0.5, clear: 0.1 });
      for (const arrived of await Promise.all(heard)) delays.push(arrived - begun);
      say(`alert ${delays.length / CAREGIVERS}: the last of ${CAREGIVERS} after ${Math.round(Math.max(...delays.slice(-CAREGIVERS)))} ms`);
    }
    for (const share of [0.5, 0.95, 0.99]) {
      const value = percentile(delays, share);
      const goal = share === 0.95 ? { goal: `< ${GOALS.alertMilliseconds}`, met: value < GOALS.alertMilliseconds } : {};
      print({
        bench: 'predict',
        figure: `alert from prediction to ${CAREGIVERS} live connections, p${share * 100}`,
        value,
        unit: 'ms',
        ...goal,
      });
    }
  } finally {
    for (const socket of sockets) socket.disconnect();
    await database.close();
    await hub.stop();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The session's cookie. Signs in from an address of its own: the hub takes 30 sign-ins a minute from each. */
function signIn(base: string, token: string, localAddress: string): Promise<string> {
  const { port, host } = new URL(base);
  return new Promise((resolve, reject) => {
    const headers = { host, 'content-type': 'application/json' };
    const asked = request({ host: '127.0.0.1', port, path: '/api/session/link', method: 'POST', localAddress, headers }, answer => {
      answer.resume();
      const cookies = (answer.headers['set-cookie'] ?? []).map(cookie => cookie.split(';')[0]);
      if (answer.statusCode === 200) resolve(cookies.join('; '));
      else reject(new Error(`sign-in answered ${answer.statusCode}`));
    });
    asked.on('error', reject).end(JSON.stringify({ token }));
  });
}
