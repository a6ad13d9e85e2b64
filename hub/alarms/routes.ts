// A resident's own limits over HTTP, mounted at /api/alarms: read by who may see the vital signs, set by the carers of the facility.
import type { Encounter } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { type AlarmLimits, loadProfiles, type Profile } from '../../devices/index.ts';
import { notAllowed, notFound, Problem } from '../http/problem.ts';
import { checked, readBody, resourceId } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { hasRole, type Person, service } from '../identity/actor.ts';
import { REGISTRY_CHANNEL, watchingProfiles } from '../ingest/index.ts';
import type { Records } from '../records/records.ts';
import { ENCOUNTER_TYPE_SYSTEM } from '../records/systems.ts';
import type { Database } from '../store/index.ts';
import { type LimitsView, type LimitView, SetLimits } from './contract.ts';
import { limitsOf, setLimits } from './store.ts';
import { LIMITS_CHANNEL } from './watch.ts';

const CARERS = ['caregiver', 'manager'] as const;
const READ = { ja: '知らせる値を見る', en: 'read the limits of alarms' };
const CHANGE = { ja: '知らせる値を変える', en: 'change the limits of alarms' };

/** `GET` and `PUT /limits/:patient`. A limit must be one that a living person can have, of a rule of a device that watches the resident. */
export function limitRoutes({
  database,
  records,
  profiles = loadProfiles(),
  now = Date.now,
}: {
  database: Database;
  records: Records;
  profiles?: ReadonlyMap<string, Profile>;
  /** ms since 1970 */
  now?: () => number;
}): Hono<HubEnv> {
  /** Where the patient lives; null for who lives in no facility. Asked by the hub itself, after the actor's right was checked. */
  async function facilityOf(patient: string): Promise<string | null> {
    const query = `Encounter?type=${ENCOUNTER_TYPE_SYSTEM}|residence&status=in-progress&subject=Patient/${patient}&_count=1`;
    const [residence] = await records.as(service('alerts')).search<Encounter>(query);
    return residence?.serviceProvider?.reference?.split('/')[1] ?? null;
  }

  async function viewOf(actor: Person, patient: string): Promise<LimitsView> {
    const [watching, own, facility] = await Promise.all([
      watchingProfiles(database, `Patient/${patient}`),
      limitsOf(database, [patient]),
      facilityOf(patient),
    ]);
    const rules = watching.flatMap(name => rulesOf(profiles.get(name), own.get(patient) ?? {}));
    const limits = [...new Map(rules.map(view => [view.rule, view])).values()];
    return { patient, limits, mayChange: facility !== null && hasRole(actor, CARERS, facility) };
  }

  return new Hono<HubEnv>()
    .get('/limits/:patient', async context => {
      const patient = checked(resourceId, context.req.param('patient'));
      await records.require(context.var.actor, patient, 'vitals', 'read', READ);
      return context.json(await viewOf(context.var.actor, patient));
    })
    .put('/limits/:patient', async context => {
      const actor = context.var.actor;
      const patient = checked(resourceId, context.req.param('patient'));
      const wanted = await readBody(context, SetLimits);
      await records.require(actor, patient, 'risk', 'update', CHANGE);
      const facility = await facilityOf(patient);
      if (!facility) throw notFound();
      if (!hasRole(actor, CARERS, facility)) throw notAllowed();
      const { limits: views } = await viewOf(actor, patient);
      const limits: Record<string, AlarmLimits[string]> = {};
      for (const [rule, { limit, off }] of Object.entries(wanted.limits)) {
        const view = views.find(one => one.rule === rule);
        if (!view) throw ruleUnknown();
        if (limit !== null && (limit < view.minimum || limit > view.maximum)) throw limitImplausible(view);
        if (off || limit !== null) limits[rule] = { ...(limit === null ? {} : { [view.side]: limit }), ...(off ? { off } : {}) };
      }
      await setLimits(database, patient, limits, actor.reference ?? actor.account, new Date(now()));
      await database.notify(LIMITS_CHANNEL, { patient });
      // The facility's gateway is told with its list of devices.
      await database.notify(REGISTRY_CHANNEL, { facility });
      return context.json(await viewOf(actor, patient));
    });
}

/** Rules of vital signs: a call or a fall has no limit, and cannot be turned off. */
function rulesOf(profile: Profile | undefined, own: AlarmLimits): LimitView[] {
  return (profile?.alarms ?? []).flatMap(({ id: rule, kind, quantity: name, text, below, above }) => {
    const quantity = profile?.quantities.find(one => one.name === name);
    const standard = below ?? above;
    if (kind !== 'vital' || !quantity || standard === undefined) return [];
    const side = below === undefined ? ('above' as const) : ('below' as const);
    const factor = quantity.factor ?? 1;
    const set = own[rule];
    return [
      {
        ...{ rule, text, side, standard, quantity: quantity.label, unit: quantity.unit },
        ...{ own: set?.[side] ?? null, off: set?.off ?? false },
        minimum: quantity.minimum * factor,
        maximum: quantity.maximum * factor,
      },
    ];
  });
}

const ruleUnknown = () =>
  new Problem(422, 'rule-unknown', {
    ja: 'この人を見守る機器には、この決まりはありません。ページを開きなおしてください。',
    en: 'No device that watches this person has such a rule. Open the page again.',
  });

const limitImplausible = ({ quantity, unit, minimum, maximum }: LimitView) =>
  new Problem(422, 'limit-implausible', {
    ja: `${quantity.ja}は ${minimum} から ${maximum} ${unit.ja} までの数にしてください。`,
    en: `${quantity.en}: choose a number from ${minimum} to ${maximum} ${unit.en}.`,
  });
