// Packs on disk (SQLite, WAL): a pack is acknowledged to its device after the commit that holds it, and goes when the hub has it.
import { DatabaseSync, type StatementSync } from 'node:sqlite';

export interface StoredPack {
  /** Grows in order of arrival and is never used again. */
  id: number;
  topic: string;
  payload: Uint8Array;
}

interface Waiting {
  topic: string;
  payload: Uint8Array;
  committed: (pack: StoredPack) => void;
  failed: (error: Error) => void;
}

export interface QueueOptions {
  /** Packs on disk at most. Those above wait, unacknowledged. */
  maxPacks: number;
  /** Milliseconds that arrivals are gathered for one commit: one flush of the disk for many packs. Default 10. */
  gatherMilliseconds?: number;
}

/** Packs of one commit at most. */
const COMMIT_PACKS = 1000;

export class PackQueue {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  readonly #select: StatementSync;
  readonly #options: Required<QueueOptions>;
  #waiting: Waiting[] = [];
  #settled: { id: number; removed: () => void }[] = [];
  #length: number;
  #lastId: number;
  #timer: NodeJS.Timeout | null = null;

  /** @param file The database's file; made when it is not there. */
  constructor(file: string, options: QueueOptions) {
    this.#options = { gatherMilliseconds: 10, ...options };
    this.#database = new DatabaseSync(file);
    // FULL: in WAL mode only this makes a commit survive a power cut (sqlite.org/pragma.html#pragma_synchronous).
    this.#database.exec(`pragma journal_mode = wal; pragma synchronous = full;
      create table if not exists pack (id integer primary key autoincrement, topic text not null, payload blob not null)`);
    this.#insert = this.#database.prepare('insert into pack (topic, payload) values (?, ?)');
    this.#remove = this.#database.prepare('delete from pack where id = ?');
    this.#select = this.#database.prepare('select id, topic, payload from pack where id > ? and id <= ? order by id limit ?');
    this.#length = Number(this.#database.prepare('select count(*) as n from pack').get()?.n ?? 0);
    this.#lastId = Number(this.#database.prepare("select seq from sqlite_sequence where name = 'pack'").get()?.seq ?? 0);
  }

  /** Packs on disk that the hub does not have yet. */
  get length() {
    return this.#length - this.#settled.length;
  }
  /** Packs that came and are not on disk yet; devices wait for their acknowledgement. */
  get held() {
    return this.#waiting.length;
  }
  get full() {
    return this.#length >= this.#options.maxPacks;
  }
  /** Id of the newest pack on disk. */
  get lastId() {
    return this.#lastId;
  }

  /** Resolves when the pack is on disk. While the queue is full it waits. Rejects when the disk takes nothing. */
  append(topic: string, payload: Uint8Array): Promise<StoredPack> {
    return new Promise((committed, failed) => {
      this.#waiting.push({ topic, payload, committed, failed });
      this.#soon();
    });
  }

  /** The hub has this pack: it goes with the next commit, after which `removed` is called. */
  settle(id: number, removed: () => void): void {
    this.#settled.push({ id, removed });
    this.#soon();
  }

  /** Packs with `after < id ≤ until`, oldest first. */
  read(after: number, until: number, limit: number): StoredPack[] {
    return this.#select.all(after, until, limit) as unknown as StoredPack[];
  }

  /** Commits what is under way and closes. What still waits for room is rejected: its device keeps it. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#commit();
    for (const { failed } of this.#waiting.splice(0)) failed(new Error('the gateway is closing'));
    this.#database.close();
  }

  #soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#commit();
    }, this.#options.gatherMilliseconds);
  }

  #commit() {
    const settled = this.#settled;
    const room = this.#options.maxPacks - (this.#length - settled.length);
    const taken = this.#waiting.slice(0, Math.max(0, Math.min(room, COMMIT_PACKS)));
    if (!taken.length && !settled.length) return;
    const stored: StoredPack[] = [];
    try {
      this.#database.exec('begin immediate');
      for (const { id } of settled) this.#remove.run(id);
      for (const { topic, payload } of taken) stored.push({ id: Number(this.#insert.run(topic, payload).lastInsertRowid), topic, payload });
      this.#database.exec('commit');
    } catch (error) {
      try {
        this.#database.exec('rollback');
      } catch {
        // Nothing was begun.
      }
      // The devices keep what was not acknowledged. Deletions are tried again with the next commit.
      this.#waiting.splice(0, taken.length);
      for (const { failed } of taken) failed(error as Error);
      return;
    }
    this.#settled = [];
    this.#waiting.splice(0, taken.length);
    this.#length += stored.length - settled.length;
    this.#lastId = stored.at(-1)?.id ?? this.#lastId;
    for (const { removed } of settled) removed();
    for (const [index, pack] of stored.entries()) taken[index]!.committed(pack);
    if (this.#waiting.length && !this.full) this.#soon();
  }
}
