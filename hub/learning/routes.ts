// Learning from outcomes over HTTP, mounted at /api/learning: seen by those of the facility, decided by its managers.
import { Hono } from 'hono';
import { notAllowed, Problem } from '../http/problem.ts';
import { checked, readBody, resourceId } from '../http/request.ts';
import type { HubEnv } from '../http/server-types.ts';
import { hasRole, type Person, requireRole } from '../identity/actor.ts';
import type { Records } from '../records/records.ts';
import type { Database } from '../store/index.ts';
import { Adopt, AdoptPerson, Decline, DeclinePerson, type LearningView, MissedEpisode } from './contract.ts';
import { reportMissed } from './missed.ts';
import { adoptPersonValue, declinePersonValue, personValuesOf } from './person-values.ts';
import { reviewFacility } from './review.ts';
import { reviewsOf } from './reviews.ts';
import { adopt, decline, shippedVersion, tuningsInForce, versionsOf } from './versions.ts';

const DAY = 86_400_000;
const OLDEST_REPORT = 60 * DAY;

export interface LearningDeps {
  database: Database;
  records: Pick<Records, 'require' | 'residents' | 'audit'>;
  /** The model that predicts now; null before it ever did. */
  currentModel(): Promise<{ version: string; alertHorizon: number } | null>;
  now?: () => number;
}

/** @throws Problem 403 for who is not of the facility, or is no manager of it where something is decided */
export function learningRoutes({ database, records, currentModel, now = Date.now }: LearningDeps): Hono<HubEnv> {
  const modelNow = async () => {
    const model = await currentModel();
    if (!model) throw noModel();
    return model;
  };
  const view = async (actor: Person, facility: string): Promise<LearningView> => {
    const model = await modelNow();
    const [versions, reviews] = await Promise.all([versionsOf(database, facility, model.version), reviewsOf(database, facility)]);
    const adopted = versions.find(version => version.state === 'adopted');
    const shipped = shippedVersion(model.version, !adopted);
    const current = adopted ?? shipped;
    return {
      facility,
      current,
      people: await peopleOf(actor, facility, current.version),
      versions: [...versions, shipped],
      reviews,
      mayDecide: hasRole(actor, ['manager'], facility),
    };
  };
  const peopleOf = async (actor: Person, facility: string, version: string): Promise<LearningView['people']> => {
    const residents = await records.residents(actor, facility);
    const values = await personValuesOf(
      database,
      version,
      residents.map(({ patient }) => patient),
    );
    return residents.flatMap(({ patient, name }) => {
      const own = values.filter(value => value.patient === patient);
      return own.length ? [{ patient, name, values: own }] : [];
    });
  };
  /** The version that a value of a resident of this facility has to belong to. */
  const personBase = async (actor: Person, facility: string, patient: string, what: { ja: string; en: string }) => {
    const may = hasRole(actor, ['manager'], facility);
    const lives = may && (await records.residents(actor, facility)).some(resident => resident.patient === patient);
    await records.audit({ actor, action: 'update', what, patient, allowed: lives });
    if (!lives) throw notAllowed();
    return (await tuningsInForce(database, (await modelNow()).version)).get(facility)?.version ?? (await modelNow()).version;
  };
  const facilityOf = (context: { req: { param(name: 'facility'): string } }) => checked(resourceId, context.req.param('facility'));
  const decided = async (actor: Person, facility: string, what: { ja: string; en: string }) => {
    const allowed = hasRole(actor, ['manager'], facility);
    await records.audit({ actor, action: 'update', what, allowed });
    if (!allowed) throw notAllowed();
  };

  return new Hono<HubEnv>()
    .get('/:facility', async context => {
      const facility = facilityOf(context);
      requireRole(context.var.actor, ['caregiver', 'manager'], facility);
      return context.json(await view(context.var.actor, facility));
    })
    .post('/:facility/review', async context => {
      const facility = facilityOf(context);
      const { actor } = context.var;
      await decided(actor, facility, { ja: '予測を見直す', en: 'review the predictions' });
      const model = await modelNow();
      await reviewFacility({ database, facility, base: model.version, horizonMinutes: model.alertHorizon, now: now() });
      return context.json(await view(actor, facility), 201);
    })
    .post('/:facility/adopt', async context => {
      const facility = facilityOf(context);
      const { actor } = context.var;
      const { version } = await readBody(context, Adopt);
      await decided(actor, facility, { ja: '予測の版を使い始める', en: 'put a version of the model in force' });
      await adopt(database, { facility, base: (await modelNow()).version, version, by: actor.name, at: new Date(now()) });
      return context.json(await view(actor, facility));
    })
    .post('/:facility/decline', async context => {
      const facility = facilityOf(context);
      const { actor } = context.var;
      const { version } = await readBody(context, Decline);
      await decided(actor, facility, { ja: '予測の版を使わないと決める', en: 'decline a version of the model' });
      await decline(database, { facility, version, by: actor.name, at: new Date(now()) });
      return context.json(await view(actor, facility));
    })
    .post('/:facility/person', async context => {
      const facility = facilityOf(context);
      const { actor } = context.var;
      const { patient, value } = await readBody(context, AdoptPerson);
      const what = { ja: 'この人に合わせた予測の値を決める', en: 'decide on the value that fits the model to this person' };
      const base = await personBase(actor, facility, patient, what);
      await adoptPersonValue(database, { facility, patient, base, value, by: actor.name, at: new Date(now()) });
      return context.json(await view(actor, facility));
    })
    .post('/:facility/person/decline', async context => {
      const facility = facilityOf(context);
      const { actor } = context.var;
      const { patient, value } = await readBody(context, DeclinePerson);
      const what = { ja: 'この人に合わせた予測の値を使わないと決める', en: 'decline the value that fits the model to this person' };
      await personBase(actor, facility, patient, what);
      await declinePersonValue(database, { patient, value, by: actor.name, at: new Date(now()) });
      return context.json(await view(actor, facility));
    })
    .post('/:facility/episodes', async context => {
      const facility = facilityOf(context);
      const { actor } = context.var;
      const { patient, onset, comment } = await readBody(context, MissedEpisode);
      if (!hasRole(actor, ['caregiver', 'manager'], facility)) throw notAllowed();
      const what = { ja: '知らせのなかった症状を記録する', en: 'record an episode that nobody was warned of' };
      await records.require(actor, patient, 'risk', 'update', what);
      const lives = (await records.residents(actor, facility)).some(resident => resident.patient === patient);
      if (!lives) throw notAllowed();
      const began = Date.parse(onset);
      if (began > now() || began < now() - OLDEST_REPORT) throw onsetOutside();
      await reportMissed(database, { patient, facility, onset: new Date(began), comment, by: actor.reference ?? '', at: new Date(now()) });
      return context.json({}, 201);
    });
}

const noModel = () =>
  new Problem(409, 'no-model', {
    ja: '予測はまだ始まっていません。少し待ってから、もう一度ひらいてください。',
    en: 'No model predicts yet. Open this page again in a moment.',
  });
const onsetOutside = () =>
  new Problem(422, 'onset-outside', {
    ja: '始まった時刻は、今より前で、60日以内にしてください。',
    en: 'The onset must lie in the past, and not more than 60 days ago.',
  });
