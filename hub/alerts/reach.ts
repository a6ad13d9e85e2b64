// How this hub reaches people, by its configuration: for the role that sends, and for the pages that offer it.
import type { Config } from '../config.ts';
import type { Records } from '../records/records.ts';
import type { Database } from '../store/index.ts';
import type { Way } from './contract.ts';
import { type Mail, openMail } from './mail.ts';
import type { Messengers, OnDuty } from './messenger.ts';
import { openPush, type Push } from './push.ts';
import { staffOf } from './staff.ts';
import { vapidKeys } from './vapid.ts';

export interface Reach {
  push: Push;
  messengers: Messengers;
  /** Missing: the hub sends no e-mail. */
  mail?: Mail;
  ways: Way[];
  staff(facility: string): Promise<OnDuty[]>;
  close(): void;
}

export interface ReachDeps {
  config: Pick<Config, 'dataDirectory' | 'secret' | 'push' | 'mail' | 'http'>;
  database: Database;
  records: Pick<Records, 'as'>;
}

export function openReach({ config, database, records }: ReachDeps): Reach {
  const push = openPush({ database, keys: vapidKeys(config), services: config.push.services });
  const mail = config.mail && openMail({ ...config.mail, publicUrl: config.http.publicUrl });
  return {
    push,
    messengers: { push, ...(mail ? { mail } : {}) },
    mail,
    ways: mail ? ['live', 'push', 'mail'] : ['live', 'push'],
    staff: facility => staffOf(database, records, facility),
    close: () => mail?.close(),
  };
}
