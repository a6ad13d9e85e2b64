// Writes a ZIP archive as a stream: entries one after another, compressed, each with its sizes behind it (APPNOTE 6.3.10; ZIP64 where it must).
import { crc32, createDeflateRaw } from 'node:zlib';

export interface ZipEntry {
  /** Path in the archive, with `/`. */
  name: string;
  content: AsyncIterable<Uint8Array> | Uint8Array;
}

/** Names are UTF-8, sizes and CRC follow the content (general purpose bits 11 and 3). */
const FLAGS = (1 << 11) | (1 << 3);
const DEFLATE = 8;
/** Version needed: 4.5, for ZIP64. */
const VERSION = 45;
const MAX32 = 0xffff_ffff;

/** The bytes of the archive. `at` is the time of all entries, in Asia/Tokyo as the format has no zone. */
export async function* zip(entries: AsyncIterable<ZipEntry> | Iterable<ZipEntry>, at: Date): AsyncGenerator<Buffer> {
  const stamp = dosTime(at);
  const directory: Buffer[] = [];
  let offset = 0;
  for await (const { name, content } of entries) {
    const path = Buffer.from(name);
    const begin = offset;
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt16LE(VERSION, 4);
    head.writeUInt16LE(FLAGS, 6);
    head.writeUInt16LE(DEFLATE, 8);
    head.writeUInt32LE(stamp, 10);
    head.writeUInt16LE(path.length, 26);
    // An empty ZIP64 field says that the sizes behind the content have eight bytes.
    const extra = Buffer.alloc(20);
    extra.writeUInt16LE(1, 0);
    extra.writeUInt16LE(16, 2);
    head.writeUInt16LE(extra.length, 28);
    const first = Buffer.concat([head, path, extra]);
    yield first;
    offset += first.length;
    let [sum, size, packed] = [0, 0, 0];
    const deflate = createDeflateRaw();
    const fed = (async () => {
      for await (const piece of content instanceof Uint8Array ? [content] : content) {
        sum = crc32(piece, sum);
        size += piece.byteLength;
        if (!deflate.write(piece)) await new Promise(resolve => deflate.once('drain', resolve));
      }
      deflate.end();
    })();
    fed.catch(error => deflate.destroy(error as Error));
    for await (const piece of deflate as AsyncIterable<Buffer>) {
      packed += piece.length;
      yield piece;
    }
    await fed;
    const behind = Buffer.alloc(24);
    behind.writeUInt32LE(0x08074b50, 0);
    behind.writeUInt32LE(sum, 4);
    behind.writeBigUInt64LE(BigInt(packed), 8);
    behind.writeBigUInt64LE(BigInt(size), 16);
    yield behind;
    offset += packed + behind.length;
    directory.push(directoryEntry(path, stamp, sum, packed, size, begin));
  }
  const listing = Buffer.concat(directory);
  yield listing;
  yield endOf(directory.length, listing.length, offset);
}

function directoryEntry(path: Buffer, stamp: number, sum: number, packed: number, size: number, begin: number): Buffer {
  const head = Buffer.alloc(46);
  head.writeUInt32LE(0x02014b50, 0);
  head.writeUInt16LE(VERSION, 4);
  head.writeUInt16LE(VERSION, 6);
  head.writeUInt16LE(FLAGS, 8);
  head.writeUInt16LE(DEFLATE, 10);
  head.writeUInt32LE(stamp, 12);
  head.writeUInt32LE(sum, 16);
  const wide = [size, packed, begin].filter(value => value >= MAX32);
  head.writeUInt32LE(Math.min(packed, MAX32), 20);
  head.writeUInt32LE(Math.min(size, MAX32), 24);
  head.writeUInt16LE(path.length, 28);
  head.writeUInt32LE(Math.min(begin, MAX32), 42);
  if (!wide.length) return Buffer.concat([head, path]);
  const extra = Buffer.alloc(4 + 8 * wide.length);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(8 * wide.length, 2);
  for (const [index, value] of wide.entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * index);
  head.writeUInt16LE(extra.length, 30);
  return Buffer.concat([head, path, extra]);
}

/** End of the central directory, in both sizes: readers of either find it. */
function endOf(count: number, size: number, offset: number): Buffer {
  const wide = Buffer.alloc(76);
  wide.writeUInt32LE(0x06064b50, 0);
  wide.writeBigUInt64LE(44n, 4);
  wide.writeUInt16LE(VERSION, 12);
  wide.writeUInt16LE(VERSION, 14);
  wide.writeBigUInt64LE(BigInt(count), 24);
  wide.writeBigUInt64LE(BigInt(count), 32);
  wide.writeBigUInt64LE(BigInt(size), 40);
  wide.writeBigUInt64LE(BigInt(offset), 48);
  wide.writeUInt32LE(0x07064b50, 56);
  wide.writeBigUInt64LE(BigInt(offset + size), 64);
  wide.writeUInt32LE(1, 72);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(count, 0xffff), 8);
  end.writeUInt16LE(Math.min(count, 0xffff), 10);
  end.writeUInt32LE(Math.min(size, MAX32), 12);
  end.writeUInt32LE(Math.min(offset, MAX32), 16);
  return offset >= MAX32 || count >= 0xffff ? Buffer.concat([wide, end]) : end;
}

/** Date and time of MS-DOS: date above, time below. */
function dosTime(at: Date): number {
  const local = new Date(at.getTime() + 9 * 3_600_000);
  const date = ((local.getUTCFullYear() - 1980) << 9) | ((local.getUTCMonth() + 1) << 5) | local.getUTCDate();
  const time = (local.getUTCHours() << 11) | (local.getUTCMinutes() << 5) | (local.getUTCSeconds() >> 1);
  return ((date << 16) | time) >>> 0;
}
