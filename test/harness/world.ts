// A small provisioned world on a test hub: the demonstration's people and residents, made through the public interface.
import { HubClient } from '../../simulator/demo/client.ts';
import { provision, type World } from '../../simulator/demo/provision.ts';
import type { TestHub } from './hub.ts';

export interface TestWorld extends World {
  administrator: HubClient;
  /** Signs one of the people in (`doctor`, `specialist`, `caregiver`, `manager`, `maker`, `patient`). */
  as(person: string): Promise<HubClient>;
}

/** Makes the first administrator by the printed link, then the world. */
export async function makeWorld(hub: TestHub, residents: number): Promise<TestWorld> {
  const token = /#(\S+)/.exec(await hub.line(/First administrator/))?.[1];
  const administrator = new HubClient(hub.url);
  await administrator.send('POST', '/api/session/first', {
    token,
    name: '管理者',
    email: 'admin@hub.example',
    password: 'a password for tests',
  });
  const signIn = async (account: string) => {
    const { url } = await administrator.send<{ url: string }>('POST', `/api/people/${account}/link`, { uses: 1 });
    const client = new HubClient(hub.url);
    await client.send('POST', '/api/session/link', { token: url.split('#')[1] });
    return client;
  };
  const world = await provision(administrator, signIn, { residents, watchedSince: new Date(Date.now() - 3_600_000) }, () => undefined);
  return { ...world, administrator, as: person => signIn(world.accounts[person]!) };
}
