// Which format a file has, by its first bytes, and its readings: Apple's XML as a stream, JSON whole up to a size.
import type { Patient } from '@medplum/fhirtypes';
import { readApple } from './apple/read.ts';
import { readBundle } from './bundle/read.ts';
import { JSON_BYTES, readOmh } from './omh/read.ts';
import { type ClaimedOwner, matchOf } from './owner.ts';
import type { Found } from './reading.ts';

export interface FormatReading {
  format: 'omh' | 'apple' | 'fhir';
  found: AsyncIterable<Found> | Iterable<Found>;
  /** Whom the file says it is about; known when all was read. */
  owner(): ClaimedOwner | null;
}

/** @param idOf the id a thing gets here, by its key. @throws Error when the format is none of the three, or the file is too large for it */
export async function readFormat(
  content: AsyncIterable<Uint8Array>,
  size: number,
  patient: Patient,
  idOf: (key: string) => string,
): Promise<FormatReading> {
  const chunks = content[Symbol.asyncIterator]();
  const first = await chunks.next();
  const head = first.done ? Buffer.alloc(0) : Buffer.from(first.value);
  async function* whole() {
    if (!first.done) yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  }
  const start = head
    .subarray(0, 64)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (start.startsWith('PK')) throw new Error('this is a ZIP archive: open it and choose the file export.xml in it');
  if (start.startsWith('<')) {
    let owner: ClaimedOwner | null = null;
    const found = readApple(whole(), claimed => {
      owner = claimed.birthDate ? claimed : null;
    });
    return { format: 'apple', found, owner: () => owner };
  }
  if (!/^[[{"]/.test(start)) throw new Error('this is neither JSON nor XML');
  if (size > JSON_BYTES) throw new Error(`a JSON file may have ${JSON_BYTES / 1024 ** 2} MB at most`);
  const text = await utf8(whole());
  // Open mHealth has no property of this name at its top.
  if (!/"resourceType"\s*:\s*"Bundle"/.test(text.slice(0, 100_000))) return { format: 'omh', found: readOmh(text), owner: () => null };
  const bundle = readBundle(text, claimed => matchOf(patient, claimed) !== 'other', idOf);
  const own = bundle.owners.find(claimed => matchOf(patient, claimed) !== 'other') ?? bundle.owners[0] ?? null;
  return { format: 'fhir', found: bundle.entries, owner: () => own };
}

/** @throws Error when it is not UTF-8 */
async function utf8(content: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  try {
    for await (const chunk of content) text += decoder.decode(chunk, { stream: true });
    return text + decoder.decode();
  } catch (cause) {
    throw new Error('the file is not UTF-8', { cause });
  }
}
