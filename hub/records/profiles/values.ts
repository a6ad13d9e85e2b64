// Comparing values with what a profile fixes (R4 elementdefinition.html#fixed), and reaching into resources by simple paths.

type Json = Record<string, unknown>;
export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Exactly the same, with the same properties. */
export function equals(value: unknown, wanted: unknown): boolean {
  if (Array.isArray(value) && Array.isArray(wanted))
    return value.length === wanted.length && value.every((item, index) => equals(item, wanted[index]));
  if (isObject(value) && isObject(wanted)) {
    const keys = Object.keys(value);
    return keys.length === Object.keys(wanted).length && keys.every(key => key in wanted && equals(value[key], wanted[key]));
  }
  return value === wanted;
}

/** Holds at least what the pattern holds; of a list each item of the pattern must be met by some item. */
export function meets(value: unknown, pattern: unknown): boolean {
  if (Array.isArray(pattern)) return Array.isArray(value) && pattern.every(wanted => value.some(item => meets(item, wanted)));
  if (isObject(pattern)) return isObject(value) && Object.entries(pattern).every(([key, wanted]) => meets(value[key], wanted));
  return value === pattern;
}

/** Property name and suffix of a choice (`valueQuantity` for `value`: `Quantity`) that an object holds; none when it holds no such choice. */
export function choiceIn(object: Json, name: string, siblings: ReadonlyMap<string, unknown>): { key: string; suffix: string }[] {
  const found = new Map<string, string>();
  for (const property of Object.keys(object)) {
    const key = property.startsWith('_') ? property.slice(1) : property;
    const suffix = key.slice(name.length);
    if (key.startsWith(name) && /^[A-Z]/.test(suffix) && !siblings.has(key)) found.set(key, suffix);
  }
  return [...found].map(([key, suffix]) => ({ key, suffix }));
}

/** FHIR's name of a data type from the suffix of a choice: `Quantity`, but `dateTime`, `string`. */
export function typeOfSuffix(suffix: string): string {
  const lower = suffix[0]!.toLowerCase() + suffix.slice(1);
  return PRIMITIVES.has(lower) ? lower : suffix;
}

export const PRIMITIVES = new Set(
  'base64Binary boolean canonical code date dateTime decimal id instant integer markdown oid positiveInt string time unsignedInt uri url uuid xhtml'.split(
    ' ',
  ),
);

/** Steps of a discriminator (R4 profiling.html#discriminator): names, `$this`, `extension(url)`, `resolve()`, `ofType(T)`. */
export type PathStep =
  | { kind: 'this' }
  | { kind: 'name'; name: string }
  | { kind: 'extension'; url: string }
  | { kind: 'resolve' }
  | { kind: 'type'; type: string };

export function stepsIn(path: string): PathStep[] {
  const steps: PathStep[] = [];
  for (const [, extension, call, argument, name] of path.matchAll(/extension\(['"]([^'"]+)['"]\)|(resolve|ofType)\(([^)]*)\)|([$\w]+)/g)) {
    if (extension) steps.push({ kind: 'extension', url: extension });
    else if (call === 'resolve') steps.push({ kind: 'resolve' });
    else if (call === 'ofType') steps.push({ kind: 'type', type: argument ?? '' });
    else if (name === '$this') steps.push({ kind: 'this' });
    else if (name) steps.push({ kind: 'name', name });
  }
  return steps;
}

/** A value in a resource with the type it is known to have, where it is known. */
export interface Reached {
  value: unknown;
  type?: string;
}

/** Everything a path of steps leads to from a value; lists are flattened. `resolve` gives the resource that a Reference names. */
export function reach(from: Reached, steps: PathStep[], resolve: (reference: unknown) => unknown): Reached[] {
  let here: Reached[] = [from];
  for (const step of steps) here = here.flatMap(each => next(each, step, resolve));
  return here;
}

function next({ value, type }: Reached, step: PathStep, resolve: (reference: unknown) => unknown): Reached[] {
  switch (step.kind) {
    case 'this':
      return [{ value, type }];
    case 'type':
      return type === step.type || (isObject(value) && value.resourceType === step.type) ? [{ value, type }] : [];
    case 'resolve': {
      const target = resolve(value);
      return target === undefined ? [] : [{ value: target }];
    }
    case 'extension':
      return isObject(value) && Array.isArray(value.extension)
        ? value.extension.filter(each => isObject(each) && each.url === step.url).map(each => ({ value: each, type: 'Extension' }))
        : [];
    case 'name': {
      if (!isObject(value)) return [];
      if (value[step.name] !== undefined) return [value[step.name]].flat().map(each => ({ value: each }));
      return choiceIn(value, step.name, new Map())
        .filter(({ key }) => value[key] !== undefined)
        .flatMap(({ key, suffix }) => [value[key]].flat().map(each => ({ value: each, type: typeOfSuffix(suffix) })));
    }
  }
}
