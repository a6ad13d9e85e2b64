// What a file is, by its bytes and not by its name: type, and for images width and height.

/** Media types without bytes that give them away: taken when they are well-formed text of that kind. */
const TEXTS = ['text/plain', 'text/csv', 'application/json', 'application/fhir+json', 'application/xml', 'text/xml'] as const;
type TextType = (typeof TEXTS)[number];
const isText = (type: string): type is TextType => (TEXTS as readonly string[]).includes(type);

/**
 * The media type of `content`: by its bytes; for text, which has none, what was named, when it can be that.
 * @param named what the sender says, e.g. `text/csv`
 * @returns null for what is unknown, or is not what its sender says
 */
export async function typeOf(content: Uint8Array, named: string): Promise<string | null> {
  // Loaded here: most processes take no files.
  const { fileTypeFromBuffer } = await import('file-type');
  const found = (await fileTypeFromBuffer(content))?.mime;
  if (!isText(named)) return found ?? null;
  if (found && found !== 'application/xml') return found;
  return fits(content, named) ? named : null;
}

function fits(content: Uint8Array, named: TextType): boolean {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return false;
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  if (/[\0-\x08\x0e-\x1f]/.test(text)) return false;
  const begin = text.trimStart();
  if (named.endsWith('json')) return /^[[{]/.test(begin);
  if (named.endsWith('xml')) return begin.startsWith('<') && !isPage(begin);
  // Text that a browser might take for a page is none.
  return !/^<(!doctype|\?xml|html|svg|script|head|body|iframe)/i.test(begin);
}

/** Whether XML is one that a browser would run: a page or a drawing (also with a prefix, after comments and a document type). */
function isPage(xml: string): boolean {
  if (/http:\/\/www\.w3\.org\/(1999\/xhtml|2000\/svg|1999\/XSL)/i.test(xml) || /<\?xml-stylesheet/i.test(xml)) return true;
  const bare = xml.replace(/<!--[\s\S]*?-->|<\?[\s\S]*?\?>/g, '').replace(/<!DOCTYPE[^[>]*(\[[\s\S]*?\]\s*)?>/i, '');
  return /^\s*<([\w.-]+:)?(html|svg|script|xhtml)\b/i.test(bare);
}

export interface Size {
  width: number;
  height: number;
}

/** Pixels of a PNG, JPEG, GIF or WebP, by its first bytes, without decoding it; null for all else. */
export function imageSize(content: Uint8Array): Size | null {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  try {
    if (bytes.readUInt32BE(0) === 0x89504e47) return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
    if (bytes.subarray(0, 3).toString() === 'GIF') return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
    if (bytes.readUInt16BE(0) === 0xffd8) return jpegSize(bytes);
    if (bytes.subarray(0, 4).toString() === 'RIFF' && bytes.subarray(8, 12).toString() === 'WEBP') return webpSize(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}

/** The first start-of-frame segment (ITU-T T.81, B.2.2). */
function jpegSize(bytes: Buffer): Size | null {
  for (let at = 2; at + 9 < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff) return null;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
  }
  return null;
}

/** RFC 9649, section 2. */
function webpSize(bytes: Buffer): Size | null {
  const kind = bytes.subarray(12, 16).toString();
  if (kind === 'VP8X') return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
  if (kind === 'VP8 ') return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
  if (kind !== 'VP8L') return null;
  const bits = bytes.readUInt32LE(21);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}
