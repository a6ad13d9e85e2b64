// JSON from outside: not nested so deep that reading it ends the process, and without names that reach into every object.
import { Problem } from './problem.ts';

/** A FHIR Questionnaire or a Bundle of Bundles nests some 20 levels; the recursion of what reads it must not overflow. */
const DEPTH = 100;

/**
 * The value of a JSON text.
 * @throws Problem 400 (not JSON), 422 (nested too deep, or with a member such as `__proto__`)
 */
export function parseJson(text: string): unknown {
  if (nestedDeeper(text, DEPTH)) throw tooDeep();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Problem(400, 'not-json', { ja: '送られた内容が JSON ではありません。', en: 'The body is not JSON.' }, { cause });
  }
  // Looked at only where such a name may stand, also written with escapes.
  if (MAYBE.test(text) && reachesIntoPrototype(value)) throw forbiddenName();
  return value;
}

function nestedDeeper(text: string, limit: number): boolean {
  if (text.length < limit) return false;
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inText) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) inText = false;
    } else if (code === QUOTE) inText = true;
    else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (++depth > limit) return true;
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth--;
  }
  return false;
}
const [QUOTE, BACKSLASH, OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d];

/** Names that every object has by itself: what looks a name up in a table finds them there although nobody put them in. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype));
const MAYBE = new RegExp(`"(${[...INHERITED].join('|')})"|\\\\u`);

/** Whether a value read from JSON has, at any depth, a member with a name that every object has by itself (`__proto__`, `constructor` …). */
export function reachesIntoPrototype(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, inside]) => (INHERITED.has(name) && !Array.isArray(value)) || reachesIntoPrototype(inside));
}

const tooDeep = () =>
  new Problem(422, 'too-deep', { ja: '送られた内容の入れ子が深すぎます。', en: `The body is nested deeper than ${DEPTH} levels.` });
const forbiddenName = () =>
  new Problem(422, 'name-forbidden', {
    ja: '使えない名前 (__proto__、constructor など) がふくまれています。',
    en: 'The body has a member with a forbidden name (__proto__, constructor …).',
  });
