// Consultations over HTTP, mounted at /api/consult.
import { Hono } from 'hono';
import { z } from 'zod';
import { checked, readBody } from '../http/index.ts';
import type { HubEnv } from '../http/server-types.ts';
import { requireRole } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';
import type { Consultations } from './consultations.ts';
import { type CardView, type Invitable, Invite, NewEncounter } from './contract.ts';
import { cardOf, findInvitable, INVITABLE_ROLES } from './people.ts';
import { encounterUnknown } from './problems.ts';

const ListQuery = z.object({ on: z.iso.date().optional() });
const PeopleQuery = z.object({ role: z.enum(INVITABLE_ROLES).optional(), q: z.string().max(100).default('') });

/** Today's date in Asia/Tokyo, `YYYY-MM-DD`. */
const tokyoToday = () => new Date(Date.now() + 9 * 3_600_000).toISOString().slice(0, 10);

export function consultRoutes(deps: {
  consultations: Consultations;
  records: Records;
  /** The Encounter changed by HTTP: whoever is in its room is told. */
  changed(encounter: string): Promise<void>;
  /** What the card of a `Practitioner/…` said. */
  licenceOf(reference: string): Promise<CardView['licence']>;
}): Hono<HubEnv> {
  const { consultations, records, changed } = deps;
  const routes = new Hono<HubEnv>();
  routes.post('/encounters', async context => {
    const asked = await readBody(context, NewEncounter);
    return context.json(await consultations.create(context.var.actor, asked), 201);
  });
  routes.get('/encounters', async context => {
    const { on } = checked(ListQuery, context.req.query());
    return context.json(await consultations.on(context.var.actor, on ?? tokyoToday()));
  });
  routes.get('/encounters/:id', async context => context.json(await consultations.view(context.var.actor, context.req.param('id'))));
  routes.post('/encounters/:id/invite', async context => {
    const id = context.req.param('id');
    await consultations.invite(context.var.actor, id, await readBody(context, Invite));
    await changed(id);
    return context.json(await consultations.view(context.var.actor, id));
  });
  routes.get('/encounters/:id/card/:practitioner', async context => {
    const view = await consultations.view(context.var.actor, context.req.param('id'));
    const person = view.participants.find(each => each.reference === `Practitioner/${context.req.param('practitioner')}`);
    if (!person) throw encounterUnknown();
    return context.json(await cardOf(records.as(context.var.actor), person, await deps.licenceOf(person.reference)));
  });
  routes.get('/people', async context => {
    requireRole(context.var.actor, ['doctor', 'specialist']);
    const { role, q } = checked(PeopleQuery, context.req.query());
    const people = await findInvitable(records.as(context.var.actor), role ? [role] : INVITABLE_ROLES, q);
    const own = context.var.actor.reference;
    return context.json(
      people
        .filter(person => `Practitioner/${person.practitioner}` !== own)
        .map(({ practitioner, name, role, organizationName }): Invitable => ({ practitioner, name, role, organizationName })),
    );
  });
  return routes;
}
