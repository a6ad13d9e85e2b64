// HTTP of vitals, mounted at /api/vitals: a person's day on one time axis, through consent and audit.
import { Hono } from 'hono';
import { z } from 'zod';
import { loadProfiles } from '../../devices/index.ts';
import type { AlertView, PredictionView } from '../alerts/contract.ts';
import { checked } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import type { Records } from '../records/records.ts';
import type { Database, SampleStore } from '../store/index.ts';
import { type DayView, WatchVitals } from './contract.ts';
import { readSeries } from './day.ts';
import { personOf } from './person.ts';

export interface VitalsDependencies {
  samples: SampleStore;
  records: Records;
  database: Database;
  /** A patient's predictions and alerts of a span, in order of time. Asked only for those who may see the risk. */
  predictionsOf?: (patient: string, from: Date, to: Date) => Promise<PredictionView[]>;
  alertsOf?: (patient: string, from: Date, to: Date) => Promise<AlertView[]>;
  /** ms since 1970. */
  now?: () => number;
}

const THREE_HOURS = 3 * 3_600_000;
const LONGEST = 31 * 86_400_000;
const time = z.iso.datetime({ offset: true }).transform(text => Date.parse(text));

export function vitalsRoutes({ samples, records, predictionsOf, alertsOf, now = Date.now }: VitalsDependencies): Hono<HubEnv> {
  const profiles = loadProfiles();
  const Span = z
    .object({ from: time.optional(), to: time.optional(), every: z.coerce.number().int().min(1).max(86_400).optional() })
    .transform(({ from, to = now(), every }) => ({ from: from ?? to - THREE_HOURS, to, every }))
    .refine(({ from, to }) => from < to, { path: ['from'], message: 'must be before `to`' })
    .refine(({ from, to }) => to - from <= LONGEST, { path: ['from'], message: 'at most 31 days before `to`' });

  return new Hono<HubEnv>().get('/:patient', async context => {
    const actor = context.var.actor;
    const { patient } = checked(WatchVitals, context.req.param());
    const { from, to, every } = checked(Span, context.req.query());
    await records.require(actor, patient, 'vitals', 'read', { ja: 'センサーの記録を見る', en: 'see the samples of sensors' });
    const risk = await records.allowed(actor, [patient], 'risk', 'read', { ja: '予測と通知を見る', en: 'see predictions and alerts' });
    const span = [patient, new Date(from), new Date(to)] as const;
    const [person, series, predictions, alerts] = await Promise.all([
      personOf(records, actor, patient),
      readSeries(samples, profiles.values(), { subject: `Patient/${patient}`, from, to, every }),
      risk.has(patient) ? (predictionsOf?.(...span) ?? []) : [],
      risk.has(patient) ? (alertsOf?.(...span) ?? []) : [],
    ]);
    const view: DayView = { patient: person, from: span[1].toISOString(), to: span[2].toISOString(), series, predictions, alerts };
    return context.json(view);
  });
}
