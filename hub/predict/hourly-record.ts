// Every prediction in the shared record: one RiskAssessment for each resident and hour, which holds all predictions of the hour.
import type { RiskAssessment, RiskAssessmentPrediction } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import type { Logger } from 'pino';
import type { Reason } from '../alerts/contract.ts';
import { service } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';
import { HOURLY_TAG, OWN } from '../records/systems.ts';
import type { Database } from '../store/index.ts';

const HOUR = 3_600_000;
/** How far back is looked at the first time after a start, and then. */
const OLDEST = { first: 48 * HOUR, later: 3 * HOUR };
/** Hours written in one go, so that a cycle does not wait for a long backlog. */
const PORTION = 500;
/** A write that began and did not end for so long may have been cut off in the middle, ms. */
const CUT_OFF = 10 * 60_000;

interface Found {
  patient: string;
  hour: Date;
  /** A write of this hour began before: it may be in the record already. */
  again: boolean;
  predictions: {
    at: string;
    horizon: number;
    probability: number | null;
    coverage: number;
    reasons: Reason[];
    model: string;
    version: string;
  }[];
}

export interface HourlyRecordDeps {
  database: Database;
  records: Pick<Records, 'as'>;
  log: Logger;
}

/**
 * Writes the hours that ended before `now` (ms) and are not in the record, at most PORTION of them. An hour without a probability is not
 * written. @param first since the start of this process @returns whether there may be more
 */
export async function recordHours({ database, records, log }: HourlyRecordDeps, now: number, first = true): Promise<boolean> {
  const ended = new Date(Math.floor(now / HOUR) * HOUR);
  const found = await unwritten(database, new Date(now - (first ? OLDEST.first : OLDEST.later)), ended, new Date(now - CUT_OFF));
  const repository = records.as(service('predict'));
  for (const one of found) {
    const { patient, hour } = one;
    try {
      const claimed = await sql`
        insert into prediction_hours as h (patient, hour, begun) values (${patient}, ${hour}, ${new Date(now)})
        on conflict (patient, hour) do update set begun = excluded.begun
          where h.assessment is null and h.begun < ${new Date(now - CUT_OFF)} returning patient`.execute(database.kysely);
      // Another process is at it.
      if (!claimed.rows.length) continue;
      const identifier = `${OWN}:prediction-hour|${identifierOf(one)}`;
      const [known] = one.again
        ? await repository.search<RiskAssessment>(`RiskAssessment?identifier=${encodeURIComponent(identifier)}`)
        : [];
      const { id } = known ?? (await repository.create(hourOf(one)));
      await sql`update prediction_hours set assessment = ${id!} where patient = ${patient} and hour = ${hour}`.execute(database.kysely);
    } catch (error) {
      log.error({ problem: (error as Error).message }, 'the predictions of an hour could not be recorded; it is tried again');
    }
  }
  return found.length === PORTION;
}

async function unwritten(database: Database, from: Date, to: Date, cutOff: Date): Promise<Found[]> {
  const { rows } = await sql<Found>`
    select p.patient, date_trunc('hour', p.at) as hour, bool_or(h.patient is not null) as again,
      jsonb_agg(jsonb_build_object('at', p.at, 'horizon', p.horizon_minutes, 'probability', p.probability, 'coverage', p.coverage,
        'reasons', p.reasons, 'model', p.model_name, 'version', p.model_version) order by p.at) as predictions
    from predictions p left join prediction_hours h on h.patient = p.patient and h.hour = date_trunc('hour', p.at)
    where p.made_at >= ${from} and p.at < ${to} and (h.patient is null or (h.assessment is null and h.begun < ${cutOff}))
    group by p.patient, date_trunc('hour', p.at) having count(p.probability) > 0
    order by 2 limit ${PORTION}`.execute(database.kysely);
  return rows;
}

const identifierOf = ({ patient, hour }: Pick<Found, 'patient' | 'hour'>) => `${patient}/${hour.toISOString()}`;

/** https://hl7.org/fhir/R4/riskassessment.html: one `prediction` for each that was made, with its reasons; the abstained ones are counted. */
function hourOf({ patient, hour, predictions }: Found): RiskAssessment {
  const made = predictions.filter(one => one.probability !== null);
  const models = [...new Set(predictions.map(({ model, version }) => `${model} ${version}`))];
  const coverage = predictions.reduce((sum, one) => sum + one.coverage, 0) / predictions.length;
  const [first] = predictions;
  return {
    resourceType: 'RiskAssessment',
    meta: { tag: [HOURLY_TAG] },
    identifier: [{ system: `${OWN}:prediction-hour`, value: identifierOf({ patient, hour }) }],
    status: 'final',
    method: {
      coding: [{ system: `${OWN}:model`, code: first!.model, version: first!.version }],
      text: `${models.join('; ')} (decision support, no medical-device review)`,
    },
    code: { text: 'BPSD の起こりやすさ (risk of BPSD)' },
    subject: { reference: `Patient/${patient}` },
    occurrencePeriod: { start: hour.toISOString(), end: new Date(hour.getTime() + HOUR).toISOString() },
    prediction: made.map((one): RiskAssessmentPrediction => {
      const at = new Date(one.at);
      return {
        outcome: { text: 'BPSD' },
        probabilityDecimal: Number(one.probability!.toFixed(4)),
        whenPeriod: { start: at.toISOString(), end: new Date(at.getTime() + one.horizon * 60_000).toISOString() },
        ...(one.reasons.length ? { rationale: one.reasons.map(reason => reason.text.ja).join('、') } : {}),
      };
    }),
    note: [
      {
        text: `${predictions.length} 回のうち ${predictions.length - made.length} 回は情報が足りず予測なし (abstained)。観測の割合 coverage ${Math.round(coverage * 100)} %。`,
      },
    ],
  };
}
