// Files from outside: taken only when their bytes are of a type that the route takes, and given out so that no browser ever runs them.
import { Readable } from 'node:stream';
import type { Context } from 'hono';
import { imageSize, typeOf } from './content.ts';
import { Problem } from './problem.ts';

export interface Accepted {
  /** Media types, e.g. `image/png`. Pages, drawings (SVG) and programs are never taken, whatever stands here. */
  types: readonly string[];
  /** Bytes. */
  limit: number;
  /** Pixels of an image; a small file can hold one that fills a machine's memory. Default 50 million. */
  pixels?: number;
}

const PIXELS = 50_000_000;
/** What a browser or a computer would run. */
const NEVER = /svg|html|javascript|x-msdownload|x-elf|x-mach-binary|x-sh|java-archive|x-ms-installer|shockwave|webassembly|wasm/;

/**
 * The media type of an uploaded content, by its bytes.
 * @param named the type its sender gives it; only plain text formats (JSON, CSV, XML) need it
 * @throws Problem 413 (too large), 415 (another type), 422 (an image of too many pixels)
 */
export async function acceptUpload(content: Uint8Array, named: string, accepted: Accepted): Promise<string> {
  if (content.byteLength > accepted.limit) throw tooLarge(accepted.limit);
  const type = await typeOf(content, named.split(';')[0]!.trim().toLowerCase());
  if (!type || NEVER.test(type) || !accepted.types.includes(type)) throw otherType(accepted.types);
  if (type.startsWith('image/')) {
    const size = imageSize(content);
    if (!size || size.width * size.height > (accepted.pixels ?? PIXELS) || size.width === 0 || size.height === 0) throw tooManyPixels();
  }
  return type;
}

/**
 * The whole body of a request as an uploaded file, and its type by `acceptUpload`.
 * Reading ends at the limit, also when the request does not say how long it is.
 */
export async function readUpload(context: Context, accepted: Accepted): Promise<{ content: Buffer; type: string }> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  if (Number(context.req.header('content-length') ?? 0) > accepted.limit) throw tooLarge(accepted.limit);
  for await (const piece of (context.req.raw.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += piece.byteLength;
    if (bytes > accepted.limit) throw tooLarge(accepted.limit);
    pieces.push(piece);
  }
  const content = Buffer.concat(pieces);
  return { content, type: await acceptUpload(content, context.req.header('content-type') ?? '', accepted) };
}

/** Types that a page may show in place: a browser draws or plays them, and runs nothing of them. */
const SHOWN = /^(image\/(png|jpeg|gif|webp)|video\/(mp4|webm)|audio\/(mpeg|mp4|ogg|webm|wav|x-wav)|application\/pdf)$/;

export interface GivenFile {
  content: Uint8Array<ArrayBuffer> | Readable;
  type: string;
  /** Bytes of the whole content. */
  size: number;
  /** Without it the file has no name. */
  name?: string;
  /** Show it in the page where that is harmless; else it is always saved. */
  inline?: boolean;
}

/**
 * An answer with a kept file: with a sandbox, never guessed to be something else (nosniff), and not kept by browsers or proxies.
 * @see https://www.rfc-editor.org/rfc/rfc6266 (names)
 */
export function giveFile(context: Context, { content, type, size, name, inline = false }: GivenFile): Response {
  const how = inline && SHOWN.test(type) ? 'inline' : 'attachment';
  const plain = name?.replace(/[^\w.-]/g, '_');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they would end the header
  const full = name && encodeURIComponent(name.toWellFormed().replace(/[\0-\x1f\x7f/\\]/g, '_')).replace(/['()*]/g, escaped);
  const headers = {
    'content-type': SHOWN.test(type) || !NEVER.test(type) ? type : 'application/octet-stream',
    'content-length': String(size),
    'content-disposition': how + (name ? `; filename="${plain}"; filename*=UTF-8''${full}` : ''),
    'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  };
  if (content instanceof Uint8Array) return context.body(content, 200, headers);
  return context.body(Readable.toWeb(content) as ReadableStream, 200, headers);
}

const escaped = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
const mb = (bytes: number) => (bytes >= 1024 * 1024 ? `${Math.floor(bytes / 1024 / 1024)} MB` : `${Math.ceil(bytes / 1024)} kB`);
const tooLarge = (limit: number) =>
  new Problem(413, 'too-large', {
    ja: `ファイルが大きすぎます (${mb(limit)} まで)。`,
    en: `The file is too large (${mb(limit)} at most).`,
  });
const otherType = (types: readonly string[]) =>
  new Problem(415, 'file-type', {
    ja: `この種類のファイルは受け付けません。使えるもの: ${types.join('、')}。名前ではなく、中身を見て決めています。`,
    en: `Files of this type are not taken. Taken are: ${types.join(', ')}. What counts is the content, not the name.`,
  });
const tooManyPixels = () =>
  new Problem(422, 'image-size', {
    ja: '画像が読めないか、縦横が大きすぎます。小さくしてから、もう一度送ってください。',
    en: 'The image cannot be read or has too many pixels. Make it smaller and send it again.',
  });
