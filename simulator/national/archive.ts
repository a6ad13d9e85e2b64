// What the platform holds, one JSON file a bundle, named by a key made from whose it is and its identifier; what was taken back stays as a trace.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

type Json = Record<string, unknown>;

export interface Taken {
  key: string;
  /** Insured person's number of the patient. */
  member: string;
  identifier: string;
  receivedAt: string;
  /** ISO time at which it was taken back; null while it is there. */
  deletedAt: string | null;
  /** SHA-256 of the bundle without what a server may change on its way (meta), hex. */
  digest: string;
  bundle: Json;
}

export const MEMBER = 'http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID';

export class Archive {
  readonly #folder: string;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
  }

  /**
   * Keeps a bundle under its key (member, identifier). The same again changes nothing.
   * @returns `new`, `same` when it was there already, `different` when another document has this key (it stays as it is).
   */
  take(member: string, identifier: string, bundle: Json, now: Date): { outcome: 'new' | 'same' | 'different'; taken: Taken } {
    const key = keyOf(member, identifier);
    const { meta: _, ...document } = bundle;
    const digest = createHash('sha256').update(canonical(document)).digest('hex');
    const there = this.get(key);
    if (there && !there.deletedAt) return { outcome: there.digest === digest ? 'same' : 'different', taken: there };
    const taken: Taken = { key, member, identifier, receivedAt: now.toISOString(), deletedAt: null, digest, bundle };
    this.#write(taken);
    return { outcome: 'new', taken };
  }

  /** Takes a bundle back, or puts what was taken back there again (取消 UNDO). */
  mark(taken: Taken, deletedAt: Date | null): Taken {
    const marked = { ...taken, deletedAt: deletedAt?.toISOString() ?? null };
    this.#write(marked);
    return marked;
  }

  get(key: string): Taken | undefined {
    if (!/^[0-9a-f]{32}$/.test(key) || !existsSync(this.#file(`${key}.json`))) return undefined;
    return JSON.parse(readFileSync(this.#file(`${key}.json`), 'utf8')) as Taken;
  }

  /** All bundles that are there, newest first; `every`: with those taken back. */
  all(every = false): Taken[] {
    return readdirSync(this.#folder)
      .filter(name => name.endsWith('.json'))
      .map(name => this.get(name.replace(/\.json$/, '')))
      .filter(taken => taken !== undefined && (every || !taken.deletedAt))
      .sort((a, b) => b!.receivedAt.localeCompare(a!.receivedAt)) as Taken[];
  }

  // Renamed into place: a crash in between leaves no half document.
  #write(taken: Taken): void {
    writeFileSync(this.#file(`${taken.key}.part`), JSON.stringify(taken), { mode: 0o600 });
    renameSync(this.#file(`${taken.key}.part`), this.#file(`${taken.key}.json`));
  }

  #file(name: string): string {
    return path.join(this.#folder, name);
  }
}

export const keyOf = (member: string, identifier: string): string =>
  createHash('sha256').update(`${member}\n${identifier}`).digest('hex').slice(0, 32);

/** The insured person's number of a bundle's patient; empty without one. */
export function memberOf(bundle: Json): string {
  const entries = Array.isArray(bundle.entry) ? (bundle.entry as Json[]) : [];
  const patient = entries.map(entry => entry.resource as Json | undefined).find(resource => resource?.resourceType === 'Patient');
  const identifiers = Array.isArray(patient?.identifier) ? (patient.identifier as Json[]) : [];
  return String(identifiers.find(({ system }) => system === MEMBER)?.value ?? '');
}

/** JSON with sorted keys: the same document gives the same text however its properties are ordered. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
