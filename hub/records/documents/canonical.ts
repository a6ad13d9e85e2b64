// What of a document is signed, as bytes: the canonical JSON of RFC 8785 (JCS) over the Bundle without what a server may change on its way.
import type { Bundle } from '@medplum/fhirtypes';

/** FHIR R4 json.html#canonical: the signature covers a whole document but for the Bundle's own id and meta. */
export const CANONICAL_FORM = 'application/fhir+json;canonicalization=http://hl7.org/fhir/canonicalization/json#document';

/**
 * JSON by RFC 8785: names sorted by UTF-16 code units, no blanks, numbers and strings as ECMAScript writes them.
 * @throws Error for a number that JSON cannot say (NaN, infinite)
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const object = value as Record<string, unknown>;
    const names = Object.keys(object)
      .filter(name => object[name] !== undefined)
      .sort();
    return `{${names.map(name => `${JSON.stringify(name)}:${canonicalJson(object[name])}`).join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${value} has no form in JSON`);
  return JSON.stringify(value);
}

/** The bytes that a document's signature is over: the Bundle without `id`, `meta` and `signature`, as RFC 8785 writes it. */
export function signedBytes(bundle: Bundle): Buffer {
  const { id: _, meta: __, signature: ___, ...document } = bundle;
  return Buffer.from(canonicalJson(document), 'utf8');
}
