// The room's chat, kept as FHIR Communication (https://hl7.org/fhir/R4/communication.html).
import type { WithId } from '@medplum/core';
import type { Communication } from '@medplum/fhirtypes';
import type { Person } from '../identity/actor.ts';
import type { Repository } from '../records/records.ts';
import type { ChatMessage } from './contract.ts';

export async function sendChat(
  repository: Repository,
  said: { encounter: string; patient: string; sender: Person; text: string },
): Promise<ChatMessage> {
  const { encounter, patient, sender, text } = said;
  const stored = await repository.create<Communication>({
    resourceType: 'Communication',
    status: 'completed',
    subject: { reference: `Patient/${patient}` },
    encounter: { reference: `Encounter/${encounter}` },
    sender: { reference: sender.reference ?? undefined, display: sender.name },
    sent: new Date().toISOString(),
    payload: [{ contentString: text }],
  });
  return messageOf(stored);
}

/** The last `most` messages, oldest first. */
export async function chatOf(repository: Repository, encounter: string, most: number): Promise<ChatMessage[]> {
  const found = await repository.search<Communication>(`Communication?encounter=Encounter/${encounter}&_sort=-sent&_count=${most}`);
  return found.map(messageOf).sort((a, b) => a.sent.localeCompare(b.sent));
}

const messageOf = (resource: WithId<Communication>): ChatMessage => ({
  id: resource.id,
  reference: resource.sender?.reference ?? '',
  name: resource.sender?.display ?? '',
  text: resource.payload?.[0]?.contentString ?? '',
  sent: resource.sent ?? '',
});
