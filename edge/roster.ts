// Who may sign in at the gateway: the hub's list of the facility's devices, kept on disk so that it holds without the hub.
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { isId } from '../devices/index.ts';

const List = z.array(
  z.object({ device: z.string().refine(isId), profile: z.string().min(1).max(64), secretSha256: z.string().regex(/^[0-9a-f]{64}$/) }),
);
export type RosterDevice = z.infer<typeof List>[number];

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

  /** Takes the hub's list and keeps it on disk. @throws Error when it is not such a list; the old one stays. */
  replace(payload: Uint8Array): void {
    const list = List.parse(JSON.parse(Buffer.from(payload).toString('utf8')));
    const draft = `${this.#file}.new`;
    writeFileSync(draft, JSON.stringify(list), { mode: 0o600, flush: true });
    renameSync(draft, this.#file);
    this.#devices = index(list);
  }

  has(device: string, secret: Uint8Array): boolean {
    return this.holds(device, createHash('sha256').update(secret).digest('hex'));
  }

  /** Whether the device's secret is still the one with this hex SHA-256. */
  holds(device: string, secretSha256: string): boolean {
    const known = this.#devices?.get(device);
    return known !== undefined && timingSafeEqual(Buffer.from(known.secretSha256, 'hex'), Buffer.from(secretSha256, 'hex'));
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
