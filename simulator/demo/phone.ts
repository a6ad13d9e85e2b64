// The caregiver's phone of the demonstration: it asked for notifications at the simulated push service, and says what its locked screen shows.
import type { HubClient } from './client.ts';

interface Message {
  device: string;
  payload: string;
  receivedAt: string;
}

/** Asks for notifications as the signed-in person. `service`: URL of the simulated push service. */
export async function phoneOf(person: HubClient, service: string): Promise<string> {
  const answer = await fetch(`${service}/devices`, { method: 'POST' });
  const { id, subscription } = (await answer.json()) as { id: string; subscription: object };
  await person.send('POST', '/api/alerts/push', subscription);
  return id;
}

/** Tells each notification that has come since `since` (ISO time), as the screen shows it. @returns the newest one's time */
export async function tellNotices(service: string, device: string, since: string): Promise<string> {
  const answer = await fetch(`${service}/messages`);
  const messages = ((await answer.json()) as Message[]).filter(message => message.device === device && message.receivedAt > since);
  for (const { payload } of messages) {
    const { title, body } = JSON.parse(payload) as { title: string; body: string };
    console.log(`  The caregiver's phone shows: ${title}。${body}`);
  }
  return messages.at(-1)?.receivedAt ?? since;
}
