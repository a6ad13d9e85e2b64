// What the recorded outcomes of one person say about the model's word for this person; a proposal, never in force by itself.
import { type Adaptation, adaptationOf, adapted, keepingRecall, type PastOutcome } from '../../models/index.ts';
import type { AlertOutcome } from '../alerts/index.ts';
import { highestBetween } from '../predict/index.ts';
import type { Database } from '../store/index.ts';
import type { PersonValueView } from './contract.ts';
import { personValuesInForce, proposePersonValue, withdrawProposal } from './person-values.ts';
import type { Missed } from './windows.ts';

const MINUTE = 60_000;
/** Outcomes (newer ones counting more) below which a person is left as everybody. */
const FEWEST = 3;
/** A value nearer than this to the one in force is not worth a decision. */
const WORTH = 0.1;

/** One alert or one episode that nobody was warned of. Probabilities are the facility's, before any value of the person. */
export interface Known {
  /** ms since 1970: when the outcome was known. */
  at: number;
  kind: 'episode' | 'prevented' | 'false' | 'missed';
  /** When the alert was raised; for a missed episode, the highest before it. */
  probability: number;
  /** Highest from the alert (or the horizon) to the onset or the end of the horizon. */
  peak: number;
}

/**
 * The value for a person, with what it would have done to the person's own alerts. An alert whose episode was prevented was right: the care
 * that prevented it must not teach the model to be silent.
 */
export function personValue(
  known: readonly Known[],
  act: number,
  now: number,
): { adaptation: Adaptation; figures: PersonValueView['figures'] } {
  const past = known.map(({ at, kind, probability }): PastOutcome => ({ at, probability, happened: kind !== 'false' }));
  const warnedOf = known.filter(({ kind, peak }) => (kind === 'episode' || kind === 'prevented') && peak >= act);
  const adaptation = keepingRecall(
    adaptationOf(past, now),
    warnedOf.map(({ peak }) => peak),
    act,
  );
  const raised = (some: readonly Known[]) => some.filter(({ peak }) => adapted(adaptation, peak) >= act).length;
  const of = (...kinds: Known['kind'][]) => known.filter(({ kind }) => kinds.includes(kind));
  return {
    adaptation,
    figures: {
      episode: of('episode').length,
      prevented: of('prevented').length,
      false: of('false').length,
      missed: of('missed').length,
      falseWith: raised(of('false')),
      warnedOf: warnedOf.length,
      warnedOfWith: raised(warnedOf),
      missedWith: of('missed').length - raised(of('missed')),
    },
  };
}

export interface PeopleReview {
  database: Database;
  facility: string;
  /** Version in force at the facility, and how it shows the shipped model's probability. */
  version: string;
  calibrate(probability: number): number;
  /** The facility's level of alerts, as the shipped model's probability. */
  act: number;
  horizonMinutes: number;
  alerts: AlertOutcome[];
  missed: Missed[];
  now: number;
}

/** Proposes a value for each person whose outcomes say something else than what is in force. */
export async function reviewPeople(options: PeopleReview): Promise<void> {
  const { database, facility, version, calibrate, horizonMinutes, now } = options;
  const known = await knownOf(options);
  const inForce = await personValuesInForce(database);
  for (const [patient, own] of known) {
    const { adaptation, figures } = personValue(own, calibrate(options.act), now);
    const before = inForce.get(patient);
    const present = before?.base === version ? before.offset : 0;
    const offset = Number(adaptation.offset.toFixed(3));
    if (adaptation.weight < FEWEST || Math.abs(offset - present) < WORTH) await withdrawProposal(database, patient);
    else await proposePersonValue(database, { facility, patient, base: version, offset, figures, at: new Date(now) });
  }

  async function knownOf({ alerts, missed }: PeopleReview): Promise<Map<string, Known[]>> {
    const horizon = horizonMinutes * MINUTE;
    const told = alerts.flatMap(({ patient, raisedAt, outcome, onset }) => {
      if (outcome !== 'episode' && outcome !== 'prevented' && outcome !== 'false') return [];
      const until = outcome === 'episode' && onset ? Math.max(onset, raisedAt + MINUTE) : raisedAt + horizon;
      return [{ patient, kind: outcome, from: raisedAt - 2 * MINUTE, first: raisedAt + MINUTE, until, at: raisedAt + horizon }];
    });
    const unseen = missed.map(({ patient, onset }) => {
      return { patient, kind: 'missed' as const, from: onset - horizon, first: onset, until: onset, at: onset };
    });
    const all = [...told, ...unseen];
    const [atFirst, highest] = await Promise.all([
      highestBetween(
        database,
        all.map(({ patient, from, first }) => ({ patient, from, to: first })),
      ),
      highestBetween(
        database,
        all.map(({ patient, from, until }) => ({ patient, from, to: until })),
      ),
    ]);
    const found = new Map<string, Known[]>();
    all.forEach(({ patient, kind, at }, index) => {
      const [first, peak] = [atFirst[index], highest[index]];
      // Without a prediction the model had said nothing: nothing to learn about its word.
      if (first === null || first === undefined || peak === null || peak === undefined) return;
      found.set(patient, [...(found.get(patient) ?? []), { at, kind, probability: calibrate(first), peak: calibrate(peak) }]);
    });
    return found;
  }
}
