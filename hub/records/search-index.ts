// What searches find a resource by: one row per value of each FHIR search parameter, taken out by the parameter's own FHIRPath.
import {
  convertToSearchableReferences,
  convertToSearchableStrings,
  convertToSearchableTokens,
  convertToSearchableUris,
  evalFhirPathTyped,
  getSearchParameterDetails,
  type TypedValue,
  toTypedValue,
} from '@medplum/core';
import type { Resource } from '@medplum/fhirtypes';
import { spanOfValue } from './dates.ts';
import type { Definitions } from './definitions.ts';

export interface SearchRows {
  tokens: { param: string; system: string | null; code: string }[];
  references: { param: string; target: string }[];
  dates: { param: string; low: Date | null; high: Date | null }[];
  strings: { param: string; folded: string; exact: string }[];
}

/** Kept in columns of their own. */
const IN_COLUMNS = new Set(['_id', '_lastUpdated']);

/** Strings are compared without case, width (半角, 全角) and kind of kana: a name typed in either finds the other. */
export function fold(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\u30a1-\u30f6]/g, kana => String.fromCharCode(kana.charCodeAt(0) - 0x60))
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
    .trim();
}

/** The rows by which `resource` can be found. */
export function searchRows(definitions: Definitions, resource: Resource): SearchRows {
  const rows: SearchRows = { tokens: [], references: [], dates: [], strings: [] };
  const root = [toTypedValue(resource)];
  for (const [param, definition] of definitions.parameters(resource.resourceType)) {
    if (IN_COLUMNS.has(param)) continue;
    const { parsedExpression } = getSearchParameterDetails(resource.resourceType, definition);
    const values = evalFhirPathTyped(parsedExpression, root) as TypedValue[];
    if (!values.length) continue;
    switch (definition.type) {
      case 'token':
        for (const token of convertToSearchableTokens(values)) {
          if (token.value) rows.tokens.push({ param, system: token.system ?? null, code: token.value });
        }
        break;
      case 'uri':
        for (const code of convertToSearchableUris(values)) rows.tokens.push({ param, system: null, code });
        break;
      case 'reference':
        for (const target of convertToSearchableReferences(values)) rows.references.push({ param, target });
        break;
      case 'date':
        for (const { value } of values) {
          const span = spanOfValue(value);
          if (span) rows.dates.push({ param, ...span });
        }
        break;
      case 'string':
        for (const exact of stringsOf(values)) rows.strings.push({ param, folded: fold(exact).slice(0, 500), exact: exact.slice(0, 1000) });
        break;
    }
  }
  return rows;
}

/** Names and addresses are found by each of their parts and by the whole. */
function stringsOf(values: TypedValue[]): Set<string> {
  const found = new Set(convertToSearchableStrings(values));
  for (const { value } of values) {
    if (typeof value !== 'object' || value === null) continue;
    for (const part of Object.values(value as Record<string, unknown>)) {
      for (const text of Array.isArray(part) ? part : [part]) if (typeof text === 'string') found.add(text);
    }
  }
  return found;
}
