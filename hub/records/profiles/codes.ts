// Which codes a value set holds, as far as the definitions at hand tell (R4 valueset.html#compositions).
import type { CodeSystem, CodeSystemConcept, ValueSet, ValueSetComposeInclude, ValueSetComposeIncludeFilter } from '@medplum/fhirtypes';
import type { Canonicals } from './canonicals.ts';

export type Membership = 'in' | 'out' | 'unknown';

export interface ValueSets {
  /** Whether a code is in a value set. Without `system` (a `code` element) the code alone counts. `unknown` where the definitions are not at hand. */
  holds(valueSet: string, code: string, system: string | undefined, within?: string): Membership;
}

/** The codes known to be in a set, and the code systems of which more may be in it than is known (`*`: any). */
interface Expansion {
  /** `system|code` and, for elements that hold a code only, the code alone. */
  codes: Set<string>;
  open: Set<string>;
}

const KEPT = 400;
const NOTHING: Expansion = { codes: new Set(), open: new Set(['*']) };

export function openValueSets(canonicals: Canonicals): ValueSets {
  const expansions = new Map<string, Expansion>();
  const systems = new Map<string, Map<string, CodeSystemConcept & { parents: string[] }> | null>();

  function expansionOf(canonical: string, within: string | undefined, under: readonly string[] = []): Expansion {
    const key = `${within ?? ''} ${canonical}`;
    const kept = expansions.get(key);
    if (kept) return kept;
    const valueSet = under.includes(canonical) ? undefined : canonicals.valueSet(canonical, within);
    const expansion = valueSet ? expand(valueSet, within, [...under, canonical]) : NOTHING;
    if (expansions.size >= KEPT) expansions.delete(expansions.keys().next().value!);
    expansions.set(key, expansion);
    return expansion;
  }

  function expand(valueSet: ValueSet, within: string | undefined, under: string[]): Expansion {
    const { compose, expansion } = valueSet;
    const codes = new Set<string>();
    const open = new Set<string>();
    for (const include of compose?.include ?? []) {
      const part = included(include, within, under);
      for (const code of part.codes) codes.add(code);
      for (const system of part.open) open.add(system);
    }
    // An expansion that came along lists what the rules alone do not tell here.
    const listed = [...flat(expansion?.contains ?? [])].filter(({ abstract, code }) => code && !abstract);
    for (const { system, code } of listed) add(codes, system, code!);
    if (!compose && !listed.length) open.add('*');
    for (const exclude of compose?.exclude ?? []) for (const code of included(exclude, within, under).codes) codes.delete(code);
    return { codes, open };
  }

  function included({ system, concept, filter, valueSet }: ValueSetComposeInclude, within: string | undefined, under: string[]): Expansion {
    const parts: Expansion[] = [];
    if (system) parts.push(concept ? listedOf(system, concept) : filteredOf(system, filter ?? []));
    for (const canonical of valueSet ?? []) parts.push(expansionOf(canonical, within, under));
    // Of several parts a code must be in each (R4 valueset.html#compositions).
    return parts.reduce((one, other) => ({
      codes: new Set([...one.codes].filter(code => other.codes.has(code) || isOpen(other, code))),
      open: new Set([...one.open].filter(each => other.open.has(each) || other.open.has('*'))),
    }));
  }

  function listedOf(system: string, concepts: { code?: string }[]): Expansion {
    const codes = new Set<string>();
    for (const { code } of concepts) if (code) add(codes, system, code);
    return { codes, open: new Set() };
  }

  function filteredOf(system: string, filters: ValueSetComposeIncludeFilter[]): Expansion {
    const concepts = conceptsOf(system);
    if (!concepts) return { codes: new Set(), open: new Set([system]) };
    const codes = new Set<string>();
    for (const [code, concept] of concepts) {
      const kept = filters.map(filter => passes(code, concept, filter, concepts));
      if (kept.includes(undefined)) return { codes: new Set(), open: new Set([system]) };
      if (kept.every(Boolean)) add(codes, system, code);
    }
    return { codes, open: new Set() };
  }

  /** All concepts of a code system by code, each with its parents; null when they are not (all) at hand. */
  function conceptsOf(url: string): Map<string, CodeSystemConcept & { parents: string[] }> | null {
    const known = systems.get(url);
    if (known !== undefined) return known;
    const codeSystem: CodeSystem | undefined = canonicals.codeSystem(url);
    let concepts: Map<string, CodeSystemConcept & { parents: string[] }> | null = null;
    if (codeSystem?.url === url && codeSystem.concept && (codeSystem.content ?? 'complete') === 'complete') {
      concepts = new Map();
      const take = (list: CodeSystemConcept[], parents: string[]) => {
        for (const concept of list) {
          if (!concept.code) continue;
          concepts!.set(concept.code, { ...concept, parents });
          take(concept.concept ?? [], [...parents, concept.code]);
        }
      };
      take(codeSystem.concept, []);
    }
    systems.set(url, concepts);
    return concepts;
  }

  return {
    holds(canonical, code, system, within) {
      const expansion = expansionOf(canonical, within);
      if (expansion.codes.has(system === undefined ? code : `${system}|${code}`)) return 'in';
      if (system === undefined) return expansion.open.size ? 'unknown' : 'out';
      return isOpen(expansion, `${system}|${code}`) ? 'unknown' : 'out';
    },
  };
}

function add(codes: Set<string>, system: string | undefined, code: string) {
  codes.add(code).add(`${system}|${code}`);
}

function isOpen({ open }: Expansion, code: string): boolean {
  return open.has('*') || (code.includes('|') ? open.has(code.slice(0, code.lastIndexOf('|'))) : open.size > 0);
}

function* flat(contains: NonNullable<ValueSet['expansion']>['contains'] & object): Generator<(typeof contains)[number]> {
  for (const each of contains) {
    yield each;
    yield* flat(each.contains ?? []);
  }
}

/** Whether a concept passes a filter (R4 valueset.html#filters); undefined for filters that are not known here. */
function passes(
  code: string,
  concept: CodeSystemConcept & { parents: string[] },
  { property, op, value = '' }: ValueSetComposeIncludeFilter,
  concepts: ReadonlyMap<string, unknown>,
): boolean | undefined {
  if (property === 'concept' || property === 'code') {
    if (op === 'is-a') return concepts.has(value) ? code === value || concept.parents.includes(value) : undefined;
    if (op === 'descendent-of') return concepts.has(value) ? concept.parents.includes(value) : undefined;
    if (op === 'is-not-a') return concepts.has(value) ? code !== value && !concept.parents.includes(value) : undefined;
    if (op === 'in') return value.split(',').includes(code);
    if (op === 'not-in') return !value.split(',').includes(code);
    if (op === '=') return code === value;
    if (op === 'regex') return new RegExp(`^(?:${value})$`).test(code);
    return undefined;
  }
  const values = (concept.property ?? []).filter(each => each.code === property).map(propertyText);
  if (op === '=') return values.includes(value);
  if (op === 'in') return values.some(each => value.split(',').includes(each));
  if (op === 'exists') return values.length > 0 === (value === 'true');
  return undefined;
}

const propertyText = ({
  valueCode,
  valueString,
  valueBoolean,
  valueInteger,
  valueCoding,
}: NonNullable<CodeSystemConcept['property']>[number]) =>
  String(valueCode ?? valueString ?? valueBoolean ?? valueInteger ?? valueCoding?.code ?? '');
