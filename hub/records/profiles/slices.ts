// Which slice a value belongs to: discriminators of R4 profiling.html#discriminator.
import type { Scope } from './references.ts';
import { resolveIn, typeNamed } from './references.ts';
import { BASE, type Element, type ElementType, type Schema, type Schemas } from './schema.ts';
import { equals, isObject, meets, type PathStep, type Reached, reach, stepsIn } from './values.ts';

export interface SliceQuestions {
  schemas: Schemas;
  /** Whether a resource or value meets one of the profiles. */
  conforms(value: unknown, profiles: string[], scope: Scope): boolean;
  /** Whether a coded value is in a value set; undefined when that cannot be told. */
  coded(value: unknown, valueSet: string): boolean | undefined;
}

const BY_URL = [{ type: 'value', path: 'url' }];
const BY_TYPE = [{ type: 'type', path: '$this' }];

/** The discriminators of a sliced element; extensions are told apart by their address and choices by their type. */
function discriminatorsOf(element: Element) {
  const named = element.slicing?.discriminators ?? [];
  if (named.length) return named;
  if (element.name === 'extension' || element.name === 'modifierExtension') return BY_URL;
  return element.choice ? BY_TYPE : [];
}

/** Whether `value` belongs to `slice` of `element`. A slice that its profile gives no way to tell holds nothing. */
export function belongs(value: Reached, element: Element, slice: Element, schema: Schema, scope: Scope, ask: SliceQuestions): boolean {
  const discriminators = discriminatorsOf(element);
  return discriminators.length > 0 && discriminators.every(({ type, path }) => fits(value, type, stepsIn(path), slice, schema, scope, ask));
}

function fits(value: Reached, kind: string, steps: PathStep[], slice: Element, schema: Schema, scope: Scope, ask: SliceQuestions): boolean {
  const wanted = wantedAt(slice, steps, schema, ask.schemas);
  const resolve = (reference: unknown) => resolveIn(scope, reference);
  const found = reach(value, steps, resolve);
  switch (kind) {
    case 'exists':
      return wanted.some(({ element }) => (element?.max === 0 ? found.length === 0 : (element?.min ?? 0) === 0 || found.length > 0));
    case 'type': {
      const types = wanted.flatMap(({ element }) => element?.types ?? []).flatMap(type => namesOf(type, ask.schemas, schema));
      return found.some(each => types.some(type => isOfType(each, type)));
    }
    case 'profile': {
      const types = wanted.flatMap(({ element }) => element?.types ?? []);
      const toTarget = steps.some(step => step.kind === 'resolve');
      const profiles = types.flatMap(type => (toTarget ? type.targets : type.profiles));
      if (!profiles.length) return found.some(each => types.some(type => isOfType(each, type.code)));
      if (found.length || !toTarget) return found.some(each => ask.conforms(each.value, profiles, scope));
      // The target lies outside the document: its type is all that can be seen of it.
      const named = typeNamed(value.value);
      return named !== undefined && profiles.some(profile => ask.schemas.named(profile, schema.package)[0]?.type === named);
    }
    default:
      return wanted.some(({ rules }) => rules.length > 0) && found.length > 0
        ? wanted.every(({ rules }) => rules.every(rule => found.some(each => obeys(each.value, rule, ask))))
        : false;
  }
}

type Rule = { fixed: unknown } | { pattern: unknown } | { valueSet: string };

function obeys(value: unknown, rule: Rule, ask: SliceQuestions): boolean {
  if ('fixed' in rule) return equals(value, rule.fixed);
  if ('pattern' in rule) return meets(value, rule.pattern);
  return ask.coded(value, rule.valueSet) === true;
}

/** What the slice says of the element that the steps lead to. */
function wantedAt(slice: Element, steps: PathStep[], schema: Schema, schemas: Schemas): { element?: Element; rules: Rule[] }[] {
  let here: { element?: Element; rules: Rule[] }[] = [{ element: slice, rules: rulesOf(slice) }];
  for (const step of steps) {
    if (step.kind === 'this' || step.kind === 'resolve' || step.kind === 'type') continue;
    here = here.flatMap(({ element, rules }) => {
      // A pattern on the whole says what its parts are.
      const inherited = rules.flatMap(rule => partOf(rule, step));
      const child = element && childAt(element, step, schema, schemas);
      const own = child ? rulesOf(child) : [];
      return child || inherited.length ? [{ element: child, rules: [...inherited, ...own] }] : [];
    });
  }
  return here;
}

function rulesOf({ fixed, pattern, binding }: Element): Rule[] {
  if (fixed !== undefined) return [{ fixed }];
  if (pattern !== undefined) return [{ pattern }];
  return binding?.strength === 'required' && binding.valueSet ? [{ valueSet: binding.valueSet }] : [];
}

function partOf(rule: Rule, step: PathStep): Rule[] {
  const whole = 'fixed' in rule ? rule.fixed : 'pattern' in rule ? rule.pattern : undefined;
  if (whole === undefined) return [];
  return reach({ value: whole }, [step], () => undefined).map(({ value }) => ('fixed' in rule ? { fixed: value } : { pattern: value }));
}

function childAt(element: Element, step: PathStep, schema: Schema, schemas: Schemas): Element | undefined {
  const { children, within } = childrenOf(element, schema, schemas);
  if (step.kind === 'name') {
    const child = children.get(step.name);
    if (child || step.name !== 'url') return child;
    return undefined;
  }
  if (step.kind === 'extension') {
    return children
      .get('extension')
      ?.slices.find(slice =>
        wantedAt(slice, [{ kind: 'name', name: 'url' }], within, schemas).some(({ rules }) => rules.some(rule => obeysUrl(rule, step.url))),
      );
  }
  return undefined;
}

const obeysUrl = (rule: Rule, url: string) => 'fixed' in rule && rule.fixed === url;

/** The children that count for an element: its own in the profile, else those of its type's profile, else those of its type. */
export function childrenOf(element: Element, schema: Schema, schemas: Schemas): { children: ReadonlyMap<string, Element>; within: Schema } {
  const [type] = element.types;
  if (element.children.size || element.types.length !== 1 || !type) return { children: element.children, within: schema };
  if (type.profiles.length === 1) {
    const profiled = schemas.named(type.profiles[0]!, schema.package)[0];
    if (profiled) return { children: profiled.root.children, within: profiled };
    // An extension's address is that of its definition, also when the definition is not at hand.
    if (type.code === 'Extension') return { children: new Map([['url', addressed(element, type)]]), within: schema };
  }
  const base = schemas.named(BASE + type.code)[0];
  return { children: base?.root.children ?? new Map(), within: base ?? schema };
}

const addressed = (element: Element, type: ElementType): Element => ({
  ...element,
  id: `${element.id}.url`,
  name: 'url',
  types: [{ code: 'uri', profiles: [], targets: [] }],
  fixed: type.profiles[0]!.split('|')[0],
  slices: [],
  children: new Map(),
});

/** Names under which a type can be found in a value: for a profile on a data type or resource, its type. */
const namesOf = (type: ElementType, schemas: Schemas, schema: Schema): string[] => [
  type.code,
  ...type.profiles.flatMap(profile => schemas.named(profile, schema.package)[0]?.type ?? []),
];

function isOfType({ value, type }: Reached, wanted: string): boolean {
  if (isObject(value) && typeof value.resourceType === 'string')
    return value.resourceType === wanted || wanted === 'Resource' || wanted === 'DomainResource';
  return type === wanted;
}
