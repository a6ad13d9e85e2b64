// Reads plain CSV line by line, from a file or its .gz. Quoted fields are refused in words: the recordings replayed here have none, and
// splitting them wrongly would move values to other columns without anyone noticing.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

export interface Row<Column extends string> {
  /** Counted from 1; the header is line 1. */
  line: number;
  /** Null when the line does not have as many fields as the header. */
  fields: Record<Column, string> | null;
}

/**
 * Yields the rows of a file whose header has exactly these columns, in any order. Empty lines are no rows.
 * @throws Error naming file and line: a header with other columns, a quoted field, a file that is no gzip.
 */
export async function* rowsOf<const Column extends string>(file: string, columns: readonly Column[]): AsyncGenerator<Row<Column>> {
  const raw = createReadStream(file);
  const input = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  // An error of the file itself would otherwise stay with `raw` and end the process.
  raw.on('error', error => input.destroy(error));
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  const failed = new Promise<never>((_, reject) => input.once('error', reject));
  failed.catch(() => undefined);
  let header: string[] | null = null;
  let line = 0;
  const iterator = lines[Symbol.asyncIterator]();
  try {
    while (true) {
      const next = await Promise.race([iterator.next(), failed]).catch((cause: Error) => {
        throw new Error(`${file} cannot be read after line ${line}: ${cause.message}`, { cause });
      });
      if (next.done) break;
      line++;
      const text = line === 1 ? next.value.replace(/^\uFEFF/, '') : next.value;
      if (text === '') continue;
      if (text.includes('"'))
        throw new Error(`${file}, line ${line}: quoted fields are not taken; write the file as plain CSV without quotes`);
      const fields = text.split(',');
      if (header) {
        const names = header;
        const whole = fields.length === names.length;
        yield {
          line,
          fields: whole ? (Object.fromEntries(names.map((name, index) => [name, fields[index]!])) as Record<Column, string>) : null,
        };
        continue;
      }
      const missing = columns.filter(column => !fields.includes(column));
      const unknown = fields.filter(field => !(columns as readonly string[]).includes(field));
      if (missing.length || unknown.length || fields.length !== columns.length)
        throw new Error(
          `${file}, line ${line}: the columns are ${columns.join(', ')}; ` +
            [missing.length && `missing: ${missing.join(', ')}`, unknown.length && `unknown: ${unknown.join(', ')}`, 'each once']
              .filter(Boolean)
              .join('; '),
        );
      header = fields;
    }
    if (!header) throw new Error(`${file} is empty; its first line names the columns ${columns.join(', ')}`);
  } finally {
    lines.close();
    raw.destroy();
  }
}
