// Unpacks a FHIR package (.tgz) once into a folder of the usual cache form, so that single definitions can be read from it.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const BLOCK = 512;

/**
 * Unpacks `archive` below `cache`, in a folder named after its content, and returns that folder. A second call finds it there.
 * Only JSON files of the package itself are taken; names that lead elsewhere are passed over.
 */
export function unpackedPackage(archive: string, cache: string): string {
  const packed = readFileSync(archive);
  const target = path.join(cache, `${path.basename(archive, '.tgz')}-${createHash('sha256').update(packed).digest('hex').slice(0, 12)}`);
  if (existsSync(target)) return target;
  mkdirSync(cache, { recursive: true });
  const unfinished = mkdtempSync(`${target}.`);
  mkdirSync(path.join(unfinished, 'package'));
  for (const { name, content } of filesIn(gunzipSync(packed))) {
    if (/^(\.\/)?package\/[^/]+\.json$/.test(name)) writeFileSync(path.join(unfinished, 'package', path.basename(name)), content);
  }
  try {
    renameSync(unfinished, target);
  } catch (error) {
    // Another process was faster: its folder holds the same.
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** Files of a tar archive (POSIX ustar): blocks of 512 bytes, a header with name and size, then the content. */
function* filesIn(bytes: Buffer): Generator<{ name: string; content: Buffer }> {
  for (let at = 0; at + BLOCK <= bytes.length; ) {
    const text = (from: number, length: number) => bytes.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '');
    const prefix = text(257, 5) === 'ustar' ? text(345, 155) : '';
    const name = prefix ? `${prefix}/${text(0, 100)}` : text(0, 100);
    if (!name) return;
    const size = Number.parseInt(text(124, 12), 8) || 0;
    const kind = text(156, 1);
    if (kind === '' || kind === '0') yield { name, content: bytes.subarray(at + BLOCK, at + BLOCK + size) };
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}
