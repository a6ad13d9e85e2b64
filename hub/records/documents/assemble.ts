// A document Bundle out of its parts: each with an address of its own, and references inside the Bundle that point at those addresses.
import type { Bundle, BundleEntry, Identifier, Resource } from '@medplum/fhirtypes';

/**
 * @param parts `Type/id` as the Composition refers to it, and the copy that goes into the Bundle; the Composition first
 * @param made ISO time with offset: Bundle.timestamp
 */
export function documentBundle(parts: [reference: string, Resource][], identifier: Identifier, made: string, profile?: string): Bundle {
  const addresses = new Map(parts.map(([reference]) => [reference, `urn:uuid:${crypto.randomUUID()}`]));
  const entry: BundleEntry[] = parts.map(([reference, resource]) => ({
    fullUrl: addresses.get(reference),
    resource: inside(resource, addresses),
  }));
  return {
    resourceType: 'Bundle',
    ...(profile ? { meta: { profile: [profile] } } : {}),
    identifier,
    language: 'ja',
    type: 'document',
    timestamp: made,
    entry,
  };
}

/** The resource with references to other parts of the bundle made to point at them; references that lead outside lose their address. */
function inside<T extends Resource>(resource: T, addresses: Map<string, string>): T {
  const walk = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(walk).filter(item => item !== undefined);
    if (typeof value !== 'object' || value === null) return value;
    const object = value as Record<string, unknown>;
    if (typeof object.reference === 'string' && /^[A-Z][A-Za-z]+\//.test(object.reference)) {
      const address = addresses.get(object.reference);
      return address ? { ...object, reference: address } : undefined;
    }
    return Object.fromEntries(
      Object.entries(object)
        .map(([key, inner]) => [key, walk(inner)])
        .filter(([, inner]) => inner !== undefined && !(Array.isArray(inner) && inner.length === 0)),
    );
  };
  return walk(resource) as T;
}
