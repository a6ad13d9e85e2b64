// A simulated browser's end of Web Push: its keys, and the reading of what was encrypted for it (RFC 8291, aes128gcm of RFC 8188).
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto';

export interface Device {
  /** As PushSubscription.toJSON().keys */
  keys: { p256dh: string; auth: string };
  /** @throws Error when the message was not encrypted for this device. */
  read(body: Buffer): string;
}

export function makeDevice(): Device {
  const curve = createECDH('prime256v1');
  curve.generateKeys();
  const auth = randomBytes(16);
  const own = curve.getPublicKey();
  return {
    keys: { p256dh: own.toString('base64url'), auth: auth.toString('base64url') },
    read(body) {
      // RFC 8188 section 2.1: salt (16), record size (4), length of key id (1), key id; here one record.
      const salt = body.subarray(0, 16);
      const sender = body.subarray(21, 21 + body.readUInt8(20));
      const sealed = body.subarray(21 + sender.length);
      const info = Buffer.concat([Buffer.from('WebPush: info\0'), own, sender]);
      const secret = Buffer.from(hkdfSync('sha256', curve.computeSecret(sender), auth, info, 32));
      const derive = (label: string, length: number) =>
        Buffer.from(hkdfSync('sha256', secret, salt, Buffer.from(`Content-Encoding: ${label}\0`), length));
      const cipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12));
      cipher.setAuthTag(sealed.subarray(-16));
      const clear = Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
      // RFC 8188 section 2: the last record ends with 2 and zeros.
      return clear.subarray(0, clear.lastIndexOf(2)).toString('utf8');
    },
  };
}
