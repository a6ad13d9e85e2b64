// Consultations of the stand-in hub: one to come, one in the waiting room, one with a signed note; who can be invited, who can be found.
import type { EncounterView, Invitable } from '../../hub/consult/contract.ts';
import type { PersonRole } from '../../hub/identity/actor.ts';
import { type Ago, MINUTE, people } from './world-facts.ts';

/** @param now ms since 1970 */
export function consultationFacts(now: number, ago: Ago) {
  const participant = (role: PersonRole, presence: 'invited' | 'waiting' | 'present' | 'away') => ({
    reference: people[role].reference ?? '',
    name: people[role].name,
    role,
    organizationName: people[role].at[1],
    presence,
    host: role === 'doctor',
  });
  const encounter = (id: string, more: Partial<EncounterView>): EncounterView => ({
    id,
    pattern: 'DtoPwithD',
    status: 'planned',
    alert: null,
    reason: '夕方の落ち着かなさと睡眠について',
    start: new Date(now + 25 * MINUTE).toISOString(),
    end: null,
    patient: { id: 'r01', name: '山本 ハナ', birthDate: '1938-04-12' },
    participants: [participant('patient', 'invited'), participant('doctor', 'invited'), participant('specialist', 'invited')],
    url: `http://localhost/room/${id}`,
    note: null,
    ...more,
  });
  const encounters = [
    encounter('enc-1', {}),
    encounter('enc-2', {
      status: 'arrived',
      pattern: 'DtoP',
      reason: '血圧の薬の確認',
      start: ago(3),
      patient: { id: 'p-oki', name: '沖 四郎', birthDate: '1951-09-30' },
      participants: [participant('doctor', 'invited')],
    }),
    encounter('enc-3', {
      status: 'finished',
      start: ago(190),
      end: ago(170),
      reason: '皮ふの赤みについて',
      patient: { id: 'p-hama', name: '浜口 せつ', birthDate: '1945-01-20' },
      note: { status: 'signed', signedAt: ago(168) },
    }),
  ];
  const specialists: Invitable[] = [
    { practitioner: 'suzuki', name: '鈴木 玲子', role: 'specialist', organizationName: '中央大学病院 神経内科' },
    { practitioner: 'ono', name: '小野 徹', role: 'specialist', organizationName: '県立病院 精神科' },
  ];
  const patients = {
    resourceType: 'Bundle',
    type: 'searchset',
    entry: [
      { resource: { resourceType: 'Patient', id: 'r01', birthDate: '1938-04-12', name: [{ family: '山本', given: ['ハナ'] }] } },
      { resource: { resourceType: 'Patient', id: 'p-oki', birthDate: '1951-09-30', name: [{ text: '沖 四郎' }] } },
    ],
  };
  return { encounters, specialists, patients };
}
