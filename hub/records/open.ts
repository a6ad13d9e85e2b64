// Opens the record for a process: the definitions once, then views of it by actor.
import type { Bundle, Resource } from '@medplum/fhirtypes';
import type { Logger } from 'pino';
import { notAllowed } from '../http/problem.ts';
import type { Actor } from '../identity/actor.ts';
import type { Database } from '../store/index.ts';
import { allowedPatients } from './access/access.ts';
import { writeAudit } from './audit/audit.ts';
import { openDefinitions } from './definitions.ts';
import { runBundle } from './fhir/fhir-batch.ts';
import { RouterRepository } from './fhir/fhir-repository.ts';
import { fhirRouter } from './fhir/fhir-router.ts';
import { problemIn } from './fhir/outcome.ts';
import { gathered } from './gathering.ts';
import { openProfiles, type ProfileSource } from './profiles/index.ts';
import type { Records, Repository } from './records.ts';
import { type Creation, GuardedRepository, type Identified, type RecordContext } from './repository.ts';
import { residentsOf } from './residents.ts';
import { type Cursors, openCursors } from './search/search-cursor.ts';
import type { RecordTables } from './tables.ts';

/** The record with what the record area itself needs: views that can share a transaction. */
export interface OpenRecords extends Records {
  context: RecordContext;
  cursors: Cursors;
  guarded(actor: Actor): GuardedRepository;
}

/**
 * Opens the record on a migrated database. Takes some 150 ms and 40 MB; definitions of a resource type are read when it is first used.
 * `packages` are the profiles that resources are held to; `now` is the clock of versions, relations and consent.
 */
export async function openRecords({
  database,
  log,
  packages = {},
  now = () => new Date(),
}: {
  database: Database;
  log: Logger;
  packages?: ProfileSource;
  now?: () => Date;
}): Promise<OpenRecords> {
  const begun = performance.now();
  const connection = database.kysely.withTables<RecordTables>();
  const creating = gathered((wishes: Creation[]) => GuardedRepository.createTogether(context, wishes));
  const context: RecordContext = { connection, definitions: openDefinitions(), profiles: openProfiles(packages), now, creating };
  log.debug({ ms: Math.round(performance.now() - begun) }, 'record opened');
  const router = fhirRouter();
  const cursors = openCursors(connection);
  const guarded = (actor: Actor) => new GuardedRepository(context, actor);

  const records: OpenRecords = {
    context,
    cursors,
    guarded,
    as(actor) {
      const view = guarded(actor);
      const repository = {
        create: (resource: Resource) => view.create(resource),
        read: (type: string, id: string) => view.read(type, id),
        update: (resource: Identified) => view.update(resource),
        search: (query: string) => view.find(query),
        async transaction(bundle: Bundle) {
          try {
            return await runBundle(router, new RouterRepository(view, cursors), { ...bundle, type: 'transaction' });
          } catch (error) {
            throw problemIn(error) ?? error;
          }
        },
      };
      // Rows come back as the type that was asked for or put in; the store itself knows resources only.
      return repository as unknown as Repository;
    },
    async require(actor, patient, category, action, what) {
      const allowed = await allowedPatients(connection, actor, [patient], category, action, now());
      await writeAudit(connection, [{ actor, action, what, patients: [patient], allowed: allowed.has(patient) }]);
      if (!allowed.has(patient)) throw notAllowed();
    },
    async allowed(actor, patients, category, action, what) {
      const allowed = await allowedPatients(connection, actor, patients, category, action, now());
      const refused = patients.filter(patient => !allowed.has(patient));
      await writeAudit(connection, [{ actor, action, what, patients, refused, allowed: allowed.size > 0 || patients.length === 0 }]);
      return allowed;
    },
    async audit({ actor, action, what, patient, allowed }) {
      await writeAudit(connection, [{ actor, action, what, patients: patient ? [patient] : [], allowed }]);
    },
    residents: (actor, facility) => residentsOf(connection, records.allowed, actor, facility),
  };
  return records;
}
