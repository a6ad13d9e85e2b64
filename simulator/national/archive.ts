// What the platform has taken, one JSON file a document, named by a key made from its identifier.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface Taken {
  key: string;
  identifier: string;
  receivedAt: string;
  /** SHA-256 of the bundle without what a server may change on its way (meta), hex. */
  digest: string;
  bundle: Record<string, unknown>;
}

export class Archive {
  readonly #folder: string;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
  }

  /**
   * Keeps a bundle under its identifier. The same document again changes nothing.
   * @returns `new`, `same` when it was there already, `different` when another document has this identifier (it stays as it is).
   */
  take(identifier: string, bundle: Record<string, unknown>, now: Date): { outcome: 'new' | 'same' | 'different'; taken: Taken } {
    const key = createHash('sha256').update(identifier).digest('hex').slice(0, 32);
    const { meta: _, ...document } = bundle;
    const digest = createHash('sha256').update(canonical(document)).digest('hex');
    const there = this.get(key);
    if (there) return { outcome: there.digest === digest ? 'same' : 'different', taken: there };
    const taken: Taken = { key, identifier, receivedAt: now.toISOString(), digest, bundle };
    // Renamed into place: a crash in between leaves no half document.
    writeFileSync(this.#file(`${key}.part`), JSON.stringify(taken), { mode: 0o600 });
    renameSync(this.#file(`${key}.part`), this.#file(`${key}.json`));
    return { outcome: 'new', taken };
  }

  get(key: string): Taken | undefined {
    if (!/^[0-9a-f]{32}$/.test(key) || !existsSync(this.#file(`${key}.json`))) return undefined;
    return JSON.parse(readFileSync(this.#file(`${key}.json`), 'utf8')) as Taken;
  }

  /** All documents, newest first. */
  all(): Taken[] {
    return readdirSync(this.#folder)
      .filter(name => name.endsWith('.json'))
      .map(name => this.get(name.replace(/\.json$/, '')))
      .filter(taken => taken !== undefined)
      .sort((a, b) => b.receivedAt.localeCompare(a.receivedAt));
  }

  #file(name: string): string {
    return path.join(this.#folder, name);
  }
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
