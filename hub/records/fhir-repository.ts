// Our guarded repository in the shape @medplum/fhir-router asks for: it brings batches, transactions and conditional interactions with it.
import { randomUUID } from 'node:crypto';
import { applyPatch, badRequest, type Operation, OperationOutcomeError, type SearchRequest, type WithId } from '@medplum/core';
import {
  type CreateResourceOptions,
  type DeleteResourceOptions,
  FhirRepository,
  getExtraEntries,
  type SearchOptions,
  type TransactionOptions,
  type UpdateResourceOptions,
} from '@medplum/fhir-router';
import type { Bundle, BundleEntry, Parameters, Reference, Resource } from '@medplum/fhirtypes';
import { outcomeError } from './outcome.ts';
import type { GuardedRepository, Identified } from './repository.ts';

const HTTP_COUNT = 50;

export class RouterRepository extends FhirRepository {
  readonly #guarded: GuardedRepository;

  constructor(guarded: GuardedRepository) {
    super();
    this.#guarded = guarded;
  }

  setMode(): void {
    // One database answers both.
  }

  generateId(): string {
    return randomUUID();
  }

  createResource<T extends Resource>(resource: T, options?: CreateResourceOptions): Promise<WithId<T>> {
    // An id that the client put into a create is not taken (R4 http.html#create), one that a transaction assigned is.
    return told(this.#guarded.create(resource, options?.assignedId ? resource.id : undefined));
  }

  readResource<T extends Resource>(resourceType: string, id: string): Promise<WithId<T>> {
    return told(this.#guarded.read(resourceType, id));
  }

  async readReference<T extends Resource>(reference: Reference<T>): Promise<WithId<T>> {
    const [type = '', id = ''] = (reference.reference ?? '').split('/');
    return this.readResource<T>(type, id);
  }

  readReferences<T extends Resource>(references: readonly Reference<T>[]): Promise<(T | Error)[]> {
    return Promise.all(references.map(reference => this.readReference<T>(reference).catch((error: Error) => error)));
  }

  async readHistory<T extends Resource>(resourceType: string, id: string): Promise<Bundle<WithId<T>>> {
    const versions = await told<{ version: string; at: Date; content: WithId<T> | null }[]>(this.#guarded.history(resourceType, id));
    return {
      resourceType: 'Bundle',
      type: 'history',
      total: versions.length,
      entry: versions.map(({ version, at, content }) => ({
        fullUrl: `${resourceType}/${id}`,
        request: { method: content ? (version === '1' ? 'POST' : 'PUT') : 'DELETE', url: `${resourceType}/${id}` },
        response: { status: content ? '200' : '204', etag: `W/"${version}"`, lastModified: at.toISOString() },
        ...(content ? { resource: content } : {}),
      })),
    };
  }

  readVersion<T extends Resource>(resourceType: string, id: string, vid: string): Promise<WithId<T>> {
    return told(this.#guarded.readVersion(resourceType, id, vid));
  }

  updateResource<T extends Resource>(resource: T, options?: UpdateResourceOptions): Promise<WithId<T>> {
    return told(this.#guarded.update(resource as Resource as Identified, options?.ifMatch));
  }

  deleteResource(resourceType: string, id: string, options?: DeleteResourceOptions): Promise<void> {
    return told(this.#guarded.delete(resourceType, id, options?.ifMatch));
  }

  async patchResource<T extends Resource>(
    resourceType: T['resourceType'],
    id: string,
    patch: Operation[] | Parameters,
    options?: UpdateResourceOptions,
  ): Promise<WithId<T>> {
    if (!Array.isArray(patch)) throw new OperationOutcomeError(badRequest('Only JSON Patch (RFC 6902) is supported'));
    return this.withTransaction(async inside => {
      const resource = await inside.readResource<T>(resourceType, id);
      const errors = applyPatch(resource, patch).filter(error => error !== null);
      if (errors.length) throw new OperationOutcomeError(badRequest(`The patch does not fit: ${errors[0]!.message}`));
      return inside.updateResource<T>(resource, options);
    });
  }

  async search<T extends Resource>(request: SearchRequest<T>, _options?: SearchOptions): Promise<Bundle<WithId<T>>> {
    const asked = request.count ?? HTTP_COUNT;
    // One more than asked tells whether there is a next page.
    const ahead = request.total === 'accurate' && asked === 0 ? 0 : Math.min(asked + 1, 1000);
    const { resources, total } = await told<{ resources: Identified[]; total?: number }>(
      this.#guarded.search({ ...(request as SearchRequest), count: ahead, include: undefined }),
    );
    const page = resources.slice(0, asked);
    const entry: BundleEntry[] = page.map(resource => ({
      fullUrl: `${resource.resourceType}/${resource.id}`,
      resource,
      search: { mode: 'match' },
    }));
    if (request.include) await getExtraEntries(this, request as SearchRequest, page, entry, { fullUrl: (type, id) => `${type}/${id}` });
    const bundle: Bundle = { resourceType: 'Bundle', type: 'searchset', entry };
    if (total !== undefined) bundle.total = total;
    if (resources.length > page.length && asked > 0) bundle.link = [{ relation: 'next', url: `_offset=${(request.offset ?? 0) + asked}` }];
    return bundle as Bundle<WithId<T>>;
  }

  searchByReference<T extends Resource>(): Promise<Record<string, WithId<T>[]>> {
    throw new OperationOutcomeError(badRequest('GraphQL is not supported'));
  }

  withTransaction<TResult>(callback: (inside: this) => Promise<TResult>, options?: TransactionOptions): Promise<TResult> {
    return told(
      this.#guarded.within(guarded => callback(new RouterRepository(guarded) as this), { serializable: options?.serializable === true }),
    );
  }
}

/** Problems as the router's own error, with the Problem as its cause. The guarded repository knows resources, not the caller's type of them. */
async function told<T>(answer: Promise<unknown>): Promise<T> {
  try {
    return (await answer) as T;
  } catch (error) {
    throw outcomeError(error);
  }
}
