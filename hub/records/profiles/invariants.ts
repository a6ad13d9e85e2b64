// Invariants of profiles, by FHIRPath (R4 conformance-rules.html#constraints). Those of R4 itself are checked with its form.
import { evalFhirPathTyped, type FhirPathAtom, LRUCache, type TypedValue, toTypedValue } from '@medplum/core';
import { UCUM } from '../systems.ts';
import { type Finding, WORDS } from './findings.ts';
import type { Scope } from './references.ts';
import { BASE, type Element, type Schema, type Schemas } from './schema.ts';

export interface Invariants {
  check(
    element: Element,
    schema: Schema,
    value: TypedValue,
    path: string,
    scope: Scope,
  ): (Omit<Finding, 'profile'> & { severity: Finding['severity'] })[];
}

export function openInvariants(schemas: Schemas): Invariants {
  const parsed = new LRUCache<FhirPathAtom>(2000);
  const keysByType = new Map<string, Set<string>>();

  /** Keys of the invariants that R4 itself puts on a type or anything below it. */
  function keysOf(type: string): Set<string> {
    let keys = keysByType.get(type);
    if (!keys) {
      keys = new Set<string>();
      const gather = (element: Element) => {
        for (const { key } of element.constraints) if (key) keys!.add(key);
        for (const child of element.children.values()) gather(child);
      };
      const base = schemas.named(BASE + type)[0];
      if (base) gather(base.root);
      keysByType.set(type, keys);
    }
    return keys;
  }

  return {
    check(element, schema, value, path, scope) {
      if (!element.constraints.length || value.value === undefined) return [];
      const types = [schema.type, ...element.types.map(({ code }) => code)];
      return element.constraints.flatMap(({ key = '', expression, severity, human = key }): ReturnType<Invariants['check']> => {
        if (!expression || types.some(type => keysOf(type).has(key))) return [];
        const about = { code: 'invariant' as const, path, rule: key };
        const variables = {
          '%context': value,
          '%resource': toTypedValue(scope.resource),
          '%rootResource': toTypedValue(scope.container),
          '%ucum': toTypedValue(UCUM),
        };
        try {
          const [result, ...others] = evalFhirPathTyped(expression, [value], variables, parsed);
          if (result?.value === true && !others.length) return [];
        } catch (error) {
          return [{ ...about, severity: 'warning', text: WORDS.invariantUnknown((error as Error).message) }];
        }
        return [{ ...about, severity: severity === 'error' ? 'error' : 'warning', text: WORDS.invariant(human) }];
      });
    },
  };
}
