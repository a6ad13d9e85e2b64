// What the invented facts of the stand-in hub share: who there is, who lives in which room, and times before now.
import type { PersonRole, RoleAt } from '../../hub/identity/actor.ts';
import type { SessionView } from '../../hub/identity/contract.ts';

export const MINUTE = 60_000;

/** A time so many minutes before the `now` that the facts were made for, ISO 8601. */
export type Ago = (minutes: number) => string;

/** The twelve residents of the facility: `r01` is the first. */
export const names = [
  '山本 ハナ',
  '佐々木 茂',
  '高橋 キヨ',
  '中村 トメ',
  '小林 正',
  '加藤 ミツ',
  '吉田 フミ',
  '渡辺 清',
  '伊藤 サダ',
  '松本 ウメ',
  '井上 勇',
  '木村 ヨシ',
];
export const residentId = (index: number) => `r${String(index + 1).padStart(2, '0')}`;
/** Six rooms on each of two floors. */
export const roomOf = (index: number) => `${index < 6 ? 101 + index : 195 + index}号室`;

export const people: Record<PersonRole, { name: string; reference: string | null; at: [string, string] }> = {
  patient: { name: '山本 ハナ', reference: 'Patient/r01', at: ['', ''] },
  doctor: { name: '山田 健', reference: 'Practitioner/yamada', at: ['shima', '青島診療所'] },
  specialist: { name: '鈴木 玲子', reference: 'Practitioner/suzuki', at: ['daigaku', '中央大学病院 神経内科'] },
  caregiver: { name: '佐藤 美咲', reference: 'Practitioner/sato', at: ['himawari', '特別養護老人ホーム ひまわり'] },
  manager: { name: '田中 誠', reference: 'Practitioner/tanaka', at: ['himawari', '特別養護老人ホーム ひまわり'] },
  maker: { name: '森 拓也', reference: 'Practitioner/mori', at: ['kikai', '見守り機器工業'] },
  administrator: { name: '管理 花子', reference: null, at: ['', ''] },
};
export const roleAt = (role: PersonRole): RoleAt => ({ role, organization: people[role].at[0], organizationName: people[role].at[1] });

export function sessionFor(roles: PersonRole[]): SessionView {
  const first = people[roles[0] ?? 'patient'];
  return { account: 'a1', name: first.name, reference: first.reference, roles: roles.map(roleAt), language: 'ja', demonstration: true };
}
