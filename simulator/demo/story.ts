// What happens in the demonstration: which devices live where, the consultation of the day, and the story told on the terminal.
import type { HubClient } from './client.ts';
import { residentAt } from './people.ts';
import type { World } from './provision.ts';

const FIRST_SEED = 6;

/** The simulated facility's plan: which devices there are and how they sign in at the gateway. */
export function planOf(world: World, brokerUrl: string) {
  return {
    facility: world.organizations.home,
    brokerUrl,
    residents: world.residents.map((resident, index) => ({ seed: index + FIRST_SEED, devices: resident.devices })),
    presence: world.hallways.map(hallway => hallway.device),
  };
}

/** The device a maker has under test: it signs in at the hub itself, without a gateway. */
export function benchPlanOf(world: World, brokerUrl: string) {
  return { facility: world.organizations.maker, brokerUrl, residents: [{ seed: 1, devices: [world.bench] }], presence: [] };
}

/** Opens a consultation of the first resident with the island doctor, the specialist invited, if there is none today. */
export async function consultationToday(world: World, signedInAs: (account: string) => Promise<HubClient>) {
  const doctor = await signedInAs(world.accounts.doctor!);
  const today = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Tokyo' }).format(new Date());
  const open = await doctor.send<{ status: string }[]>('GET', `/api/consult/encounters?on=${today}`);
  if (open.some(encounter => !['finished', 'cancelled'].includes(encounter.status))) return;
  await doctor.send('POST', '/api/consult/encounters', {
    pattern: 'DtoPwithD',
    patient: world.residents[0]!.patient,
    reason: '夜間の不穏について、専門医に相談',
    invite: [world.practitioners.specialist],
    start: new Date(Date.now() + 10 * 60_000).toISOString(),
  });
}

/** Says on the terminal what the simulated residents do, so that the pages can be compared with it. */
export function tellStory(line: string, world: World) {
  let event: { event?: string; resident?: number };
  try {
    event = JSON.parse(line);
  } catch {
    return;
  }
  if (event.resident === undefined || event.resident >= world.residents.length) return;
  const time = new Date().toLocaleTimeString('ja-JP', { timeZone: 'Asia/Tokyo' });
  const [family, given] = residentAt(event.resident);
  if (event.event === 'prodrome') console.log(`  ${time}  ${family} ${given} (simulated) becomes uneasy`);
  if (event.event === 'episode') console.log(`  ${time}  ${family} ${given} (simulated): the episode begins`);
}
