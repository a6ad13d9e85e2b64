// Large files (uploads, recordings, what the hub made): on disk under their content's hash, sealed, each area in a folder of its own.
import { createHash, createHmac, hkdfSync, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { openSealed, seal } from './sealed.ts';

export interface StoredFile {
  /** SHA-256 of the content, hexadecimal. */
  hash: string;
  /** Bytes. */
  size: number;
  /** Media type, as `put` was told. */
  type: string;
}

export interface FileStore {
  /**
   * Keeps a content; the same content twice is one file. It is there, on disk, when this resolves.
   * @param limit bytes; more is refused while it comes. @throws FileTooLarge
   */
  put(content: Uint8Array | AsyncIterable<Uint8Array>, options: { type: string; limit?: number }): Promise<StoredFile>;
  /** What is kept under a hash; null when nothing is. */
  find(hash: string): Promise<StoredFile | null>;
  /**
   * The content, or the part of it from byte `start` to before byte `end`. The stream fails when a byte on disk was changed.
   * @throws Error when there is none
   */
  open(hash: string, part?: { start: number; end: number }): Promise<Readable>;
  /** Forgets a content; nothing happens when there is none. Who keeps one content for several reasons counts them itself. */
  remove(hash: string): Promise<void>;
  /** The bytes that all files take on disk. */
  size(): Promise<number>;
}

export class FileTooLarge extends Error {
  readonly limit: number;
  constructor(limit: number) {
    super(`the file is larger than ${limit} bytes`);
    this.name = 'FileTooLarge';
    this.limit = limit;
  }
}

export interface FileStoreOptions {
  /** The hub's folder; files are kept below its `files`. */
  dataDirectory: string;
  /** Name of the area that keeps them: what one area forgets, another still has. */
  area: string;
  /** 32 bytes (`secrets.files`); with another key nothing that was kept can be read. */
  key: Uint8Array;
}

const HASH = /^[0-9a-f]{64}$/;
/** A half-written file is older than any upload may take: the process that wrote it has died. */
const STALE_MS = 24 * 3_600_000;

/** Opens the files of an area, making the folder when it is not there. */
export async function openFiles({ dataDirectory, area, key }: FileStoreOptions): Promise<FileStore> {
  if (!/^[a-z][a-z-]*$/.test(area)) throw new Error(`"${area}" is no name for an area's files`);
  const root = path.join(dataDirectory, 'files', area);
  const drafts = path.join(root, 'draft');
  const derived = (purpose: string) => Buffer.from(hkdfSync('sha256', key, area, purpose, 32));
  const [sealKey, nameKey] = [derived('seal'), derived('name')];
  // The name on disk does not tell whoever looks at the folder that a certain known document is kept here.
  const fileOf = (hash: string) => {
    const name = createHmac('sha256', nameKey).update(hash).digest('hex');
    return path.join(root, name.slice(0, 2), name);
  };
  await mkdir(drafts, { recursive: true, mode: 0o700 });
  for (const name of await readdir(drafts)) {
    const draft = path.join(drafts, name);
    const written = await stat(draft).catch(() => undefined);
    if (written && Date.now() - written.mtimeMs > STALE_MS) await rm(draft, { force: true });
  }

  /** Calls `use` with what is kept under a hash; undefined when nothing is. The handle stays open when `use` says so. */
  async function opened(hash: string) {
    if (!HASH.test(hash)) return undefined;
    let file: Awaited<ReturnType<typeof open>>;
    try {
      file = await open(fileOf(hash), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return { file, sealed: await openSealed(file, sealKey) };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  return {
    async put(content, { type, limit = Number.POSITIVE_INFINITY }) {
      const draft = path.join(drafts, randomUUID());
      const sum = createHash('sha256');
      let size = 0;
      async function* counted() {
        for await (const piece of content instanceof Uint8Array ? [content] : content) {
          size += piece.byteLength;
          if (size > limit) throw new FileTooLarge(limit);
          sum.update(piece);
          yield piece;
        }
      }
      try {
        const file = await open(draft, 'wx', 0o600);
        try {
          for await (const piece of seal(counted(), sealKey, type)) await file.writeFile(piece);
          await file.sync();
        } finally {
          await file.close();
        }
        const hash = sum.digest('hex');
        const target = fileOf(hash);
        await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
        await rename(draft, target);
        return { hash, size, type };
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    },
    async find(hash) {
      const found = await opened(hash);
      if (!found) return null;
      await found.file.close();
      return { hash, size: found.sealed.size, type: found.sealed.type };
    },
    async open(hash, part) {
      const found = await opened(hash);
      if (!found) throw new Error('there is no such file');
      const { file, sealed } = found;
      async function* read() {
        try {
          yield* sealed.read(part?.start ?? 0, part?.end ?? sealed.size);
        } finally {
          await file.close();
        }
      }
      const stream = Readable.from(read(), { objectMode: false });
      // A stream that nobody reads to its end never enters the generator's `finally`.
      stream.once('close', () => void file.close().catch(() => undefined));
      return stream;
    },
    async remove(hash) {
      if (HASH.test(hash)) await rm(fileOf(hash), { force: true });
    },
    async size() {
      let bytes = 0;
      for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
        if (entry.isFile()) bytes += (await stat(path.join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size;
      }
      return bytes;
    },
  };
}
