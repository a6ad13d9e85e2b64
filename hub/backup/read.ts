// Reads a backup to its end: into a folder, or only to see that all of it is there and unchanged.
import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { BackupProblem, MANIFEST, Manifest, type Part } from './manifest.ts';
import { type BackupKeys, readSealed } from './sealing.ts';
import { unpack } from './tar.ts';

const PIECE = /^(postgres\/[a-zA-Z_][\w$]*)\/\d{6}$/;
/** A backup could have been made by anybody who knows the recipient: no name of it leads out of the folder. */
const SOUND = /^(postgres|influx|hub)(\/(?!\.\.?(\/|$))[^/\0\\]+)+$/;

interface Seen {
  sum: Hash;
  size: number;
}

/**
 * Checks every byte of a backup against its manifest; with `into`, the parts are written there under their names.
 * @throws BackupProblem when the key is wrong, or anything is missing, cut or changed
 */
export async function readBackup(file: string, keys: BackupKeys, into?: string): Promise<Manifest> {
  const seen = new Map<string, Seen>();
  let manifest: Manifest | undefined;
  await readSealed(file, keys, archive =>
    unpack(archive, async ({ name, content }) => {
      if (manifest) throw new BackupProblem(`${file} goes on after its end: it was changed.`);
      if (name === MANIFEST) {
        const pieces: Uint8Array[] = [];
        for await (const piece of content) pieces.push(Buffer.from(piece));
        const read = Manifest.safeParse(JSON.parse(Buffer.concat(pieces).toString()));
        if (!read.success)
          throw new BackupProblem(`${file} is of another kind than this program reads. Use the hub’s version that made it.`);
        manifest = read.data;
        return;
      }
      if (!SOUND.test(name)) throw new BackupProblem(`${file} holds a name that leads elsewhere: it was not made by a hub.`);
      const part = PIECE.exec(name)?.[1] ?? name;
      const known = seen.get(part) ?? { sum: createHash('sha256'), size: 0 };
      seen.set(part, known);
      async function* counted() {
        for await (const piece of content) {
          known.sum.update(piece);
          known.size += piece.byteLength;
          yield piece;
        }
      }
      if (into) {
        const target = path.join(into, part);
        await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
        await pipeline(counted(), createWriteStream(target, { flags: 'a', mode: 0o600 }));
      } else for await (const _ of counted());
    }),
  );
  if (!manifest) throw new BackupProblem(`${file} has no end: it was cut off. Take another backup.`);
  for (const part of [...manifest.tables, ...manifest.samples, ...manifest.files]) {
    check(file, part, seen.get(part.name));
    seen.delete(part.name);
    if (into && part.size === 0) {
      await mkdir(path.dirname(path.join(into, part.name)), { recursive: true, mode: 0o700 });
      await pipeline([], createWriteStream(path.join(into, part.name), { flags: 'a', mode: 0o600 }));
    }
  }
  if (seen.size) throw new BackupProblem(`${file} holds more than its manifest says: it was changed.`);
  return manifest;
}

function check(file: string, part: Part, seen: Seen | undefined) {
  const same = part.size === 0 ? !seen?.size : seen?.size === part.size && seen.sum.digest('hex') === part.sha256;
  if (!same) throw new BackupProblem(`${part.name} in ${file} is missing or was changed. Take another backup.`);
}
