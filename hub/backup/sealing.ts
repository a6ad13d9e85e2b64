// Encryption of backups with age (https://age-encryption.org/v1): for recipients whose keys are elsewhere, or with a passphrase.
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { ReadableStream as Stream } from 'node:stream/web';
import { createGunzip, createGzip } from 'node:zlib';
import type { Config } from '../config.ts';
import { BackupProblem } from './manifest.ts';

export type BackupKeys = Config['backup'];

const MAGIC = 'age-encryption.org/v1\n';

/** Whether there is something to encrypt a backup with. */
export const canSeal = ({ recipients, passphrase }: BackupKeys): boolean => recipients.length > 0 || passphrase !== undefined;

/**
 * Writes an archive, compressed and encrypted, to `file`: whole, or not at all.
 * @param keys null writes it unencrypted
 * @returns bytes written
 */
export async function writeSealed(archive: AsyncIterable<Uint8Array>, file: string, keys: BackupKeys | null): Promise<number> {
  const draft = `${file}.part`;
  try {
    const out = createWriteStream(draft, { mode: 0o600 });
    if (keys) await pipeline(archive, createGzip({ level: 4 }), source => encrypted(source, keys), out);
    else await pipeline(archive, createGzip({ level: 4 }), out);
    const written = await open(draft, 'r+');
    const { size } = await written.stat();
    await written.sync();
    await written.close();
    await rename(draft, file);
    return size;
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/**
 * Opens a backup and gives its archive to `read`, which reads it to its end.
 * @throws BackupProblem when the key is missing or wrong, or the file was cut or changed
 */
export async function readSealed(
  file: string,
  keys: BackupKeys,
  read: (archive: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const begin = Buffer.alloc(MAGIC.length);
  const handle = await open(file, 'r').catch(cause => {
    throw new BackupProblem(`${file} cannot be read: ${cause.message}`, { cause });
  });
  await handle.read(begin, 0, begin.length, 0);
  await handle.close();
  try {
    const source = createReadStream(file);
    if (begin.toString() === MAGIC) await pipeline(source, sealed => decrypted(sealed, keys), createGunzip(), read);
    else if (begin[0] === 0x1f && begin[1] === 0x8b) await pipeline(source, createGunzip(), read);
    else throw new BackupProblem(`${file} is no backup of a hub.`);
  } catch (cause) {
    if (cause instanceof BackupProblem) throw cause;
    throw new BackupProblem(`${file} cannot be used: it was cut off or changed (${(cause as Error).message}). Take another backup.`, {
      cause,
    });
  }
}

async function* encrypted(source: AsyncIterable<Uint8Array>, { recipients, passphrase }: BackupKeys) {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  try {
    for (const recipient of recipients) encrypter.addRecipient(recipient);
  } catch (cause) {
    throw new BackupProblem('HUB_BACKUP_RECIPIENT holds no recipient of age (age1…).', { cause });
  }
  if (!recipients.length && passphrase !== undefined) encrypter.setPassphrase(passphrase);
  yield* await encrypter.encrypt(Stream.from(source) as ReadableStream<Uint8Array>);
}

async function* decrypted(source: AsyncIterable<Uint8Array>, { identity, passphrase }: BackupKeys) {
  if (identity === undefined && passphrase === undefined) {
    throw new BackupProblem(
      'The backup is encrypted. Set HUB_BACKUP_IDENTITY (AGE-SECRET-KEY-1…) or HUB_BACKUP_PASSPHRASE, or one of them with _FILE and a file that holds it.',
    );
  }
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  let opened: AsyncIterable<Uint8Array>;
  try {
    if (identity !== undefined) decrypter.addIdentity(identity);
    if (passphrase !== undefined) decrypter.addPassphrase(passphrase);
    opened = await decrypter.decrypt(Stream.from(source) as ReadableStream<Uint8Array>);
  } catch (cause) {
    throw new BackupProblem(
      'The backup does not open: the key or passphrase is not the one it was made with, or its first lines were changed.',
      { cause },
    );
  }
  yield* opened;
}
