// Our guarded repository in the shape @medplum/fhir-router asks for: it routes reads and writes of one resource; the rest is fhir-*.ts.
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { applyPatch, badRequest, type Operation, OperationOutcomeError, type WithId } from '@medplum/core';
import { type CreateResourceOptions, type DeleteResourceOptions, FhirRepository, type UpdateResourceOptions } from '@medplum/fhir-router';
import type { Bundle, Parameters, Reference, Resource } from '@medplum/fhirtypes';
import type { GuardedRepository, Identified } from '../repository.ts';
import type { Cursors } from '../search/search-cursor.ts';
import { outcomeError } from './outcome.ts';

/** The version an If-Match header names; undefined without one (R4 http.html#concurrency). */
export function ifMatchOf(headers: IncomingHttpHeaders | undefined): string | undefined {
  const header = headers?.['if-match'];
  return header ? (/^(?:W\/)?"([^"]*)"$/.exec(header.trim())?.[1] ?? header) : undefined;
}

const elsewhere = () => new OperationOutcomeError(badRequest('This is not offered'));

export class RouterRepository extends FhirRepository {
  readonly guarded: GuardedRepository;
  readonly cursors: Cursors;

  constructor(guarded: GuardedRepository, cursors: Cursors) {
    super();
    this.guarded = guarded;
    this.cursors = cursors;
  }

  setMode(): void {
    // One database answers both.
  }

  generateId(): string {
    return randomUUID();
  }

  createResource<T extends Resource>(resource: T, options?: CreateResourceOptions): Promise<WithId<T>> {
    // An id that the client put into a create is not taken (R4 http.html#create), one that a transaction assigned is.
    return told(this.guarded.create(resource, options?.assignedId ? resource.id : undefined));
  }

  readResource<T extends Resource>(resourceType: string, id: string): Promise<WithId<T>> {
    return told(this.guarded.read(resourceType, id));
  }

  async readReference<T extends Resource>(reference: Reference<T>): Promise<WithId<T>> {
    const [type = '', id = ''] = (reference.reference ?? '').split('/');
    return this.readResource<T>(type, id);
  }

  readReferences<T extends Resource>(references: readonly Reference<T>[]): Promise<(T | Error)[]> {
    return Promise.all(references.map(reference => this.readReference<T>(reference).catch((error: Error) => error)));
  }

  readVersion<T extends Resource>(resourceType: string, id: string, vid: string): Promise<WithId<T>> {
    return told(this.guarded.readVersion(resourceType, id, vid));
  }

  updateResource<T extends Resource>(resource: T, options?: UpdateResourceOptions): Promise<WithId<T>> {
    return told(this.guarded.update(resource as Resource as Identified, options?.ifMatch));
  }

  deleteResource(resourceType: string, id: string, options?: DeleteResourceOptions): Promise<void> {
    return told(this.guarded.delete(resourceType, id, options?.ifMatch));
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

  // Searches and histories go past the router's own handlers, which drop what they do not understand.
  readHistory<T extends Resource>(): Promise<Bundle<WithId<T>>> {
    throw elsewhere();
  }

  search<T extends Resource>(): Promise<Bundle<WithId<T>>> {
    throw elsewhere();
  }

  searchByReference<T extends Resource>(): Promise<Record<string, WithId<T>[]>> {
    throw elsewhere();
  }

  withTransaction<TResult>(callback: (inside: this) => Promise<TResult>): Promise<TResult> {
    return told(this.guarded.within(guarded => callback(new RouterRepository(guarded, this.cursors) as this)));
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
