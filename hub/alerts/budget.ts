// The alarm budget: how many alerts a caregiver gets in a shift sets the level at which one is raised. All figures are the model card's own.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { sql } from 'kysely';
import { z } from 'zod';
import { type AlertLevels, levelsAround } from '../../models/alert-rule.ts';
import type { Connection } from './store.ts';

/** PUT /api/alerts/budget/:facility */
export const BudgetSchema = z.object({
  /** Alerts that one caregiver gets in one shift, on average. */
  perShift: z.number().min(0.01).max(20),
  /** Caregivers in a shift. */
  caregivers: z.number().int().min(1).max(100),
  shiftsADay: z.number().int().min(1).max(8),
});
export type Budget = z.infer<typeof BudgetSchema>;

/** A level as it was measured on the test residents of the card. */
export interface LevelPoint {
  /** Probability at which an alert is raised, 0 … 1. */
  act: number;
  falsePerResidentWeek: number;
  /** False and true ones together. */
  alertsPerResidentWeek: number;
  /** Share of episodes that were warned of. */
  sensitivity: number;
  caught: number;
  episodes: number;
  /** Share of alerts that an episode followed. */
  precision: number;
  leadMinutes: { median: number; quartiles: [number, number] } | null;
}

const Point = z.object({
  act: z.number(),
  came: z.number(),
  sensitivity: z.number(),
  caught: z.number(),
  episodes: z.number(),
  precision: z.number(),
  leadMinutes: z.object({ median: z.number(), quartiles: z.tuple([z.number(), z.number()]) }).nullable(),
});
const Horizon = z.object({
  horizonMinutes: z.number(),
  auroc: z.number(),
  aurocInterval: z.tuple([z.number(), z.number()]),
  auprc: z.number(),
  prevalence: z.number(),
  hourOnly: z.object({ auroc: z.number() }),
  calibration: z.array(z.object({ predicted: z.number(), happened: z.number(), windows: z.number() })),
  alerts: z.array(Point),
});
/** What of `models/facility/card.json` the hub shows and reckons with. */
const CardSchema = z.object({
  name: z.string(),
  version: z.string(),
  created: z.string(),
  data: z.string(),
  split: z.string(),
  alertHorizonMinutes: z.number(),
  levels: z.object({ watch: z.number(), act: z.number(), clear: z.number() }),
  evaluation: z.object({
    residents: z.number(),
    residentWeeks: z.number(),
    episodes: z.number(),
    horizons: z.array(Horizon),
    shipped: Point,
  }),
  intendedUse: z.string(),
  limits: z.array(z.string()),
  statement: z.string(),
});
export type ModelCard = z.infer<typeof CardSchema>;

/** @throws Error when the folder has no card of this form. */
export function readCard(directory = path.resolve(import.meta.dirname, '../../models/facility')): ModelCard {
  return CardSchema.parse(JSON.parse(readFileSync(path.join(directory, 'card.json'), 'utf8')));
}

/** The levels that the card has figures for, the fewest alerts first. */
export function pointsOf(card: ModelCard): LevelPoint[] {
  const horizon = card.evaluation.horizons.find(one => one.horizonMinutes === card.alertHorizonMinutes);
  const byAct = new Map([...(horizon?.alerts ?? []), card.evaluation.shipped].map(point => [point.act, point]));
  return [...byAct.values()]
    .map(({ came, ...point }) => ({
      ...point,
      falsePerResidentWeek: came,
      // Without a false alert the true ones are all there are.
      alertsPerResidentWeek: point.precision < 1 ? came / (1 - point.precision) : point.caught / card.evaluation.residentWeeks,
    }))
    .sort((a, b) => a.alertsPerResidentWeek - b.alertsPerResidentWeek);
}

/** Alerts a caregiver gets in a shift, when residents have so many a week. */
export const perShift = (alertsPerResidentWeek: number, residents: number, { caregivers, shiftsADay }: Omit<Budget, 'perShift'>): number =>
  (alertsPerResidentWeek * residents) / (7 * shiftsADay * caregivers);

/** The measured level with the most alerts that stays within the budget; the one with the fewest when none does (`within` is false then). */
export function chooseLevel(points: LevelPoint[], residents: number, budget: Budget): { point: LevelPoint; within: boolean } | null {
  const fitting = points.filter(point => perShift(point.alertsPerResidentWeek, residents, budget) <= budget.perShift + 1e-9);
  const point = fitting.at(-1) ?? points[0];
  return point ? { point, within: fitting.length > 0 } : null;
}

export interface StoredBudget extends Budget {
  residents: number;
  act: number;
  model: string;
  changedBy: string;
  changedAt: Date;
}

export async function readBudgets(connection: Connection, facilities: string[]): Promise<Map<string, StoredBudget>> {
  const { rows } = await sql<StoredBudget & { facility: string }>`
    select facility, per_shift as "perShift", caregivers, shifts_a_day as "shiftsADay", residents, act, model,
      changed_by as "changedBy", changed_at as "changedAt"
    from alert_budgets where facility = any(${facilities}::text[])`.execute(connection);
  return new Map(rows.map(({ facility, ...budget }) => [facility, budget]));
}

export async function writeBudget(connection: Connection, facility: string, budget: StoredBudget): Promise<void> {
  await sql`
    insert into alert_budgets (facility, per_shift, caregivers, shifts_a_day, residents, act, model, changed_by, changed_at)
    values (${facility}, ${budget.perShift}, ${budget.caregivers}, ${budget.shiftsADay}, ${budget.residents}, ${budget.act}, ${budget.model},
      ${budget.changedBy}, ${budget.changedAt})
    on conflict (facility) do update set per_shift = excluded.per_shift, caregivers = excluded.caregivers,
      shifts_a_day = excluded.shifts_a_day, residents = excluded.residents, act = excluded.act, model = excluded.model,
      changed_by = excluded.changed_by, changed_at = excluded.changed_at`.execute(connection);
}

export async function removeBudget(connection: Connection, facility: string): Promise<void> {
  await sql`delete from alert_budgets where facility = ${facility}`.execute(connection);
}

/**
 * Levels of the facilities that have chosen a budget for this model. A level belongs to the version whose card it was read from: with another
 * version the model's own level holds until somebody chooses again.
 */
export async function levelsByBudget(
  connection: Connection,
  model: { name: string; version: string },
  facilities: string[],
): Promise<Map<string, AlertLevels>> {
  const found = new Map<string, AlertLevels>();
  for (const [facility, budget] of await readBudgets(connection, facilities))
    if (budget.model === versionName(model)) found.set(facility, levelsAround(budget.act));
  return found;
}

export const versionName = ({ name, version }: { name: string; version: string }): string => `${name} ${version}`;
