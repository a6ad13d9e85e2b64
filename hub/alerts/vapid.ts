// The hub's key as an application server of Web Push (VAPID, RFC 8292): given, derived from HUB_SECRET, or made once below HUB_DATA.
import { createECDH, createHmac, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Config } from '../config.ts';

export interface VapidKeys {
  /** Uncompressed point of P-256, base64url: what browsers subscribe with. */
  publicKey: string;
  privateKey: string;
  /** `https:` or `mailto:` address where a push service reaches who runs the hub. */
  subject: string;
}

/** All nodes of one hub get the same keys: with others, every subscription would be lost. */
export function vapidKeys(config: Pick<Config, 'dataDirectory' | 'secret' | 'push' | 'http'>): VapidKeys {
  const scalar = config.push.privateKey ?? (config.secret ? derived(config.secret) : fileKey(path.join(config.dataDirectory, 'vapid')));
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(Buffer.from(scalar, 'base64url'));
  const subject =
    config.push.subject ?? (config.http.publicUrl.startsWith('https:') ? config.http.publicUrl : 'mailto:hub@localhost.localdomain');
  return { publicKey: curve.getPublicKey('base64url', 'uncompressed'), privateKey: scalar, subject };
}

/** A scalar is out of range once in 2^32 at most: then the next number is taken. */
function derived(secret: string): string {
  for (let number = 0; ; number++) {
    const scalar = createHmac('sha256', secret).update(`web-push ${number}`).digest();
    try {
      createECDH('prime256v1').setPrivateKey(scalar);
      return scalar.toString('base64url');
    } catch {
      // Not a key of the curve.
    }
  }
}

function fileKey(file: string): string {
  try {
    writeFileSync(file, `${derived(randomBytes(32).toString('hex'))}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8').trim();
}
