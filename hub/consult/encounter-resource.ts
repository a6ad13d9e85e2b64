// A consultation as a FHIR R4 Encounter (https://hl7.org/fhir/R4/encounter.html), and back. Pure functions.
import type { Encounter, EncounterParticipant } from '@medplum/fhirtypes';
import { ACT_CODE_SYSTEM, OWN, PATTERN_SYSTEM } from '../records/systems.ts';
import { type EncounterStatus, PATTERNS, type Pattern } from './contract.ts';

const PARTICIPATION = 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType';

export interface NewConsultation {
  pattern: Pattern;
  reason: string;
  /** ISO time. */
  start: string;
  patient: { id: string; name: string };
  /** The one who holds it, first performer. */
  host: { reference: string; name: string };
  invited: { reference: string; name: string }[];
  /** Organization of the host. */
  provider: { id: string; name: string };
}

/** The patient is the subject; FHIR's `participant` takes practitioners only. The host is the primary performer, others are consultants. */
export function encounterResource(consultation: NewConsultation): Encounter {
  const { patient, host, invited, provider } = consultation;
  return {
    resourceType: 'Encounter',
    status: 'planned',
    class: { system: ACT_CODE_SYSTEM, code: 'VR', display: 'virtual' },
    type: [{ coding: [{ system: PATTERN_SYSTEM, code: consultation.pattern }] }],
    subject: { reference: `Patient/${patient.id}`, display: patient.name },
    participant: [participant(host, true), ...invited.map(person => participant(person, false))],
    period: { start: consultation.start },
    reasonCode: [{ text: consultation.reason }],
    serviceProvider: { reference: `Organization/${provider.id}`, display: provider.name },
  };
}

export function participant(person: { reference: string; name: string }, host: boolean): EncounterParticipant {
  return {
    type: [{ coding: [{ system: PARTICIPATION, code: host ? 'PPRF' : 'CON' }] }],
    individual: { reference: person.reference, display: person.name },
  };
}

export const isHost = (each: EncounterParticipant): boolean =>
  each.type?.some(type => type.coding?.some(coding => coding.system === PARTICIPATION && coding.code === 'PPRF')) ?? false;

/** The pattern, or undefined when the Encounter is no consultation of the hub. */
export function patternOf(encounter: Encounter): Pattern | undefined {
  const code = encounter.type?.flatMap(type => type.coding ?? []).find(coding => coding.system === PATTERN_SYSTEM)?.code;
  return PATTERNS.find(pattern => pattern === code);
}

/** Encounter.extension: the alert that the consultation was asked for from. */
export const ALERT_EXTENSION = `${OWN}:alert`;
export const alertOf = (encounter: Encounter): string | null =>
  encounter.extension?.find(({ url }) => url === ALERT_EXTENSION)?.valueString ?? null;

export const patientOf = (encounter: Encounter): string => encounter.subject?.reference?.replace(/^Patient\//, '') ?? '';

export function statusOf(encounter: Encounter): EncounterStatus {
  switch (encounter.status) {
    case 'arrived':
    case 'in-progress':
    case 'finished':
    case 'cancelled':
      return encounter.status;
    case 'onleave':
      return 'in-progress';
    case 'entered-in-error':
      return 'cancelled';
    default:
      return 'planned';
  }
}

/** With a new status, the old one goes to the status history; `finished` closes the period. `at` is an ISO time. */
export function withStatus<E extends Encounter>(encounter: E, status: EncounterStatus, at: string): E {
  const since = encounter.statusHistory?.at(-1)?.period?.end ?? encounter.period?.start ?? at;
  return {
    ...encounter,
    status,
    statusHistory: [...(encounter.statusHistory ?? []), { status: encounter.status, period: { start: since < at ? since : at, end: at } }],
    ...(status === 'finished' ? { period: { start: earlier(encounter.period?.start, at), end: at } } : {}),
  };
}

/** A consultation that begins before its planned time has begun then. */
const earlier = (start: string | undefined, at: string) => (start && new Date(start) < new Date(at) ? start : at);

/** Notes the first moment of a practitioner in the room, and at the end the last. */
export function withPresence<E extends Encounter>(encounter: E, reference: string, at: { start?: string; end?: string }): E {
  return {
    ...encounter,
    participant: encounter.participant?.map(each =>
      each.individual?.reference === reference ? { ...each, period: { ...at, ...each.period, ...(at.end ? { end: at.end } : {}) } } : each,
    ),
  };
}

/** The day's bounds in Asia/Tokyo (no summer time, always +09:00) as ISO times: `from` inclusive, `to` exclusive. */
export function tokyoDay(day: string): { from: string; to: string } {
  const from = new Date(`${day}T00:00:00+09:00`);
  return { from: from.toISOString(), to: new Date(from.getTime() + 86_400_000).toISOString() };
}
