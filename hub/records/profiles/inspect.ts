// Holds values to a profile, element by element, and notes what does not fit. The form that R4 itself prescribes is checked before.
import { buildTypeName } from '@medplum/core';
import type { Reference, Resource } from '@medplum/fhirtypes';
import { bindingFindings, codingsOf } from './bindings.ts';
import type { ValueSets } from './codes.ts';
import { type Finding, WORDS } from './findings.ts';
import type { Invariants } from './invariants.ts';
import { resolveIn, type Scope, typeNamed } from './references.ts';
import { BASE, type Element, type Schema, type Schemas } from './schema.ts';
import { belongs, type SliceQuestions } from './slices.ts';
import { choiceIn, equals, isObject, meets, PRIMITIVES, typeOfSuffix } from './values.ts';

export interface Inspector {
  /**
   * Holds a resource, or a value of a data type, to a profile, each value to each profile once. Where several definitions go by one name
   * (packages bring different versions of it along), one that the value meets is taken, else the first. Returns the one taken.
   */
  hold(value: unknown, candidates: readonly Schema[], path: string, scope: Scope): Schema | undefined;
  findings: Finding[];
}

export interface Tools {
  schemas: Schemas;
  valueSets: ValueSets;
  invariants: Invariants;
}

/** One value of an element, with what is known of where it is from. */
interface Occurrence {
  value: unknown;
  /** FHIR type: of a choice the one chosen; of a backbone element its own name (`CompositionSection`). */
  type: string;
  path: string;
}

/** Opens an inspection of one resource. `known` remembers, through trials, which values conform to which profiles. */
export function inspector(tools: Tools, known: Map<unknown, Map<Schema, boolean>> = new Map()): Inspector {
  const { schemas, valueSets, invariants } = tools;
  const findings: Finding[] = [];
  const held = new Map<unknown, Set<Schema>>();

  function hold(value: unknown, candidates: readonly Schema[], path: string, scope: Scope): Schema | undefined {
    const schema = candidates.length > 1 ? (candidates.find(each => meetsSchema(value, each, scope)) ?? candidates[0]) : candidates[0];
    if (!schema) return undefined;
    const already = held.get(value) ?? new Set();
    if (already.has(schema)) return schema;
    if (isObject(value)) held.set(value, already.add(schema));
    checkValue({ value, type: schema.type, path }, schema.root, schema, scope);
    return schema;
  }

  /** Whether a value meets a profile, found by a trial that notes nothing. */
  function meetsSchema(value: unknown, schema: Schema, scope: Scope): boolean {
    const tried = known.get(value) ?? new Map<Schema, boolean>();
    known.set(value, tried);
    const before = tried.get(schema);
    if (before !== undefined) return before;
    // While it is being tried it counts as conforming: resources refer to each other in circles.
    tried.set(schema, true);
    const trial = inspector(tools, known);
    trial.hold(value, [schema], '', scope);
    const good = !trial.findings.some(({ severity }) => severity === 'error');
    tried.set(schema, good);
    return good;
  }

  function note(schema: Schema, finding: Omit<Finding, 'profile' | 'severity'> & { severity?: Finding['severity'] }) {
    findings.push({ severity: 'error', ...finding, profile: schema.version ? `${schema.url}|${schema.version}` : schema.url });
  }

  /** Whether a value meets one of the profiles, without noting anything. */
  function conforms(value: unknown, profiles: string[], schema: Schema, scope: Scope): boolean {
    return profiles.some(profile => {
      const candidates = schemas.named(profile, schema.package);
      if (!candidates.length) return isObject(value) && profile === BASE + value.resourceType;
      const inner = isObject(value) && typeof value.resourceType === 'string' ? scopeOf(value as unknown as Resource, scope) : scope;
      return candidates.some(candidate => {
        if (isObject(value) && typeof value.resourceType === 'string') {
          if (candidate.type === 'Resource' || candidate.type === 'DomainResource') return true;
          if (candidate.type !== value.resourceType) return false;
          // A resource that says of itself that it is such a one belongs here; what is wrong with it is told at its own place.
          const { profile: claims = [] } = (value.meta ?? {}) as { profile?: string[] };
          if (claims.some(claim => claim.split('|')[0] === candidate.url)) return true;
        }
        return meetsSchema(value, candidate, inner);
      });
    });
  }

  function checkValue(occurrence: Occurrence, element: Element, schema: Schema, scope: Scope) {
    const { value, type, path } = occurrence;
    const rule = (said: string) => `${element.id} ${said}`;
    if (element.fixed !== undefined && !equals(value, element.fixed))
      note(schema, { code: 'value', path, rule: rule('fixed'), text: WORDS.fixed(element.fixed) });
    if (element.pattern !== undefined && !meets(value, element.pattern))
      note(schema, { code: 'value', path, rule: rule('pattern'), text: WORDS.fixed(element.pattern) });
    if (element.maxLength !== undefined && typeof value === 'string' && [...value].length > element.maxLength)
      note(schema, { code: 'too-long', path, rule: rule('maxLength'), text: WORDS.bound(String(element.maxLength)) });
    if (element.least !== undefined && typeof value === typeof element.least && (value as number | string) < element.least)
      note(schema, { code: 'value', path, rule: rule('minValue'), text: WORDS.bound(`≥ ${element.least}`) });
    if (element.most !== undefined && typeof value === typeof element.most && (value as number | string) > element.most)
      note(schema, { code: 'value', path, rule: rule('maxValue'), text: WORDS.bound(`≤ ${element.most}`) });
    for (const finding of bindingFindings(valueSets, element, value, path, schema)) note(schema, finding);
    for (const finding of invariants.check(element, schema, { type, value }, path, scope)) note(schema, finding);
    const stated = element.types.find(({ code }) => code === type || (isObject(value) && code === value.resourceType));
    if (type === 'Reference') checkTarget(value as Reference, stated?.targets ?? [], rule('targetProfile'), schema, path, scope);
    if (stated?.profiles.length && element !== schema.root) checkProfiles(occurrence, stated.profiles, element, schema, scope);
    if (isObject(value) && element.children.size) checkChildren(value, element, type, schema, path, scope);
  }

  /** The profiles that an element asks of its value: the one, or one of several. */
  function checkProfiles({ value, path }: Occurrence, profiles: string[], element: Element, schema: Schema, scope: Scope) {
    const inner = isObject(value) && typeof value.resourceType === 'string' ? scopeOf(value as unknown as Resource, scope) : scope;
    if (profiles.length === 1) {
      const candidates = schemas.named(profiles[0]!, schema.package);
      // A resource that claims the profile is held to it at its own place.
      if (!claims(value, profiles[0]!)) hold(value, candidates, path, inner);
    } else if (profiles.every(profile => schemas.named(profile, schema.package).length) && !conforms(value, profiles, schema, scope)) {
      note(schema, { code: 'structure', path, rule: `${element.id} profile`, text: WORDS.profile(profiles.join(' / ')) });
    }
  }

  function checkChildren(object: Record<string, unknown>, parent: Element, parentType: string, schema: Schema, path: string, scope: Scope) {
    for (const child of parent.children.values()) {
      const found = occurrencesOf(object, child, parent, parentType, path);
      const at = `${path}.${child.name}`;
      if (found.length < child.min)
        note(schema, { code: 'required', path: at, rule: `${child.id} min ${child.min}`, text: WORDS.min(found.length, child.min) });
      if (found.length > child.max)
        note(schema, { code: 'structure', path: at, rule: `${child.id} max ${child.max}`, text: WORDS.max(found.length, child.max) });
      for (const occurrence of found) {
        if (!isAllowed(occurrence, child)) {
          const wanted = child.types.map(({ code }) => code);
          const said = isObject(occurrence.value) ? (occurrence.value.resourceType ?? occurrence.type) : occurrence.type;
          note(schema, { code: 'structure', path: occurrence.path, rule: `${child.id} type`, text: WORDS.type(String(said), wanted) });
          continue;
        }
        checkValue(occurrence, child, schema, scope);
      }
      if (child.slices.length) checkSlices(found, child, schema, at, scope);
    }
  }

  function checkSlices(found: Occurrence[], element: Element, schema: Schema, path: string, scope: Scope) {
    const ask: SliceQuestions = {
      schemas,
      conforms: (value, profiles, at) => conforms(value, profiles, schema, at),
      coded: (value, valueSet) => {
        const answers = codingsOf(value).map(({ code, system }) => valueSets.holds(valueSet, code, system, schema.package));
        return answers.includes('in') ? true : answers.includes('unknown') ? undefined : false;
      },
    };
    const matched = new Map<Element, Occurrence[]>(element.slices.map(slice => [slice, []]));
    const { rules = 'open', ordered = false } = element.slicing ?? {};
    let last = -1;
    let unmatched = false;
    for (const occurrence of found) {
      const index = element.slices.findIndex(slice => belongs(occurrence, element, slice, schema, scope, ask));
      if (index < 0) {
        unmatched = true;
        if (rules === 'closed')
          note(schema, { code: 'structure', path: occurrence.path, rule: `${element.id} slicing closed`, text: WORDS.closed() });
        continue;
      }
      matched.get(element.slices[index]!)!.push(occurrence);
      if ((ordered && index < last) || (rules === 'openAtEnd' && unmatched))
        note(schema, { code: 'structure', path: occurrence.path, rule: `${element.id} slicing ordered`, text: WORDS.order() });
      last = Math.max(last, index);
    }
    for (const [slice, occurrences] of matched) {
      if (occurrences.length < slice.min)
        note(schema, { code: 'required', path, rule: `${slice.id} min ${slice.min}`, text: WORDS.min(occurrences.length, slice.min) });
      if (occurrences.length > slice.max)
        note(schema, { code: 'structure', path, rule: `${slice.id} max ${slice.max}`, text: WORDS.max(occurrences.length, slice.max) });
      for (const occurrence of occurrences) checkValue(occurrence, slice, schema, scope);
      if (slice.slices.length) checkSlices(occurrences, slice, schema, path, scope);
    }
  }

  function checkTarget(reference: Reference, targets: string[], rule: string, schema: Schema, path: string, scope: Scope) {
    if (!targets.length || typeof reference !== 'object') return;
    const target = resolveIn(scope, reference);
    const { reference: address } = reference;
    if (!target && typeof address === 'string' && address.startsWith('#'))
      note(schema, { code: 'not-found', path, rule, text: WORDS.unresolved(address) });
    const type = target?.resourceType ?? typeNamed(reference);
    if (!type) return;
    const wanted = targets.map(each => (each.startsWith(BASE) ? each.slice(BASE.length) : schemas.named(each, schema.package)[0]?.type));
    if (wanted.some(each => each === undefined || each === type || each === 'Resource' || each === 'DomainResource')) return;
    note(schema, { code: 'structure', path, rule, text: WORDS.target(type, [...new Set(wanted as string[])]) });
  }

  return { hold, findings };
}

const claims = (value: unknown, profile: string) =>
  isObject(value) &&
  isObject(value.meta) &&
  Array.isArray(value.meta.profile) &&
  value.meta.profile.some(each => String(each).split('|')[0] === profile.split('|')[0]);

/** Where a resource stands that was reached from `scope`: inside its container when it is contained there, else in the same Bundle. */
function scopeOf(resource: Resource, scope: Scope): Scope {
  const contained = 'contained' in scope.container ? ((scope.container.contained as Resource[] | undefined) ?? []) : [];
  if (contained.includes(resource)) return { ...scope, resource };
  const around = scope.resource.resourceType === 'Bundle' ? scope.resource : scope.bundle;
  const entry = around?.entry?.find(each => each.resource === resource);
  return { resource, container: resource, bundle: around, fullUrl: entry?.fullUrl };
}

/** All values of an element that an object holds. A primitive that has extensions only counts as one, without value. */
function occurrencesOf(object: Record<string, unknown>, child: Element, parent: Element, parentType: string, path: string): Occurrence[] {
  const keys = child.choice
    ? choiceIn(object, child.name, parent.children).map(({ key, suffix }) => ({ key, type: typeOfSuffix(suffix) }))
    : [{ key: child.name, type: typeIn(parentType, child) }];
  return keys.flatMap(({ key, type }) => {
    const value = object[key];
    const beside = object[`_${key}`];
    const list = Array.isArray(value) || Array.isArray(beside);
    const values = value === undefined ? [] : list ? (value as unknown[]) : [value];
    const extended = beside === undefined ? [] : list ? (beside as unknown[]) : [beside];
    return Array.from({ length: Math.max(values.length, extended.length) }, (_, index) => ({
      value: values[index] ?? undefined,
      type,
      path: list ? `${path}.${child.name}[${index}]` : `${path}.${child.name}`,
    }));
  });
}

/** The FHIR type of a child that is no choice. */
function typeIn(parentType: string, child: Element): string {
  if (child.contentReference) return buildTypeName(child.contentReference.split('.'));
  const code = child.types[0]?.code ?? 'Element';
  return code === 'BackboneElement' || code === 'Element' ? buildTypeName([parentType, child.name]) : code;
}

/** Whether a value is of a type the element may have: the chosen type of a choice, the type of a resource. */
function isAllowed({ value, type }: Occurrence, child: Element): boolean {
  if (!child.types.length) return true;
  const found = isObject(value) && typeof value.resourceType === 'string' ? value.resourceType : type;
  if (!child.choice && found === type) return true;
  if (child.types.some(({ code }) => code === found || code === 'Resource' || code === 'DomainResource')) return true;
  // Specializations of a primitive (`code` where `string` stands) keep to the base check.
  return !child.choice && PRIMITIVES.has(found);
}
