// Names of people as they are shown and written: kanji first (IDE), else what there is.
import type { HumanName } from '@medplum/fhirtypes';
import { NAME_REPRESENTATION } from './systems.ts';

/** The name to show, e.g. `山田 太郎`: the kanji representation, else the official name, else the first one; `—` without any. */
export function kanjiName(names: HumanName[] | undefined): string {
  const written = (code: string) =>
    names?.find(name => name.extension?.some(extension => extension.url === NAME_REPRESENTATION && extension.valueCode === code));
  const name = written('IDE') ?? names?.find(entry => entry.use === 'official') ?? names?.[0];
  if (!name) return '—';
  return name.text ?? ([name.family, ...(name.given ?? [])].filter(Boolean).join(' ') || '—');
}
