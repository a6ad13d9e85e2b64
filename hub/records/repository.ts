// One actor's view of the record: every call is decided in access.ts and leaves one audit entry, with the write or not at all.
import { randomUUID } from 'node:crypto';
import type { Resource } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { notAllowed, notFound, Problem, type Text } from '../http/problem.ts';
import { type Actor, scopeOf } from '../identity/actor.ts';
import { allowedPatients, resourcePredicate } from './access/access.ts';
import { isWithheld } from './access/compartment.ts';
import { groundsOf, looksAsPatient, setupSeen } from './access/consent.ts';
import { mayChange, mayCreate, mayHold, type Writing } from './access/write-rights.ts';
import { type AuditEntry, wordsFor, writeAudit } from './audit/audit.ts';
import type { Definitions } from './definitions.ts';
import { mustNotBeConfirmed } from './documents/fixed.ts';
import { type HistoryAsked, versionsOf } from './fhir/history.ts';
import type { Profiles } from './profiles/index.ts';
import { type Action, CATEGORIES } from './records.ts';
import { type Found, MAX_COUNT, parseQuery, type Run, runSearch } from './search/search.ts';
import type { Asked } from './search/search-request.ts';
import { bury, lock, put, type Stored, type Version, versionOf } from './store.ts';
import type { Connection } from './tables.ts';
import { validate } from './validation.ts';

export interface RecordContext {
  /** The pool. */
  connection: Connection;
  definitions: Definitions;
  profiles: Profiles;
  now: () => Date;
  /** Creates that come in together are written together (gathering.ts): whether this one was allowed. */
  creating(creation: Creation): Promise<boolean>;
}

/** A first version, and the view of whoever wants it written. */
export interface Creation {
  view: GuardedRepository;
  next: Version;
}

export type Identified = Resource & { id: string };

const WHOLE_RECORD: Text = { ja: '記録をまとめて見る', en: 'read: several kinds of the record' };
/** Resources from which rights follow, in the order in which one transaction creates them. */
const WAVES: readonly string[] = ['Organization', 'Practitioner', 'Patient', 'Encounter', 'Consent'];

/** 409 where the version stood in the resource, 412 where it was the condition of the request (R4 http.html#concurrency). */
const conflict = (status: 409 | 412, current: number) =>
  new Problem(status, 'version-conflict', {
    ja: 'ほかの人が先に変更しました。新しい内容を読み込んでから、もう一度変えてください。',
    en: `Somebody changed this meanwhile (version ${current}). Load it again, then make your change.`,
  });
const gone = () => new Problem(410, 'gone', { ja: 'この記録は消されています。', en: 'This resource was deleted.' });

/** Work inside one database transaction, and the refusals to be audited when it is over (its own rows would be rolled back). */
interface Unit {
  connection: Connection;
  refusals: AuditEntry[];
}

export class GuardedRepository {
  readonly context: RecordContext;
  readonly actor: Actor;
  readonly #unit: Unit | undefined;

  constructor(context: RecordContext, actor: Actor, unit?: Unit) {
    this.context = context;
    this.actor = actor;
    this.#unit = unit;
  }

  get #connection(): Connection {
    return this.#unit?.connection ?? this.context.connection;
  }

  /** The connection of the transaction this view works in, for rows of other tables that must stand or fall with it. */
  get connection(): Connection {
    return this.#connection;
  }

  /** Runs `work` in one transaction (the surrounding one, if there is). Refusals inside it are audited even though it is rolled back. */
  async within<T>(work: (inside: GuardedRepository) => Promise<T>, options: { serializable?: boolean } = {}): Promise<T> {
    if (this.#unit) return work(this);
    const refusals: AuditEntry[] = [];
    try {
      const transaction = this.context.connection.transaction();
      return await (options.serializable ? transaction.setIsolationLevel('serializable') : transaction).execute(connection =>
        work(new GuardedRepository(this.context, this.actor, { connection, refusals })),
      );
    } finally {
      await writeAudit(this.context.connection, refusals);
    }
  }

  /** @throws Problem 403, 422. With `id`, the resource gets that id, which must be free. */
  async create(resource: Resource, id: string = randomUUID()): Promise<Identified> {
    const next = this.#first(resource, id);
    const { patients } = next.belonging;
    if (!this.#unit) {
      if (!(await this.context.creating({ view: this, next }))) throw notAllowed();
      return next.resource;
    }
    const [allowed] = await mayCreate(this.#writing(), [next]);
    if (!allowed) return this.#refuse('create', next.resource.resourceType, id, patients);
    await put(this.#connection, [{ next }], this.#writer());
    await this.#granted('create', next.resource, patients);
    return next.resource;
  }

  #first(resource: Resource, id: string): Version {
    validate(this.context, resource);
    return versionOf(this.context.definitions, resource, id, 1, this.context.now());
  }

  /** Creates of several people in one transaction: which of them were allowed. Each is decided, and audited, by itself. */
  static async createTogether(context: RecordContext, wishes: Creation[]): Promise<boolean[]> {
    const allowed: boolean[] = [];
    await context.connection.transaction().execute(async connection => {
      for (const [actor, own] of Map.groupBy(wishes.entries(), ([, { view }]) => view.actor)) {
        const inside = new GuardedRepository(context, actor, { connection, refusals: [] });
        const may = await mayCreate(
          inside.#writing(),
          own.map(([, { next }]) => next),
        );
        for (const [at, [index]] of own.entries()) allowed[index] = may[at]!;
      }
      const granted = wishes.flatMap(({ view, next }, index) => (allowed[index] ? [{ next, writer: view.#writer() }] : []));
      await put(connection, granted, '');
      await writeAudit(
        connection,
        wishes.map(({ view, next: { resource, belonging } }, index) =>
          view.#entry('create', resource.resourceType, resource.id, belonging.patients, allowed[index]!),
        ),
      );
    });
    return allowed;
  }

  /**
   * Creates many at once, in one transaction. Those from which rights follow (a new patient, a stay) come before what leans on them.
   * `placed` puts an entry's place on what is thrown. @throws Problem 403, 422
   */
  async createAll(given: { resource: Resource; id: string }[], placed: (index: number, error: unknown) => unknown): Promise<Identified[]> {
    const versions = given.map(({ resource, id }, index) => {
      try {
        return this.#first(resource, id);
      } catch (error) {
        throw placed(index, error);
      }
    });
    await this.within(async inside => {
      const waves = [...WAVES, null].map(type =>
        versions.flatMap((next, index) => {
          const own = next.resource.resourceType;
          return (type === null ? !WAVES.includes(own) : own === type) ? [{ next, index }] : [];
        }),
      );
      for (const wave of waves) {
        const allowed = await mayCreate(
          inside.#writing(),
          wave.map(({ next }) => next),
        );
        const refused = wave[allowed.indexOf(false)];
        if (refused) {
          const { resource, belonging } = refused.next;
          const refusal = inside.#refuse('create', resource.resourceType, resource.id, belonging.patients);
          throw placed(refused.index, await refusal.catch((error: unknown) => error));
        }
        await put(inside.connection, wave, inside.#writer());
      }
      await writeAudit(
        inside.connection,
        versions.map(({ resource, belonging }) => inside.#entry('create', resource.resourceType, resource.id, belonging.patients, true)),
      );
    });
    return versions.map(({ resource }) => resource);
  }

  async read(type: string, id: string): Promise<Identified> {
    const { content } = await this.#visible('read', type, id);
    return content;
  }

  /**
   * One version; who may read the newest may read the older ones (they belong to the same patient), but for those that the patient was not
   * to be told of then.
   */
  async readVersion(type: string, id: string, version: string): Promise<Identified> {
    const { patients } = await this.#visible('read', type, id, true, false);
    const found = /^\d{1,15}$/.test(version)
      ? await this.#connection
          .selectFrom('resource_history')
          .select('content')
          .where('type', '=', type)
          .where('id', '=', id)
          .where('version', '=', version)
          .executeTakeFirst()
      : undefined;
    if (found?.content && looksAsPatient(this.actor) && isWithheld(found.content as Resource))
      return this.#refuse('read', type, id, patients);
    await writeAudit(this.#connection, [this.#entry('read', type, id, patients, true)]);
    if (!found) throw notFound();
    if (!found.content) throw gone();
    return found.content as Identified;
  }

  /** Versions, newest first; of one resource when `id` is given: then @throws Problem 404, 403. One audit entry names all the patients. */
  async versions(asked: HistoryAsked) {
    const [type = ''] = asked.types;
    if (asked.id !== undefined) await this.#visible('read', type, asked.id, true, false);
    const found = await versionsOf(this.#connection, this.#scope('read'), { ...asked, told: looksAsPatient(this.actor) });
    const resource = asked.id === undefined ? this.#label(asked.types) : `${type}/${asked.id}`;
    const what = asked.types.length === 1 ? wordsFor(type, 'read') : WHOLE_RECORD;
    await writeAudit(this.#connection, [
      {
        actor: this.actor,
        action: 'read',
        what,
        resource,
        patients: found.patients,
        allowed: asked.id !== undefined || this.#entitled(asked.types, 'read'),
      },
    ]);
    return found;
  }

  /** @throws Problem 404, 403, 422; 412 when `ifMatch` is not the newest version, 409 when `meta.versionId` is not. */
  async update(resource: Identified, ifMatch?: string): Promise<Identified> {
    validate(this.context, resource);
    return this.within(inside => inside.#replace(resource, ifMatch));
  }

  async #replace(resource: Identified, ifMatch: string | undefined): Promise<Identified> {
    const { resourceType: type, id } = resource;
    const previous = await lock(this.#connection, type, id);
    if (!previous) {
      // Seeding names its own ids; for everyone else an id that is not there is a mistake.
      if (this.actor.kind === 'service' && this.actor.name === 'setup') return this.create(resource, id);
      return this.#missing('update', type, id);
    }
    const next = versionOf(this.context.definitions, resource, id, previous.version + 1, this.context.now());
    const may = (await mayChange(this.#writing(), 'update', type, previous)) && (await mayHold(this.#writing(), 'update', next));
    const patients = [...new Set([...previous.patients, ...next.belonging.patients])];
    if (!may) return this.#refuse('update', type, id, patients);
    if (previous.deleted) throw gone();
    mustNotBeConfirmed(previous.content, this.actor);
    const expected = ifMatch ?? resource.meta?.versionId;
    if (expected !== undefined && expected !== String(previous.version))
      throw conflict(ifMatch === undefined ? 409 : 412, previous.version);
    if (previous.patients.length && !sameSet(previous.patients, next.belonging.patients)) {
      throw new Problem(422, 'patient-fixed', {
        ja: 'この記録の患者は変えられません。新しく作り直してください。',
        en: 'A resource cannot move to another patient: its history stays with the first. Create a new one.',
      });
    }
    await put(this.#connection, [{ next, previous }], this.#writer());
    await this.#granted('update', next.resource, patients);
    return next.resource;
  }

  async delete(type: string, id: string, ifMatch?: string): Promise<void> {
    return this.within(async inside => {
      const previous = await lock(inside.connection, type, id);
      if (!previous) return inside.#missing('delete', type, id);
      if (!(await mayChange(inside.#writing(), 'delete', type, previous))) return inside.#refuse('delete', type, id, previous.patients);
      if (previous.deleted) throw gone();
      mustNotBeConfirmed(previous.content, inside.actor);
      if (ifMatch !== undefined && ifMatch !== String(previous.version)) throw conflict(412, previous.version);
      await bury(inside.connection, type, id, previous, inside.#writer(), this.context.now());
      await writeAudit(inside.connection, [inside.#entry('delete', type, id, previous.patients, true)]);
    });
  }

  /** What matches and the actor may see, with what it brings along. One audit entry names all the patients of it, and `about`. */
  async search(
    asked: Asked,
    { about = [], count = MAX_COUNT, ...run }: Partial<Omit<Run, 'scope'>> & { about?: string[] } = {},
  ): Promise<Found> {
    const found = await runSearch(this.#connection, asked, {
      scope: this.#scope('search'),
      count: Math.min(asked.count ?? count, MAX_COUNT),
      ...run,
    });
    await writeAudit(this.#connection, [
      {
        actor: this.actor,
        action: 'search',
        what: asked.types.length === 1 ? wordsFor(asked.types[0]!, 'search') : WHOLE_RECORD,
        resource: this.#label(asked.types),
        patients: [...new Set([...found.patients, ...about])],
        allowed: this.#entitled(asked.types, 'search'),
      },
    ]);
    return found;
  }

  /** Resources that match `Type?name=value&…`. @throws Problem 400 */
  async find(query: string): Promise<Identified[]> {
    return (await this.search(parseQuery(this.context.definitions, query))).matches as Identified[];
  }

  /** Lets pass who may see anything at all of a patient's. @throws Problem 404, 403, audited */
  async enterCompartment(patient: string): Promise<void> {
    const there = await this.#connection
      .selectFrom('resources')
      .select('row')
      .where('type', '=', 'Patient')
      .where('id', '=', patient)
      .executeTakeFirst();
    if (!there) return this.#missing('search', 'Patient', patient);
    for (const category of CATEGORIES) {
      const allowed = await allowedPatients(this.#connection, this.actor, [patient], category, 'search', this.context.now());
      if (allowed.has(patient)) return;
    }
    return this.#refuse('search', 'Patient', patient, [patient]);
  }

  /** Who asks, for the SQL of a search. */
  #scope(action: Action): Run['scope'] {
    const now = this.context.now();
    return {
      now,
      visible: (type, alias) => resourcePredicate(this.actor, action, type, now, alias),
      alike: types => [
        ...Map.groupBy(types, type => JSON.stringify([setupSeen(this.actor, type), scopeOf(this.actor, action, type)])).values(),
      ],
    };
  }

  #entitled(types: readonly string[], action: Action): boolean {
    if (types.length > 0 && types.every(type => scopeOf(this.actor, action, type) === 'none')) return false;
    return groundsOf(this.actor, action).length > 0 || types.some(type => setupSeen(this.actor, type) !== 'none');
  }

  #label(types: readonly string[]): string {
    return types.length > 3 ? '*' : types.join(',');
  }

  async #visible(
    action: Action,
    type: string,
    id: string,
    evenDeleted = false,
    audited = true,
  ): Promise<{ content: Identified; patients: string[] }> {
    const predicate = resourcePredicate(this.actor, action, type, this.context.now());
    const { rows } = await sql<Stored & { allowed: boolean }>`select r0.content, r0.deleted, r0.patients, ${predicate} as allowed
      from resources r0 where r0.type = ${type} and r0.id = ${id}`.execute(this.#connection);
    const found = rows[0];
    if (!found) return this.#missing(action, type, id);
    if (!found.allowed) return this.#refuse(action, type, id, found.patients);
    if (audited) await writeAudit(this.#connection, [this.#entry(action, type, id, found.patients, true)]);
    if (found.deleted && !evenDeleted) throw gone();
    return { content: found.content as Identified, patients: found.patients };
  }

  #writing(): Writing {
    return { actor: this.actor, connection: this.#connection, now: this.context.now() };
  }

  async #granted(action: Action, resource: Identified, patients: string[]) {
    await writeAudit(this.#connection, [this.#entry(action, resource.resourceType, resource.id, patients, true)]);
  }

  async #refuse(action: Action, type: string, id: string, patients: string[]): Promise<never> {
    await this.#noteRefusal(this.#entry(action, type, id, patients, false));
    throw notAllowed();
  }

  async #missing(action: Action, type: string, id: string): Promise<never> {
    await this.#noteRefusal(this.#entry(action, type, id, [], false));
    throw notFound();
  }

  async #noteRefusal(entry: AuditEntry) {
    if (this.#unit) this.#unit.refusals.push(entry);
    else await writeAudit(this.#connection, [entry]);
  }

  #entry(action: Action, type: string, id: string, patients: string[], allowed: boolean): AuditEntry {
    return { actor: this.actor, action, what: wordsFor(type, action), resource: `${type}/${id}`, patients, allowed };
  }

  #writer(): string {
    return this.actor.kind === 'service' ? `service:${this.actor.name}` : (this.actor.reference ?? `account:${this.actor.account}`);
  }
}

const sameSet = (a: string[], b: string[]) => a.length === b.length && a.every(item => b.includes(item));
