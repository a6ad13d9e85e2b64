// What a gateway says for devices that sign in there and not here: which credential is in use, and a device's request for a certificate.
import { z } from 'zod';
import type { Refusal } from '../../devices/index.ts';
import { deviceUsername } from '../../devices/index.ts';
import type { Certifier } from './certifier.ts';
import type { Holder } from './credentials.ts';
import type { Directory } from './directory.ts';

const Used = z.object({ used: z.string().regex(/^[0-9a-f]{64}$/) });

export interface BehindGateway {
  /** The device has signed in at its gateway: as a sign-in here, its first use ends the credential before. */
  used(facility: string, device: string, payload: Buffer, done: () => void): void;
  /** A request that the gateway passed on is answered when the hub has asked this device to renew: no gateway makes certificates at will. */
  request(holder: Holder & { kind: 'device' }, topic: string, request: Buffer, done: () => void): void;
}

export function openBehindGateway({
  directory,
  firstUse,
  certifier,
  refuse,
}: {
  directory: Directory;
  firstUse: (holder: Holder, credential: string) => Promise<void>;
  certifier: Certifier;
  refuse: (holder: Holder, topic: string, request: Buffer, refusal: Refusal) => void;
}): BehindGateway {
  return {
    used(facility, device, payload, done) {
      const used = readUsed(payload);
      if (used === null) return done();
      directory.credentialsOf(deviceUsername(facility, device)).then(
        held => {
          const found = held.find(each => (each.secretSha256 ?? each.fingerprint) === used && each.until > Date.now());
          if (found && !found.used) void firstUse({ kind: 'device', facility, device }, found.id);
          done();
        },
        // The gateway says it again when the device signs in the next time; the seven days hold meanwhile.
        () => done(),
      );
    },
    request(holder, topic, request, done) {
      Promise.resolve(directory.of(holder.facility)).then(
        ({ configs }) => {
          if (configs.get(holder.device)?.renew === true) return certifier.answer(holder, topic, request, done);
          refuse(holder, topic, request, notAsked);
          done();
        },
        () => done(),
      );
    },
  };
}

function readUsed(payload: Buffer): string | null {
  try {
    return Used.parse(JSON.parse(payload.toString('utf8'))).used;
  } catch {
    return null;
  }
}

const notAsked: Refusal = {
  reason: 'csr-refused',
  text: {
    ja: 'ゲートウェイの先の機器の証明書は、ハブが更新を頼んだときだけ新しくできます。施設の管理者に、機器の画面で更新を頼んでもらってください。',
    en: 'Behind a gateway a certificate is renewed only when the hub has asked for it. The facility’s manager can ask on the device’s page.',
  },
};
