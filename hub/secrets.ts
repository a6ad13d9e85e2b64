// The hub's own secrets: made at the first start, kept in one file below HUB_DATA, or derived from HUB_SECRET on every node alike.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Config } from './config.ts';

export interface Secrets {
  /** Signs session cookies. */
  session: string;
  /** Password of the hub's own roles at the MQTT broker. */
  mqttInternal: string;
  /** Seed of the key that signs conformance reports. */
  bench: string;
  /** Seed of the hub's own key for signing documents (32 bytes). */
  documents: Buffer;
  /** Seals uploaded, recorded and generated files (32 bytes). */
  files: Buffer;
}

/** Reads the secrets; all nodes of one hub must have the same HUB_SECRET, one machine alone makes its own. */
export function readSecrets(config: Pick<Config, 'dataDirectory' | 'secret' | 'fileKey'>): Secrets {
  const root = config.secret ?? fileSecret(path.join(config.dataDirectory, 'secret'));
  const derived = (purpose: string) => createHmac('sha256', root).update(purpose).digest('base64url');
  return {
    session: derived('session'),
    mqttInternal: derived('mqtt-internal'),
    bench: derived('bench'),
    documents: Buffer.from(derived('documents'), 'base64url'),
    files: config.fileKey ? createHash('sha256').update(config.fileKey).digest() : Buffer.from(derived('files'), 'base64url'),
  };
}

function fileSecret(file: string): string {
  try {
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8').trim();
}
