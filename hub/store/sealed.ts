// Sealing of a file on disk: AES-256-GCM in frames, so that a recording of hours is written, read and wound forward without holding it whole.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

/** Plain bytes of a frame; the last one may be shorter, also empty. */
export const FRAME = 64 * 1024;
const TAG = 16;
const MAGIC = Buffer.from('HUBF1');
const SALT = 32;
const TYPE_LIMIT = 127;

/**
 * The header and frames of `content`, in the order they are written.
 * Each file has a key of its own (HKDF of `key` with the file's salt); a frame's nonce is its number and whether it is the last one, so that
 * frames that were moved, dropped or cut off do not open (the STREAM construction of Hoang, Reyhanitabar, Rogaway, Vizár 2015).
 */
export async function* seal(content: AsyncIterable<Uint8Array>, key: Uint8Array, type: string): AsyncGenerator<Buffer> {
  const typed = Buffer.from(type);
  if (typed.length > TYPE_LIMIT) throw new Error('the type of a file is too long');
  const header = Buffer.concat([MAGIC, randomBytes(SALT), Buffer.from([typed.length]), typed]);
  const own = fileKey(key, header);
  yield header;
  let number = 0;
  let waiting: Buffer = Buffer.alloc(0);
  const frame = (plain: Uint8Array, last: boolean) => {
    const cipher = createCipheriv('aes-256-gcm', own, nonce(number, last));
    cipher.setAAD(header);
    number++;
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  };
  for await (const piece of content) {
    waiting = waiting.length ? Buffer.concat([waiting, piece]) : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    while (waiting.length > FRAME) {
      yield frame(waiting.subarray(0, FRAME), false);
      waiting = waiting.subarray(FRAME);
    }
  }
  yield frame(waiting, true);
}

export interface Sealed {
  type: string;
  /** Plain bytes. */
  size: number;
  /** The bytes from `start` (inclusive) to `end` (exclusive). @throws Error when a frame was changed */
  read(start: number, end: number): AsyncGenerator<Buffer>;
}

/** Opens what `seal` wrote. @throws Error when it is none, or `key` is not the one it was sealed with */
export async function openSealed(file: FileHandle, key: Uint8Array): Promise<Sealed> {
  const begin = MAGIC.length + SALT + 1;
  const first = await readAt(file, 0, begin);
  if (!first.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('this is no file that the hub has sealed');
  const header = Buffer.concat([first, await readAt(file, begin, first[begin - 1]!)]);
  const own = fileKey(key, header);
  const body = (await file.stat()).size - header.length;
  const frames = Math.max(1, Math.ceil(body / (FRAME + TAG)));
  const size = body - frames * TAG;
  if (size < 0) throw new Error('the file is cut off');

  async function open(number: number): Promise<Buffer> {
    const offset = number * (FRAME + TAG);
    const sealed = await readAt(file, header.length + offset, Math.min(FRAME + TAG, body - offset));
    const decipher = createDecipheriv('aes-256-gcm', own, nonce(number, number === frames - 1), { authTagLength: TAG });
    decipher.setAAD(header);
    decipher.setAuthTag(sealed.subarray(-TAG));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(0, -TAG)), decipher.final()]);
    } catch (cause) {
      throw new Error('the file was changed, or was sealed with another key', { cause });
    }
  }
  // What is cut at a frame's edge, and a wrong key, show at once and not after hours of a recording.
  await open(frames - 1);
  return {
    type: header.subarray(begin).toString(),
    size,
    async *read(start, end) {
      for (let number = Math.floor(start / FRAME); number * FRAME < Math.min(end, size); number++) {
        const plain = await open(number);
        yield plain.subarray(Math.max(0, start - number * FRAME), Math.min(FRAME, end - number * FRAME));
      }
    },
  };
}

const fileKey = (key: Uint8Array, header: Buffer) =>
  Buffer.from(hkdfSync('sha256', key, header.subarray(MAGIC.length, MAGIC.length + SALT), 'hub file', 32));

function nonce(number: number, last: boolean): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(number, 7);
  bytes[11] = last ? 1 : 0;
  return bytes;
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  if (bytesRead < length) throw new Error('the file is cut off');
  return bytes;
}
