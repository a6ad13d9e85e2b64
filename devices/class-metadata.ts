// The three functions of the package `reflect-metadata` that @peculiar/x509 (through tsyringe) needs and does not bring: what is noted about
// a class, and found again by its heirs. Must be loaded before it, so only `x509.ts` imports either.

type Notes = Map<unknown, unknown>;
type WithMetadata = typeof Reflect & {
  defineMetadata?(key: unknown, value: unknown, target: object): void;
  getOwnMetadata?(key: unknown, target: object): unknown;
  getMetadata?(key: unknown, target: object): unknown;
};

const reflect = Reflect as WithMetadata;
const notes = new WeakMap<object, Notes>();

// A real `reflect-metadata` that is loaded already stays.
if (!reflect.getMetadata) {
  reflect.defineMetadata = (key, value, target) => {
    const known = notes.get(target) ?? new Map();
    notes.set(target, known.set(key, value));
  };
  reflect.getOwnMetadata = (key, target) => notes.get(target)?.get(key);
  reflect.getMetadata = (key, target) => {
    for (let each: object | null = target; each; each = Object.getPrototypeOf(each))
      if (notes.get(each)?.has(key)) return notes.get(each)?.get(key);
    return undefined;
  };
}
