// Which devices and gateways are connected to the broker: told when the first connection of one stands and when its last one ends.
import { GATEWAY, type Login, usernameOf } from '../../devices/index.ts';

export interface Presence {
  came(login: Login | undefined): void;
  left(login: Login | undefined): void;
}

/** @param tell of a gateway with the device `gateway`; the hub's own roles are left out */
export function openPresence(tell: (facility: string, device: string, connected: boolean) => void): Presence {
  const connections = new Map<string, number>();
  const count = (login: Login | undefined, by: 1 | -1) => {
    if (!login || login.kind === 'hub') return;
    const name = usernameOf(login);
    const before = connections.get(name) ?? 0;
    const after = Math.max(0, before + by);
    if (after) connections.set(name, after);
    else connections.delete(name);
    if (Boolean(before) !== Boolean(after)) tell(login.facility, login.kind === 'gateway' ? GATEWAY : login.device, after > 0);
  };
  return { came: login => count(login, 1), left: login => count(login, -1) };
}
