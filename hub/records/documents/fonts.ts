// The Japanese font of printed documents: BIZ UDPGothic, whose files each hold a part of the characters, as fonts that a PDF can embed.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { inflateSync } from 'node:zlib';

const FOLDER = path.join(path.dirname(createRequire(import.meta.url).resolve('@fontsource/biz-udpgothic/package.json')), 'files');
const HEADER_BYTES = 44;
const ENTRY_BYTES = 20;
/** What stands for a character that no part has: the printer's geta mark. */
export const GETA = '〓';

type Ranges = [from: number, to: number][];

let parts: { name: string; ranges: Ranges }[] | undefined;
let main: Ranges | undefined;
const opened = new Map<string, Buffer>();
const holds = (ranges: Ranges, point: number) => ranges.some(([from, to]) => from <= point && point <= to);

/** The part of the font that has a character; undefined when none has it. */
export function partFor(character: string): string | undefined {
  const point = character.codePointAt(0)!;
  main ??= charactersOf(fontPart('japanese'));
  if (holds(main, point)) return 'japanese';
  parts ??= Object.entries(JSON.parse(readFileSync(path.join(FOLDER, '../unicode.json'), 'utf8')) as Record<string, string>).map(
    ([name, text]) => ({ name: name.replace(/[[\]]/g, ''), ranges: rangesOf(text) }),
  );
  return parts.find(({ ranges }) => holds(ranges, point))?.name;
}

const rangesOf = (text: string): Ranges =>
  text.split(',').map(range => {
    const [from = '', to] = range.replace('U+', '').split('-');
    return [Number.parseInt(from, 16), Number.parseInt(to ?? from, 16)];
  });

/** The characters of a TrueType font, by its table `cmap` (OpenType, format 4: the basic plane). */
function charactersOf(font: Buffer): Ranges {
  const entry = Array.from({ length: font.readUInt16BE(4) }, (_, index) => 12 + index * 16).find(
    at => font.toString('latin1', at, at + 4) === 'cmap',
  );
  if (entry === undefined) return [];
  const table = font.subarray(font.readUInt32BE(entry + 8));
  const found: Ranges = [];
  for (let index = 0; index < table.readUInt16BE(2); index++) {
    const at = table.readUInt32BE(4 + index * 8 + 4);
    if (table.readUInt16BE(at) !== 4) continue;
    const doubled = table.readUInt16BE(at + 6);
    for (let segment = 0; segment < doubled; segment += 2) {
      const to = table.readUInt16BE(at + 14 + segment);
      const from = table.readUInt16BE(at + 16 + doubled + segment);
      if (from !== 0xffff) found.push([from, to]);
    }
    break;
  }
  return found;
}

/** A part as a TrueType font: `japanese` holds the usual characters, numbered parts the rarer ones (①, ℃, 髙). The same bytes each time. */
export function fontPart(name: string): Buffer {
  const known = opened.get(name);
  if (known) return known;
  const made = trueType(readFileSync(path.join(FOLDER, `biz-udpgothic-${name}-400-normal.woff`)));
  opened.set(name, made);
  return made;
}

/** A WOFF 1.0 file (W3C) unpacked: PDF wants TrueType, and the WOFF 2 files' glyphs come out empty when a subset of them is made. */
function trueType(woff: Buffer): Buffer {
  const count = woff.readUInt16BE(12);
  const tables = Array.from({ length: count }, (_, index) => {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    const [offset, packed, length] = [woff.readUInt32BE(at + 4), woff.readUInt32BE(at + 8), woff.readUInt32BE(at + 12)];
    const stored = woff.subarray(offset, offset + packed);
    return { tag: woff.subarray(at, at + 4), checksum: woff.readUInt32BE(at + 16), bytes: packed < length ? inflateSync(stored) : stored };
  });
  const power = 2 ** Math.floor(Math.log2(count));
  const header = Buffer.alloc(12 + 16 * count);
  header.writeUInt32BE(woff.readUInt32BE(4), 0);
  header.writeUInt16BE(count, 4);
  header.writeUInt16BE(power * 16, 6);
  header.writeUInt16BE(Math.log2(power), 8);
  header.writeUInt16BE((count - power) * 16, 10);
  const bodies: Buffer[] = [];
  let offset = header.length;
  for (const [index, { tag, checksum, bytes }] of tables.entries()) {
    const at = 12 + index * 16;
    tag.copy(header, at);
    header.writeUInt32BE(checksum, at + 4);
    header.writeUInt32BE(offset, at + 8);
    header.writeUInt32BE(bytes.length, at + 12);
    const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
    bodies.push(padded);
    offset += padded.length;
  }
  return Buffer.concat([header, ...bodies]);
}
