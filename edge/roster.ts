// Who may sign in at the gateway: the hub's list of the facility's devices, kept on disk so that it holds without the hub.
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { isId } from '../devices/index.ts';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Limit = z.object({ below: z.number().optional(), above: z.number().optional(), off: z.boolean().optional() });
const Entry = z.object({
  device: z.string().refine(isId),
  profile: z.string().min(1).max(64),
  /** Missing for a device that signs in by certificate only. */
  secretSha256: Sha256.optional(),
  /** Of the secret before, while it is being changed. */
  formerSecretSha256: Sha256.optional(),
  /** Of its certificates (DER) in force. */
  certificates: z.array(Sha256).max(16).optional(),
  /** Where the device is, in the facility's words. Never a person's name. */
  place: z.string().max(80).optional(),
  /** The resident's own alarm limits, by rule id. */
  limits: z.record(z.string(), Limit).optional(),
});
const List = z.array(Entry);
export type RosterDevice = z.infer<typeof Entry>;

/** What a device signed in with: hex SHA-256 of a secret, or of a certificate (DER). A certificate is no secret, so the two are kept apart. */
export interface SignedInWith {
  kind: 'secret' | 'certificate';
  sha256: string;
}
export const secretOf = (secret: Uint8Array): SignedInWith => ({
  kind: 'secret',
  sha256: createHash('sha256').update(secret).digest('hex'),
});

export class Roster {
  readonly #file: string;
  #devices: Map<string, RosterDevice> | null;

  constructor(file: string) {
    this.#file = file;
    this.#devices = read(file);
  }

  /** False until the hub's list came once: then nobody can be judged yet. */
  get known() {
    return this.#devices !== null;
  }
  get devices(): RosterDevice[] {
    return [...(this.#devices?.values() ?? [])];
  }
  get(device: string): RosterDevice | undefined {
    return this.#devices?.get(device);
  }

  /** Takes the hub's list and keeps it on disk. @throws Error when it is not such a list; the old one stays. */
  replace(payload: Uint8Array): void {
    const list = List.parse(JSON.parse(Buffer.from(payload).toString('utf8')));
    const draft = `${this.#file}.new`;
    writeFileSync(draft, JSON.stringify(list), { mode: 0o600, flush: true });
    renameSync(draft, this.#file);
    this.#devices = index(list);
  }

  /** Whether this lets the device in. */
  holds(device: string, { kind, sha256 }: SignedInWith): boolean {
    const known = this.#devices?.get(device);
    const given = Buffer.from(sha256, 'hex');
    const good = kind === 'certificate' ? (known?.certificates ?? []) : [known?.secretSha256, known?.formerSecretSha256];
    return good.some(each => each !== undefined && timingSafeEqual(Buffer.from(each, 'hex'), given));
  }
}

const index = (list: RosterDevice[]) => new Map(list.map(entry => [entry.device, entry]));

function read(file: string): Map<string, RosterDevice> | null {
  try {
    return index(List.parse(JSON.parse(readFileSync(file, 'utf8'))));
  } catch {
    // Not there yet, or cut short by a full disk: the hub sends it again.
    return null;
  }
}
