// The model's card and the facility's alarm budget over HTTP, mounted at /api/alerts/budget.
import { Hono } from 'hono';
import { Problem } from '../http/problem.ts';
import { checked, readBody, resourceId } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { hasRole, requireRole } from '../identity/actor.ts';
import { currentModel } from '../predict/index.ts';
import type { Database } from '../store/index.ts';
import type { Alerts } from './alerts.ts';
import { chooseLevel, pointsOf, readBudgets, removeBudget, versionName, writeBudget } from './budget.ts';
import { BudgetSchema, type ModelCard, type ModelView } from './contract.ts';

export function budgetRoutes({
  database,
  alerts,
  card,
  now = Date.now,
}: {
  database: Database;
  alerts: Pick<Alerts, 'cards'>;
  card: ModelCard;
  now?: () => number;
}): Hono<HubEnv> {
  const points = pointsOf(card);
  const view = async (facility: string, mayChange: boolean): Promise<ModelView> => {
    const [budgets, residents, model] = await Promise.all([
      readBudgets(database.kysely, [facility]),
      alerts.cards(facility),
      currentModel(database),
    ]);
    const kept = budgets.get(facility);
    const forThisVersion = kept?.model === versionName(card);
    return {
      card,
      trainedOn: model?.trainedOn ?? null,
      running: model?.name === card.name && model.version === card.version,
      points,
      residents: residents.length,
      budget: kept
        ? {
            perShift: kept.perShift,
            caregivers: kept.caregivers,
            shiftsADay: kept.shiftsADay,
            act: kept.act,
            changedBy: kept.changedBy,
            changedAt: kept.changedAt.toISOString(),
            forThisVersion,
          }
        : null,
      act: kept && forThisVersion ? kept.act : card.levels.act,
      mayChange,
    };
  };
  return new Hono<HubEnv>()
    .get('/:facility', async context => {
      const facility = checked(resourceId, context.req.param('facility'));
      requireRole(context.var.actor, ['caregiver', 'manager'], facility);
      return context.json(await view(facility, hasRole(context.var.actor, ['manager'], facility)));
    })
    .put('/:facility', async context => {
      const facility = checked(resourceId, context.req.param('facility'));
      const { actor } = context.var;
      requireRole(actor, ['manager'], facility);
      const budget = await readBody(context, BudgetSchema);
      const residents = (await alerts.cards(facility)).length;
      const chosen = chooseLevel(points, residents, budget);
      if (!chosen)
        throw new Problem(409, 'no-curve', {
          ja: 'このモデルには、選べる基準の記録がありません。',
          en: 'This model has no figures to choose a level by.',
        });
      const stored = { ...budget, residents, act: chosen.point.act, model: versionName(card) };
      await writeBudget(database.kysely, facility, { ...stored, changedBy: actor.name, changedAt: new Date(now()) });
      return context.json(await view(facility, true));
    })
    .delete('/:facility', async context => {
      const facility = checked(resourceId, context.req.param('facility'));
      requireRole(context.var.actor, ['manager'], facility);
      await removeBudget(database.kysely, facility);
      return context.json(await view(facility, true));
    });
}
