// Scopes as apps ask for them and as people read them.
import type { Text } from '../http/problem.ts';
import { SCOPE } from './actor.ts';

/** Scopes that are no right to data: who launches, and in which context. */
const LAUNCH = new Set(['launch/patient', 'openid', 'fhirUser']);
/** SMART v1 wrote whole words. */
const FORMER: Readonly<Record<string, string>> = { read: 'rs', write: 'cud', '*': 'cruds' };

/** The scopes of a request as this hub writes them (v2), each once; null when one of them is none. */
export function readScopes(text: string): string[] | null {
  const scopes: string[] = [];
  for (const scope of text.split(/\s+/).filter(Boolean)) {
    const [, head, former] = /^(.+\.)(read|write|\*)$/.exec(scope) ?? [];
    const own = head && former ? head + FORMER[former] : scope;
    if (!LAUNCH.has(own) && !(SCOPE.test(own) && !own.endsWith('.'))) return null;
    if (!scopes.includes(own)) scopes.push(own);
  }
  return scopes;
}

/** Whether the registered scopes of an app hold this one: the same context, the type or all, and every letter. */
export function covers(registered: readonly string[], scope: string): boolean {
  if (LAUNCH.has(scope)) return registered.includes(scope);
  const [, context, type, letters = ''] = SCOPE.exec(scope) ?? [];
  return registered.some(each => {
    const [, heldContext, heldType, heldLetters = ''] = SCOPE.exec(each) ?? [];
    return heldContext === context && (heldType === '*' || heldType === type) && [...letters].every(letter => heldLetters.includes(letter));
  });
}

const VERBS: Readonly<Record<string, Text>> = {
  c: { ja: '作る', en: 'create' },
  r: { ja: '読む', en: 'read' },
  u: { ja: '変える', en: 'change' },
  d: { ja: '消す', en: 'delete' },
  s: { ja: 'さがす', en: 'search' },
};

/** A scope in words: 「Observation を読む・さがす」. */
export function scopeWords(scope: string): Text {
  const [, , type = '', letters = ''] = SCOPE.exec(scope) ?? [];
  if (!type) return { ja: 'だれが入っているかを知る', en: 'know who is signed in' };
  const verbs = [...letters].map(letter => VERBS[letter]!);
  const what = type === '*' ? { ja: 'すべての記録', en: 'all records' } : { ja: `${type} の記録`, en: `${type} records` };
  return { ja: `${what.ja}を${verbs.map(verb => verb.ja).join('・')}`, en: `${verbs.map(verb => verb.en).join(', ')} ${what.en}` };
}
