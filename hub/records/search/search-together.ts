// Two conditions on one date are one stretch of time: asked of one value, it can be read out of an index between two bounds.
import { getDataType } from '@medplum/core';
import type { KeptType, Parameter } from '../definitions.ts';
import type { Criterion } from './search-request.ts';

/**
 * `date=ge2024-03-01&date=lt2024-03-02` of an element that is there once at most is asked of one value. Of an element that repeats each
 * condition may be fulfilled by another value (R4 search.html#combining). The definitions of `type` are loaded.
 */
export function together(type: KeptType, criteria: readonly Criterion[]): Criterion[] {
  const joined: Criterion[] = [];
  const begun = new Map<Parameter, number>();
  for (const one of criteria) {
    const alone = one.kind === 'value' && one.parameter.type === 'date' && one.modifier === null && one.values.length === 1;
    const place = alone ? begun.get(one.parameter) : undefined;
    const first = place === undefined ? undefined : joined[place];
    if (alone && place !== undefined && first?.kind === 'value') {
      joined[place] = { ...first, also: [...(first.also ?? []), ...one.values] };
    } else {
      if (alone && isThereOnce(type, one.parameter)) begun.set(one.parameter, joined.length);
      joined.push(one);
    }
  }
  return joined;
}

function isThereOnce(type: KeptType, { expression }: Parameter): boolean {
  const named = new RegExp(`\\b${type}\\.([a-zA-Z.]+?)(?=\\.ofType|\\)| |$)`, 'g');
  const paths = new Set([...expression.matchAll(named)].map(([, path]) => path!));
  const [path] = paths;
  if (paths.size !== 1 || !path) return false;
  const { elements } = getDataType(type);
  return (elements[path] ?? elements[`${path}[x]`])?.max === 1;
}
