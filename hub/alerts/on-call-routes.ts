// The on-call list over HTTP, mounted at /api/alerts/on-call: read by those of the facility, changed by its managers.
import { Hono } from 'hono';
import { Problem } from '../http/problem.ts';
import { checked, readBody, resourceId } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { hasRole, requireRole } from '../identity/actor.ts';
import type { Database } from '../store/index.ts';
import { OnCallSchema, type OnCallView, type Way } from './contract.ts';
import type { OnDuty } from './messenger.ts';
import { readOnCall, writeOnCall } from './on-call.ts';

export interface OnCallDeps {
  database: Database;
  /** Ways that work on this hub. */
  ways: Way[];
  staff: (facility: string) => Promise<OnDuty[]>;
  now?: () => number;
}

export function onCallRoutes({ database, ways, staff, now = Date.now }: OnCallDeps): Hono<HubEnv> {
  const view = async (facility: string, mayChange: boolean): Promise<OnCallView> => {
    const [{ list, changedBy, changedAt }, people] = await Promise.all([readOnCall(database.kysely, facility), staff(facility)]);
    return {
      ...list,
      standard: changedAt === null,
      ways,
      changedBy,
      changedAt: changedAt?.toISOString() ?? null,
      people: people.map(({ account, name, roles }) => ({ account, name, role: roles[0] ?? 'caregiver' })),
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
      const list = await readBody(context, OnCallSchema);
      const unheard =
        list.steps.length > 0 && (['urgent', 'act'] as const).find(tier => !list.steps.some(step => step.tiers.includes(tier)));
      if (unheard)
        throw new Problem(422, 'nobody-on-call', {
          ja: '「すぐ行く」と「対応」のお知らせには、呼ぶ人が1人以上いります。',
          en: 'Urgent alerts and alerts to act on need somebody who is called.',
        });
      await writeOnCall(database.kysely, facility, list, actor.name, new Date(now()));
      return context.json(await view(facility, true));
    });
}
