// The container of a backup: plain tar (POSIX ustar), so that a backup can also be opened with `age` and `tar` when there is no hub.
const BLOCK = 512;

export interface Entry {
  name: string;
  /** Bytes. */
  size: number;
  content: AsyncIterable<Uint8Array>;
}

/** The bytes of an archive with these entries. @throws Error when an entry's content is not as long as it says */
export async function* pack(entries: AsyncIterable<Entry>): AsyncGenerator<Buffer> {
  for await (const { name, size, content } of entries) {
    yield header(name, size);
    let bytes = 0;
    for await (const piece of content) {
      bytes += piece.byteLength;
      yield Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    }
    if (bytes !== size) throw new Error(`${name} changed while it was read`);
    yield Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** Calls `each` for the entries of an archive in their order; it reads the content to its end. @throws Error when it is cut off or damaged */
export async function unpack(archive: AsyncIterable<Uint8Array>, each: (entry: Entry) => Promise<void>): Promise<void> {
  const source = archive[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  async function more(): Promise<boolean> {
    const { value, done } = await source.next();
    if (done) return false;
    held = held.length ? Buffer.concat([held, value]) : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return true;
  }
  async function take(bytes: number): Promise<Buffer> {
    while (held.length < bytes) if (!(await more())) throw new Error('the backup is cut off');
    const taken = held.subarray(0, bytes);
    held = held.subarray(bytes);
    return taken;
  }
  for (;;) {
    const block = await take(BLOCK);
    if (block.every(byte => byte === 0)) break;
    const { name, size } = readHeader(block);
    let left = size;
    async function* content() {
      while (left > 0) {
        if (!held.length && !(await more())) throw new Error('the backup is cut off');
        const piece = held.subarray(0, left);
        held = held.subarray(piece.length);
        left -= piece.length;
        yield piece;
      }
    }
    await each({ name, size, content: content() });
    if (left > 0) throw new Error(`${name} was not read to its end`);
    await take((BLOCK - (size % BLOCK)) % BLOCK);
  }
  // To the very end: only there the encryption says that nothing is missing.
  while (await more()) held = Buffer.alloc(0);
}

function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const [prefix, short] = split(name);
  block.write(short, 0);
  block.write('0000600\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\x0000', 257);
  block.write(prefix, 345);
  block.write(`${sumOf(block).toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** Long names are cut at a slash: up to 155 bytes before it, up to 100 after it. */
function split(name: string): [prefix: string, short: string] {
  if (Buffer.byteLength(name) <= 100) return ['', name];
  for (let at = name.indexOf('/'); at > 0; at = name.indexOf('/', at + 1)) {
    const [prefix, short] = [name.slice(0, at), name.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(short) <= 100) return [prefix, short];
  }
  throw new Error(`the name ${name} is too long for a backup`);
}

function readHeader(block: Buffer): { name: string; size: number } {
  const text = (from: number, length: number) =>
    block
      .subarray(from, from + length)
      .toString()
      .split('\0')[0]!;
  const said = Number.parseInt(text(148, 8), 8);
  const blank = Buffer.from(block);
  blank.write('        ', 148);
  if (said !== sumOf(blank) || text(257, 5) !== 'ustar') throw new Error('the backup is damaged');
  const prefix = text(345, 155);
  return { name: prefix ? `${prefix}/${text(0, 100)}` : text(0, 100), size: Number.parseInt(text(124, 12), 8) };
}

const sumOf = (block: Buffer) => block.reduce((sum, byte) => sum + byte, 0);
