// Profiles as trees of elements with their slices: made from a snapshot, or from a differential on top of its base's tree.
import type { ElementDefinition, ElementDefinitionBinding, ElementDefinitionConstraint, StructureDefinition } from '@medplum/fhirtypes';
import type { Canonicals, Found } from './canonicals.ts';

export interface ElementType {
  code: string;
  profiles: string[];
  targets: string[];
}

/** An element of a profile, or one slice of it. */
export interface Element {
  /** As the definition names it: `Composition.section:950.code`. */
  id: string;
  /** Property name; of a choice (`value[x]`) without the brackets. */
  name: string;
  choice: boolean;
  /** Path in the base type: `Composition.section.code`. */
  path: string;
  min: number;
  max: number;
  types: ElementType[];
  contentReference?: string;
  fixed?: unknown;
  pattern?: unknown;
  binding?: ElementDefinitionBinding;
  constraints: ElementDefinitionConstraint[];
  maxLength?: number;
  least?: number | string;
  most?: number | string;
  slicing?: { discriminators: { type: string; path: string }[]; rules: string; ordered: boolean };
  slices: Element[];
  sliceName?: string;
  /** By property name; empty where the profile says no more than the element's type does. */
  children: Map<string, Element>;
}

export interface Schema {
  url: string;
  version?: string;
  package: string;
  /** Resource or data type that is profiled. */
  type: string;
  root: Element;
  contexts: { type: string; expression: string }[];
}

export interface Schemas {
  /** The tree of a definition. @throws Error when its base is unknown and it has no snapshot */
  of(found: Found<StructureDefinition>): Schema;
  /** Trees a canonical may mean, the best first (see Canonicals.structures). */
  named(canonical: string, within?: string): Schema[];
}

/** Trees kept at once; a large profile (1,800 elements) takes some 2 MB. */
const KEPT = 150;

export function openSchemas(canonicals: Canonicals): Schemas {
  const kept = new Map<string, Schema>();

  const schemas: Schemas = {
    of(found) {
      const key = `${found.package} ${found.url}|${found.version ?? ''}`;
      const known = kept.get(key);
      // The one used last goes to the end; the one not used for longest is forgotten first.
      kept.delete(key);
      const schema = known ?? build(found);
      kept.set(key, schema);
      if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
      return schema;
    },
    named: (canonical, within) => canonicals.structures(canonical, within).map(found => schemas.of(found)),
  };

  function build(found: Found<StructureDefinition>): Schema {
    const definition = found.read();
    const about = {
      url: found.url,
      version: found.version,
      package: found.package,
      type: definition.type,
      contexts: (definition.context ?? []).map(({ type, expression }) => ({ type, expression })),
    };
    if (definition.snapshot?.element?.length) return { ...about, root: grow(undefined, definition.snapshot.element, found.package) };
    const base = canonicals.structures(definition.baseDefinition ?? '', found.package)[0];
    if (!base) throw new Error(`${found.url} has no snapshot, and its base ${definition.baseDefinition} is unknown`);
    return { ...about, root: grow(copyOf(schemas.of(base).root, 'deep'), definition.differential?.element ?? [], found.package) };
  }

  /** Puts elements into a tree, in their order: a parent comes before its children (R4 elementdefinition.html). */
  function grow(base: Element | undefined, elements: ElementDefinition[], within: string): Element {
    const [first, ...others] = elements;
    const root = base ?? blank(first!.path!, first!.path!);
    if (first && !first.path!.includes('.')) describe(root, first);
    for (const element of first && first.path!.includes('.') ? elements : others) {
      const steps = stepsOf(element);
      let at = root;
      for (const step of steps) at = enter(at, step, within, base !== undefined);
      describe(at, element);
    }
    return root;
  }

  /** The child or slice that a step leads to; it is made when it is not there. `inherited`: what the type says is copied in first. */
  function enter(parent: Element, step: Step, within: string, inherited: boolean): Element {
    if (inherited && !parent.children.size) adopt(parent, within);
    let child = parent.children.get(step.name) ?? choiceFor(parent, step.name);
    if (!child) {
      child = blank(`${parent.id}.${step.id}`, `${parent.path}.${step.name}`, step.choice);
      parent.children.set(step.name, child);
    }
    // `valueQuantity` in place of `value[x]:valueQuantity`.
    const shortened = child.choice && step.name !== child.name ? step.name : undefined;
    let at = child;
    for (const slice of step.slices.length ? step.slices : shortened ? [shortened] : []) {
      let next: Element | undefined = at.slices.find(each => each.sliceName === slice);
      if (!next) {
        next = inherited ? copyOf(at) : blank(`${at.id}:${slice}`, child.path, child.choice);
        Object.assign(next, { id: `${at.id}:${slice}`, sliceName: slice, slices: [], slicing: undefined, min: 0 });
        at.slices.push(next);
      }
      at = next;
    }
    return at;
  }

  function adopt(element: Element, within: string) {
    const [type] = element.types;
    if (element.types.length !== 1 || !type) return;
    const source = canonicals.structures(type.profiles.length === 1 ? type.profiles[0]! : BASE + type.code, within)[0];
    if (!source) return;
    for (const [name, child] of schemas.of(source).root.children) element.children.set(name, renamed(copyOf(child, 'deep'), element));
  }

  return schemas;
}

export const BASE = 'http://hl7.org/fhir/StructureDefinition/';

interface Step {
  id: string;
  name: string;
  choice: boolean;
  slices: string[];
}

/** From the element's id (`Composition.section:950.code`); from its path and slice name where the id is missing. */
function stepsOf({ id, path = '', sliceName }: ElementDefinition): Step[] {
  const named = id?.includes('.') ? id : sliceName ? `${path}:${sliceName}` : path;
  return named
    .split('.')
    .slice(1)
    .map(part => {
      const [name = '', ...slices] = part.split(/[:/]/);
      return { id: part, name: name.replace('[x]', ''), choice: name.endsWith('[x]'), slices };
    });
}

/** `valueQuantity` stands for the choice `value[x]`. */
function choiceFor(parent: Element, name: string): Element | undefined {
  return [...parent.children.values()].find(
    child => child.choice && name.startsWith(child.name) && /^[A-Z]/.test(name.slice(child.name.length)),
  );
}

const blank = (id: string, path: string, choice = false): Element => ({
  id,
  name: path.split('.').at(-1)!,
  choice,
  path,
  min: 0,
  max: Number.POSITIVE_INFINITY,
  types: [],
  constraints: [],
  slices: [],
  children: new Map(),
});

/** Takes over what an ElementDefinition says; what it does not mention stays. */
function describe(element: Element, definition: ElementDefinition) {
  const { min, max, type, contentReference, binding, constraint, slicing, maxLength } = definition;
  if (min !== undefined) element.min = min;
  if (max !== undefined) element.max = max === '*' ? Number.POSITIVE_INFINITY : Number(max);
  if (type) {
    element.types = type.map(({ code, profile, targetProfile }) => ({
      code: code?.startsWith('http://hl7.org/fhirpath/') ? 'string' : (code ?? ''),
      profiles: profile ?? [],
      targets: targetProfile ?? [],
    }));
  }
  if (contentReference) element.contentReference = contentReference.replace(/^.*#/, '');
  if (binding) element.binding = binding;
  if (constraint) {
    const known = new Set(constraint.map(({ key }) => key));
    element.constraints = [...element.constraints.filter(({ key }) => !known.has(key)), ...constraint];
  }
  if (slicing) {
    element.slicing = {
      discriminators: (slicing.discriminator ?? []).map(each => ({ type: each.type ?? '', path: each.path ?? '' })),
      rules: slicing.rules ?? 'open',
      ordered: slicing.ordered ?? false,
    };
  }
  if (maxLength !== undefined) element.maxLength = maxLength;
  for (const [key, value] of Object.entries(definition)) {
    if (value === undefined) continue;
    if (/^fixed[A-Z]/.test(key)) element.fixed = value;
    else if (/^pattern[A-Z]/.test(key)) element.pattern = value;
    else if (/^minValue[A-Z]/.test(key)) element.least = value as number | string;
    else if (/^maxValue[A-Z]/.test(key)) element.most = value as number | string;
  }
}

/** A copy with its children; with its slices only when `deep`. */
function copyOf(element: Element, depth?: 'deep'): Element {
  return {
    ...element,
    types: [...element.types],
    constraints: [...element.constraints],
    slices: depth ? element.slices.map(slice => copyOf(slice, depth)) : [],
    children: new Map([...element.children].map(([name, child]) => [name, copyOf(child, 'deep')])),
  };
}

/** The same element below another parent: its path follows its place (`HumanName.family` as `Patient.name.family`). */
function renamed(element: Element, parent: Element): Element {
  const tail = element.id.slice(element.id.indexOf('.'));
  element.id = `${parent.id}${tail}`;
  return element;
}
