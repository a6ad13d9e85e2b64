// Reads a file of Open mHealth or IEEE 1752.1: one data point or body, a list of them, or one to a line.
import type { z } from 'zod';
import type { Found, Reading, Refusal } from '../reading.ts';
import { anyHeader, descriptionOf, type Header, recognised, type SchemaId } from './descriptions.ts';
import { readingOf } from './map.ts';

/** What a document is: a reading, something checked that means nothing by itself, or refused with the place of the first fault. */
export type Checked = { id: SchemaId; reading: Reading | null } | { refusal: Refusal };

/**
 * Checks a document against its description and maps it. A data point names its schema in the header; a bare body is recognised by its
 * properties, or is what `id` says.
 */
export function checkDocument(document: unknown, place = '', id?: SchemaId): Checked {
  const point = id === undefined && typeof document === 'object' && document !== null && 'header' in document;
  if (point) return checkPoint(document as { header: unknown; body?: unknown }, place);
  const schema = id ?? recognised(document);
  if (!schema) return refuse(place, 'this is no measure that Open mHealth or IEEE 1752.1 names');
  const checked = bodyOf(document, schema, place);
  if ('refusal' in checked) return checked;
  const { header, body } = checked.body as { header?: Header; body?: unknown };
  // A data point that was asked for by its own schema: its body is looked at too.
  if (schema.name === 'data-point' && header) return checkPoint({ header, body }, place);
  return { id: schema, reading: readingOf(checked.body, { id: schema, source: 'Open mHealth' }) };
}

function checkPoint({ header: given, body }: { header: unknown; body?: unknown }, place: string): Checked {
  const header = anyHeader.safeParse(given);
  if (!header.success) return refuse(`${place}/header`, first(header.error));
  const id = header.data.schema_id;
  if (body === undefined) return refuse(`${place}/body`, 'is missing');
  const checked = bodyOf(body, id, `${place}/body`);
  if ('refusal' in checked) return checked;
  const source = ('acquisition_provenance' in header.data && header.data.acquisition_provenance?.source_name) || 'Open mHealth';
  const made =
    'creation_date_time' in header.data
      ? header.data.creation_date_time
      : (header.data as { source_creation_date_time: string }).source_creation_date_time;
  return { id, reading: readingOf(checked.body, { id, source, made }) };
}

function bodyOf(body: unknown, id: SchemaId, place: string): { body: unknown } | { refusal: Refusal } {
  const schema = descriptionOf(id);
  if (!schema) return refuse(place, `the schema ${id.namespace}:${id.name} ${id.version} is not known here`);
  const parsed = schema.safeParse(body);
  if (parsed.success) return { body: parsed.data };
  const issue = parsed.error.issues[0]!;
  return refuse([place, ...issue.path.map(String)].join('/'), `${id.name}: ${issue.message}`);
}

const refuse = (place: string, reason: string) => ({ refusal: { place: place || '/', reason } });
const first = (error: z.ZodError) => {
  const [issue] = error.issues;
  const inner = issue?.code === 'invalid_union' ? issue.errors.flat()[0] : issue;
  return `${[...(issue?.path ?? []), ...(inner !== issue ? (inner?.path ?? []) : [])].join('/')} ${inner?.message ?? 'is wrong'}`.trim();
};

/** The most that is read of a JSON file: it is held whole. */
export const JSON_BYTES = 64 * 1024 * 1024;
/** Lists and objects within each other. */
const DEPTH = 64;

/** Refuses text that nests deeper than anything real does, before it is parsed. @throws Error */
export function refuseDeep(text: string): void {
  let depth = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (quoted) {
      if (character === 0x5c) index++;
      else if (character === 0x22) quoted = false;
    } else if (character === 0x22) quoted = true;
    else if (character === 0x5b || character === 0x7b) {
      depth++;
      if (depth > DEPTH) throw new Error(`the file nests more than ${DEPTH} levels deep`);
    } else if (character === 0x5d || character === 0x7d) depth--;
  }
}

/** All documents in a text, with their places. @throws Error when it is no JSON */
export function* documentsIn(text: string): Generator<{ document: unknown; place: string; bytes: number }> {
  refuseDeep(text);
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch (cause) {
    const lines = text.split('\n');
    if (lines.filter(line => line.trim()).length < 2) throw new Error('the file is not JSON', { cause });
    let bytes = 0;
    for (const [number, line] of lines.entries()) {
      bytes += Buffer.byteLength(line) + 1;
      if (!line.trim()) continue;
      try {
        yield { document: JSON.parse(line), place: `line ${number + 1}`, bytes };
      } catch {
        if (number === 0) throw new Error('the file is not JSON', { cause });
        yield { document: undefined, place: `line ${number + 1}`, bytes };
      }
    }
    return;
  }
  const bytes = Buffer.byteLength(text);
  if (!Array.isArray(whole)) yield { document: whole, place: '', bytes };
  else
    for (const [index, document] of whole.entries())
      yield { document, place: `/${index}`, bytes: Math.round((bytes * (index + 1)) / whole.length) };
}

/** Readings and refusals of a file, in order. */
export function* readOmh(text: string): Generator<Found> {
  for (const { document, place, bytes } of documentsIn(text)) {
    const checked = checkDocument(document, place);
    if ('refusal' in checked) yield { refusal: checked.refusal, bytes };
    else if (checked.reading) yield { reading: checked.reading, bytes };
    else yield { unknown: `${checked.id.namespace}:${checked.id.name}`, bytes };
  }
}
