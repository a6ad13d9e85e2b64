// Where a resource stands and what its references lead to: contained resources and entries of the Bundle around it.
import type { Bundle, Resource } from '@medplum/fhirtypes';
import { isObject } from './values.ts';

export interface Scope {
  /** The resource itself. */
  resource: Resource;
  /** The resource that contains it, or itself. */
  container: Resource;
  /** The Bundle around it, if there is one. */
  bundle?: Bundle;
  /** `fullUrl` of the entry that holds it. */
  fullUrl?: string;
}

/** The resource that a Reference leads to within its document; undefined when it is elsewhere. (R4 bundle.html#references) */
export function resolveIn({ container, bundle, fullUrl }: Scope, reference: unknown): Resource | undefined {
  const address = isObject(reference) ? reference.reference : reference;
  if (typeof address !== 'string' || !address) return undefined;
  if (address === '#') return container;
  if (address.startsWith('#')) {
    const contained = 'contained' in container ? (container.contained as Resource[] | undefined) : undefined;
    return contained?.find(each => `#${each.id}` === address);
  }
  const bare = address.split('/_history/')[0]!;
  const entries = bundle?.entry ?? [];
  const base = fullUrl?.replace(/[A-Z]\w+\/[^/]+$/, '');
  return (
    entries.find(entry => entry.fullUrl === bare)?.resource ??
    (/^[A-Z]\w+\/[^/]+$/.test(bare)
      ? (entries.find(entry => base && entry.fullUrl === base + bare)?.resource ??
        entries.find(({ resource }) => resource && `${resource.resourceType}/${resource.id}` === bare)?.resource)
      : undefined)
  );
}

/** The type a Reference says its target has; undefined when it does not say. */
export function typeNamed(reference: unknown): string | undefined {
  if (!isObject(reference)) return undefined;
  const { reference: address, type } = reference;
  const named = typeof address === 'string' ? /(?:^|\/)([A-Z][A-Za-z]+)\/[^/]+(?:\/_history\/[^/]+)?$/.exec(address)?.[1] : undefined;
  return named ?? (typeof type === 'string' && /^[A-Z]/.test(type) ? type : undefined);
}

/** Every resource in a resource, itself first: contained ones, entries of a Bundle (in Bundles too), parameters. */
export function* resourcesIn(resource: Resource, path: string, outer?: Scope): Generator<{ path: string; scope: Scope }> {
  const scope: Scope = outer ?? { resource, container: resource };
  yield { path, scope };
  if ('contained' in resource) {
    for (const [index, each] of listOf(resource.contained).entries()) {
      yield* resourcesIn(each, `${path}.contained[${index}]`, { ...scope, resource: each });
    }
  }
  if (resource.resourceType === 'Bundle') {
    for (const [index, entry] of (resource.entry ?? []).entries()) {
      if (!entry.resource) continue;
      const inside: Scope = { resource: entry.resource, container: entry.resource, bundle: resource, fullUrl: entry.fullUrl };
      yield* resourcesIn(entry.resource, `${path}.entry[${index}].resource`, inside);
    }
  }
  if (resource.resourceType === 'Parameters') {
    for (const [index, parameter] of (resource.parameter ?? []).entries()) {
      const inner = parameter.resource as Resource | undefined;
      if (inner) yield* resourcesIn(inner, `${path}.parameter[${index}].resource`, { resource: inner, container: inner });
    }
  }
}

const listOf = (contained: unknown): Resource[] => (Array.isArray(contained) ? (contained as Resource[]) : []);
