// Consent as one pure function over the resources themselves: what a patient's Consents say to one question. access.ts says the same in SQL.
import type { Consent, ConsentProvision } from '@medplum/fhirtypes';
import type { Actor } from '../../identity/actor.ts';
import { type Action, CATEGORIES, type Category } from '../records.ts';
import { spanOf } from '../search/dates.ts';
import { deniableAs, type Ground, groundsOf, isClinician, looksAsPatient, purposeOf } from './consent.ts';
import { CATEGORY_SYSTEM, PURPOSE_SYSTEM } from './provisions.ts';
import type { Relation } from './relations.ts';

/** What is known of one patient. */
export interface PatientFacts {
  patient: string;
  consents: Consent[];
  relations: Relation[];
  emergencies?: { grant: string; since: Date; until: Date; ended: Date | null }[];
}

export interface Question {
  actor: Actor;
  action: Action;
  category: Category;
  /** Of what the patient was not told yet. */
  withheld?: boolean;
  now: Date;
}

/** Whether the actor may: a ground that holds, and no denial that decides. */
export function mayDo(facts: PatientFacts, question: Question): boolean {
  const { actor, action, category, withheld = false, now } = question;
  const grounds = groundsOf(actor, action).filter(ground => ground.categories.includes(category));
  const self = grounds.some(ground => ground.kind === 'self' && ground.parties.includes(facts.patient));
  if (self && !withheld) return true;
  const holds = grounds.some(
    ground => ground.kind !== 'self' && groundHolds(ground, facts, question) && !(looksAsPatient(actor) && withheld),
  );
  if (!holds) return false;
  if (actor.kind === 'service' && actor.name === 'setup') return true;
  return !decisions(facts.consents, { parties: deniableAs(actor), category, purpose: purposeOf(actor), now }).some(
    ({ effect, purposes }) => effect === 'deny' && (purposeOf(actor) !== 'ETREAT' || purposes),
  );
}

function groundHolds(ground: Ground, facts: PatientFacts, { actor, category, now }: Question): boolean {
  switch (ground.kind) {
    case 'everyone':
      return true;
    case 'emergency':
      return (facts.emergencies ?? []).some(
        ({ grant, since, until, ended }) => ground.parties.includes(grant) && !ended && since <= now && until > now,
      );
    case 'granted':
      return decisions(facts.consents, { parties: ground.parties, category, purpose: purposeOf(actor), now }).some(
        ({ grants, named }) => grants && (named || isClinician(actor)),
      );
    default:
      return facts.relations.some(
        ({ patient, kind, party, until }) =>
          patient === facts.patient && kind === ground.kind && ground.parties.includes(party) && (!until || until > now),
      );
  }
}

interface Asked {
  parties: string[];
  category: Category;
  purpose: string;
  now: Date;
}

interface Decision {
  effect: 'permit' | 'deny';
  /** A permit with no denial around it. */
  grants: boolean;
  /** It, or one around it, names somebody. */
  named: boolean;
  /** It, or one around it, speaks of certain purposes. */
  purposes: boolean;
}

/** The provisions that decide: they fit, and nothing nested in them does. Denials win over permits; across Consents too. */
export function decisions(consents: Consent[], asked: Asked): Decision[] {
  return consents.filter(({ status, provision }) => status === 'active' && provision).flatMap(({ provision }) => decide(provision!, asked));
}

function decide(
  provision: ConsentProvision,
  asked: Asked,
  around: Decision | null = null,
  outermost = true,
  onlyDenials = false,
): Decision[] {
  const effect = provision.type;
  const inner = (outer: Decision | null, denials: boolean) =>
    (provision.provision ?? []).flatMap(nested => decide(nested, asked, outer, false, denials));
  const void_ = (effect === 'permit' && (onlyDenials || !understood(provision))) || (effect === undefined && (!outermost || onlyDenials));
  if (void_) return inner(around, true);
  if (!fits(provision, asked)) return [];
  const own: Decision = {
    effect: effect ?? 'permit',
    grants: effect !== 'deny' && (around === null || around.grants),
    named:
      (around?.named ?? false) ||
      limits(
        provision.actor?.map(({ reference }) => reference.reference),
        effect,
      ),
    purposes: (around?.purposes ?? false) || limits(provision.purpose?.map(knownPurpose), effect),
  };
  const nested = inner(own, false);
  if (nested.length) return nested;
  return effect ? [own] : [];
}

const ELSE = ['action', 'securityLabel', 'code', 'dataPeriod', 'data'] as const;
const knownCategory = ({ system, code }: { system?: string; code?: string }) =>
  system === CATEGORY_SYSTEM && (CATEGORIES as readonly string[]).includes(code ?? '') ? code : undefined;
const knownPurpose = ({ system, code }: { system?: string; code?: string }) => (system === PURPOSE_SYSTEM ? code : undefined);

function understood(provision: ConsentProvision): boolean {
  const lists = [
    provision.actor?.map(({ reference }) => reference.reference),
    provision.class?.map(knownCategory),
    provision.purpose?.map(knownPurpose),
  ];
  return !ELSE.some(name => provision[name] !== undefined) && lists.every(list => !list?.length || list.some(value => value !== undefined));
}

/** Whether a list narrows: it names something, and of a denial all that it names is known. */
const limits = (list: (string | undefined)[] | undefined, effect: 'permit' | 'deny' | undefined): boolean =>
  Boolean(list?.length) && (effect === 'permit' || list!.every(value => value !== undefined));

function fits(provision: ConsentProvision, { parties, category, purpose, now }: Asked): boolean {
  const among = (list: (string | undefined)[] | undefined, wanted: string[]) =>
    !limits(list, provision.type) || list!.some(value => value !== undefined && wanted.includes(value));
  const since = provision.period?.start && spanOf(provision.period.start)?.low;
  const until = provision.period?.end && spanOf(provision.period.end)?.high;
  return (
    among(
      provision.actor?.map(({ reference }) => reference.reference),
      parties,
    ) &&
    among(provision.class?.map(knownCategory), [category]) &&
    among(provision.purpose?.map(knownPurpose), [purpose]) &&
    (!since || since <= now) &&
    (!until || until > now)
  );
}
