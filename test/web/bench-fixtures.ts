// The stand-in hub's bench: the real contract view, and conformance runs that a test moves on at will.
import { Hono } from 'hono';
import { CHECK_TITLES, type CheckView, type RunView } from '../../devices/conformance/index.ts';
import { loadProfiles } from '../../devices/index.ts';
import { contractView } from '../../hub/bench/contract-view.ts';

export const RUN = '5b1c0a52-7d0e-4c8e-9f5e-0d6a3a6f1c11';
const FORMER = '8f3c1f1e-3b0b-4f4f-8a55-1f0a9f1d2c22';

export function runView(
  state: RunView['state'],
  statuses: Partial<Record<string, CheckView['status']>> = {},
  fields: Partial<RunView> = {},
): RunView {
  const rest: CheckView['status'] = state === 'running' ? 'waiting' : 'pass';
  const ended = state !== 'running';
  return {
    ...{ id: RUN, facility: 'kikai', device: 'bench-bed', profile: { id: 'bed', name: { ja: 'ベッドセンサー', en: 'Bed sensor' } }, state },
    ...{ startedAt: new Date(Date.now() - 90_000).toISOString(), endedAt: ended ? new Date().toISOString() : null, reason: null },
    step: ended
      ? null
      : {
          text: { ja: '接続しました。135 秒、そのまま観察します。', en: 'Connected. Observing for 135 s.' },
          until: new Date(Date.now() + 80_000).toISOString(),
        },
    result: state === 'done' ? (Object.values(statuses).includes('fail') ? 'fail' : 'pass') : null,
    checks: CHECK_TITLES.map(({ id, title }) => {
      const status = statuses[id] ?? rest;
      const failed = id === 'unit' && status === 'fail';
      return {
        ...{ id, title, status },
        reason: failed
          ? { ja: '「heart_rate」の単位は「beat/min」です（届いたのは「Hz」）。', en: '"heart_rate" has the unit "beat/min", not "Hz".' }
          : { ja: '問題ありません。', en: 'As it should be.' },
        evidence: failed ? ['2026-11-22T09:00:00.000Z json [{"bn":"bench-bed:","n":"heart_rate","u":"Hz","v":1.1}]'] : [],
      };
    }),
    ...fields,
  };
}

export interface BenchFixture {
  runs: RunView[];
  routes: Hono;
}

export function benchFixture(): BenchFixture {
  const fixture: BenchFixture = { runs: [], routes: new Hono() };
  fixture.routes
    .get('/contract', context => {
      const { facility = 'f1', device = 'bed-201' } = context.req.query();
      const config = {
        mqtt: { url: 'mqtt://hub.example:1883' },
        mqtts: { url: 'mqtts://hub.example:8883' },
        mqttRates: { device: 200 },
        rawDays: 90,
      };
      return context.json(contractView(config, { facility, device }, loadProfiles().get('bed')!));
    })
    .get('/runs', context => context.json(fixture.runs))
    .post('/runs', context => {
      const made = runView('running');
      fixture.runs = [made, ...fixture.runs];
      return context.json(made, 201);
    })
    .get('/runs/:run', context =>
      context.json(fixture.runs.find(run => run.id === context.req.param('run')) ?? runView('done', { unit: 'fail' })),
    )
    .post('/runs/:run/stop', context => context.json(fixture.runs[0]))
    .get('/key', context => context.json({ key: {}, thumbprint: '-xyW0c3yQe8k2cVZ1m9rHfT4uB7sD5nJpL6aK0gEoQw' }));
  return fixture;
}
export const formerRun = (): RunView =>
  runView('done', { unit: 'fail' }, { id: FORMER, startedAt: new Date(Date.now() - 86_400_000).toISOString() });
