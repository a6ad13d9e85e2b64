// Types shared by every area's routes: the signed-in person is in `c.var.actor`, put there by identity before any route runs.
import type { Logger } from 'pino';
import type { Person } from '../identity/actor.ts';

export interface HubEnv {
  Variables: {
    actor: Person;
    log: Logger;
    /** A proxy stands in front, and says who asks. */
    proxied?: boolean;
  };
}
