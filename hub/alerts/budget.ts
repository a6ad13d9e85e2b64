// The alarm budget: how many alerts a caregiver gets in a shift sets the level at which one is raised. All figures are the model card's own.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { sql } from 'kysely';
import { type AlertLevels, levelsAround } from '../../models/alert-rule.ts';
import { type Budget, CardSchema, type LevelPoint, type ModelCard } from './contract.ts';
import type { Connection } from './store.ts';

/** @throws Error when the folder has no card of this form. */
export function readCard(directory = path.resolve(import.meta.dirname, '../../models/facility')): ModelCard {
  return CardSchema.parse(JSON.parse(readFileSync(path.join(directory, 'card.json'), 'utf8')));
}

/**
 * The levels that the card has figures for, the fewest alerts first. Each costs more alerts than the one before and misses no more; a level
 * that does not is no choice. The shipped one is always among them.
 */
export function pointsOf({ evaluation: { curve, shipped, residentWeeks } }: Pick<ModelCard, 'evaluation'>): LevelPoint[] {
  const byAct = new Map([...curve, shipped].map(point => [point.act, point]));
  const ordered = [...byAct.values()]
    .map(({ came, ...point }) => ({
      ...point,
      falsePerResidentWeek: came,
      // Without a false alert the true ones are all there are.
      alertsPerResidentWeek: point.precision < 1 ? came / (1 - point.precision) : point.caught / residentWeeks,
    }))
    .sort((a, b) => b.act - a.act);
  const kept: LevelPoint[] = [];
  for (const point of ordered) {
    const rises = (before: LevelPoint | undefined) =>
      !before || (point.alertsPerResidentWeek > before.alertsPerResidentWeek && point.sensitivity >= before.sensitivity);
    if (point.act === shipped.act) while (!rises(kept.at(-1))) kept.pop();
    if (rises(kept.at(-1))) kept.push(point);
  }
  return kept;
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

/** The level of alerts at a facility, as the shipped model's probability: its budget's for this card, else the card's own. */
export async function actInForce(
  connection: Connection,
  facility: string,
  card: Pick<ModelCard, 'name' | 'version' | 'levels'> = readCard(),
): Promise<number> {
  return (await levelsByBudget(connection, card, [facility])).get(facility)?.act ?? card.levels.act;
}

export const versionName = ({ name, version }: { name: string; version: string }): string => `${name} ${version}`;
