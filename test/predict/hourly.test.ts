// Every prediction is in the shared record: one RiskAssessment for each resident and hour, once, and apart from what people read.
import type { RiskAssessment } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import pino from 'pino';
import { afterAll, expect, test } from 'vitest';
import { recordHours } from '../../hub/predict/hourly-record.ts';
import { storePredictions } from '../../hub/predict/predictions.ts';
import { openRecords } from '../../hub/records/index.ts';
import { timelineOf } from '../../hub/records/timeline/timeline.ts';
import { HOUR, MINUTE } from '../../models/channels.ts';
import { home } from '../alerts/people.ts';
import { freshDatabase } from '../harness/index.ts';

const log = pino({ level: 'silent' });
const database = await freshDatabase();
const records = await openRecords({ database, log });
afterAll(() => database.close());

const start = Date.parse('2026-03-01T00:00:00Z');
const place = await home(records);
const [one, other] = place.patients as [string, string];
const assessments = (patient: string) =>
  records.as(place.doctor).search<RiskAssessment>(`RiskAssessment?subject=Patient/${patient}&_sort=date`);

async function predict(patient: string, at: number, probability: number | null) {
  await storePredictions(database, [
    {
      patient,
      facility: place.facility,
      at,
      madeAt: at,
      standsUntil: at + 150_000,
      horizonMinutes: 60,
      probability,
      probabilities: {},
      coverage: probability === null ? 0.2 : 1,
      reasons:
        probability && probability > 0.5
          ? [{ feature: 'x', text: { ja: '脈がはやい', en: 'fast pulse' }, weight: 0.2, value: 1, unit: 'σ' }]
          : [],
      abstained: probability === null ? { ja: '情報が足りません', en: 'too little data' } : null,
      level: 'calm',
      levelSince: at,
      model: { name: 'facility', version: 'v1' },
    },
  ]);
}

test('an ended hour is one RiskAssessment with all its predictions, reasons and what was abstained; the running hour waits', async () => {
  for (let minute = 0; minute < 75; minute += 5)
    await predict(one, start + minute * MINUTE, minute === 10 ? null : minute === 20 ? 0.8 : 0.05);
  // Nothing but silence: there is nothing to say.
  await predict(other, start, null);
  await recordHours({ database, records, log }, start + 75 * MINUTE);
  const found = await assessments(one);
  expect(found).toHaveLength(1);
  const [hour] = found;
  expect(hour).toMatchObject({
    occurrencePeriod: { start: '2026-03-01T00:00:00.000Z', end: '2026-03-01T01:00:00.000Z' },
    method: { coding: [{ code: 'facility', version: 'v1' }] },
  });
  expect(hour!.prediction).toHaveLength(11);
  expect(hour!.prediction!.find(prediction => prediction.probabilityDecimal === 0.8)?.rationale).toBe('脈がはやい');
  expect(hour!.note![0]!.text).toContain('12 回のうち 1 回');
  expect(await assessments(other)).toEqual([]);
});

test('it is written once: again, by two processes, and after a write that was cut off in the middle', async () => {
  const now = start + 2 * HOUR + MINUTE;
  await Promise.all([recordHours({ database, records, log }, now), recordHours({ database, records, log }, now)]);
  await recordHours({ database, records, log }, now + MINUTE);
  expect(await assessments(one)).toHaveLength(2);
  await sql`update prediction_hours set assessment = null where patient = ${one}`.execute(database.kysely);
  await recordHours({ database, records, log }, now + HOUR / 2);
  expect(await assessments(one)).toHaveLength(2);
  const { rows } = await sql<{ open: string }>`select count(*) as open from prediction_hours where assessment is null`.execute(
    database.kysely,
  );
  expect(rows[0]!.open).toBe('0');
});

test('the hours do not bury what people read in the record', async () => {
  const { entries } = await timelineOf(records, place.doctor, one);
  expect(entries.filter(({ kind }) => kind === 'risk')).toEqual([]);
});
