// Makes broken variants of a resource out of a profile's own snapshot: each breaks one rule, which is named with it.
import type { ElementDefinition, Resource, StructureDefinition } from '@medplum/fhirtypes';

export interface Variant {
  /** The rule that is broken, as a finding names it. */
  rule: string;
  resource: Resource;
}

type Json = Record<string, unknown>;

/** Variants for the unsliced elements that the resource holds, and for slices it must hold. `listed` says whether a code is in a value set at hand. */
export function* variantsOf(
  resource: Resource,
  profile: StructureDefinition,
  listed: (valueSet: string, value: unknown) => boolean,
): Generator<Variant> {
  for (const element of profile.snapshot!.element) {
    const id = element.id!;
    const [, ...names] = id.split('.');
    if (!names.length) continue;
    const [last = '', slice] = names.at(-1)!.split(':');
    if (names.slice(0, -1).some(name => name.includes(':') || name.includes('[x]')) || last.includes('[x]')) continue;
    const broken = (rule: string, change: (parent: Json) => void): Variant[] => {
      const copy = structuredClone(resource) as unknown as Json;
      const parent = parentIn(copy, names.slice(0, -1));
      if (!parent || parent[last] === undefined) return [];
      change(parent);
      return JSON.stringify(copy) === JSON.stringify(resource) ? [] : [{ rule: `${id} ${rule}`, resource: copy as unknown as Resource }];
    };
    if ((element.min ?? 0) > 0) yield* broken(`min ${element.min}`, parent => delete parent[last]);
    if (slice) continue;
    yield* changes(element, last, broken, listed);
  }
}

function changes(
  element: ElementDefinition,
  name: string,
  broken: (rule: string, change: (parent: Json) => void) => Variant[],
  listed: (valueSet: string, value: unknown) => boolean,
): Variant[] {
  const found: Variant[] = [];
  if (element.max !== '*' && element.base?.max === '*') {
    const more = Number(element.max) + 1;
    found.push(
      ...broken(`max ${element.max}`, parent => {
        const list = parent[name] as unknown[];
        parent[name] = Array.from({ length: more }, (_, index) => structuredClone(list[index % list.length]));
      }),
    );
  }
  for (const kind of ['fixed', 'pattern'] as const) {
    if (Object.keys(element).some(key => key.startsWith(kind))) found.push(...broken(kind, parent => replaceText(parent, name)));
  }
  const targets = element.type?.flatMap(type => (type.code === 'Reference' ? (type.targetProfile ?? []) : [])) ?? [];
  if (targets.length && !targets.some(target => /\/(Resource|DomainResource|Schedule)$/.test(target))) {
    found.push(
      ...broken('targetProfile', parent => {
        const wrong = { reference: 'Schedule/1' };
        parent[name] = Array.isArray(parent[name]) ? [wrong] : wrong;
      }),
    );
  }
  const { strength, valueSet } = element.binding ?? {};
  if (strength === 'required' && valueSet) {
    found.push(
      ...broken(`binding ${valueSet}`, parent => {
        const [value] = [parent[name]].flat();
        if (listed(valueSet, value)) replaceText(parent, name);
      }),
    );
  }
  return found;
}

function parentIn(resource: Json, names: string[]): Json | undefined {
  let at: unknown = resource;
  for (const name of names) at = [(at as Json)?.[name]].flat()[0];
  return typeof at === 'object' && at !== null ? (at as Json) : undefined;
}

/** Every text in the value becomes another. */
function replaceText(parent: Json, name: string) {
  const changed = (value: unknown): unknown => {
    if (typeof value === 'string') return `${value}-wrong`;
    if (typeof value === 'number') return value + 1;
    if (Array.isArray(value)) return value.map(changed);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, changed(inner)]));
    return value;
  };
  parent[name] = changed(parent[name]);
}
