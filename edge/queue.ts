// Packs on disk (SQLite, WAL): a pack is acknowledged to its device after the commit that holds it, and goes when the hub has it.
import { statfsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { KeptMarks } from './kept-marks.ts';

export interface StoredPack {
  /** Grows in order of arrival and is never used again. */
  id: number;
  topic: string;
  payload: Uint8Array;
}

/** A pack to keep. */
export interface PackToKeep {
  topic: string;
  payload: Uint8Array;
  device: string;
  /** Of the pack as it came: the same one again has the same mark. */
  mark: Buffer;
  /** ms since 1970. */
  at: number;
  /** It raised an alarm: after a lost connection it goes before the backlog. */
  urgent: boolean;
  /** Who waits for it, to be named in `withdraw`. */
  owner: object;
}
interface Waiting extends PackToKeep {
  committed: (pack: StoredPack) => void;
  failed: (error: Error) => void;
}

export interface QueueOptions {
  /** Packs on disk at most. Those above wait, unacknowledged. */
  maxPacks: number;
  /** Bytes that stay free on the disk for the rest of the machine. Default 0. */
  keepFreeBytes?: number;
  /** Bytes free on the disk. Default: asks the file system. */
  freeBytes?: () => number;
  /** Milliseconds that arrivals are gathered for one commit: one flush of the disk for many packs. Default 10. */
  gatherMilliseconds?: number;
}

/** Packs of one commit at most. */
const COMMIT_PACKS = 1000;
/** The disk is asked so often how much is free, and a disk that took nothing is tried again, ms. */
const LOOK_AGAIN = 1000;

export class PackQueue {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  readonly #select: StatementSync;
  readonly #options: Required<QueueOptions>;
  readonly #marks: KeptMarks;
  #waiting: Waiting[] = [];
  #settled: { id: number; removed: () => void }[] = [];
  #length: number;
  #lastId: number;
  #timer: NodeJS.Timeout | null = null;
  #diskFull = false;
  #looked = 0;
  #fault: string | null = null;

  /** @param file The database's file; made when it is not there. */
  constructor(file: string, options: QueueOptions) {
    const folder = path.dirname(file);
    const freeBytes = () => {
      const { bavail, bsize } = statfsSync(folder);
      return bavail * bsize;
    };
    this.#options = { gatherMilliseconds: 10, keepFreeBytes: 0, freeBytes, ...options };
    this.#database = new DatabaseSync(file);
    // FULL: in WAL mode only this makes a commit survive a power cut (sqlite.org/pragma.html#pragma_synchronous).
    this.#database.exec(`pragma journal_mode = wal; pragma synchronous = full;
      create table if not exists pack (id integer primary key autoincrement, topic text not null, payload blob not null,
        at integer not null default 0, urgent integer not null default 0);
      create table if not exists correction (device text primary key, milliseconds integer not null) without rowid`);
    const columns = this.#database.prepare('pragma table_info(pack)').all();
    for (const name of ['at', 'urgent'])
      if (!columns.some(column => column.name === name))
        this.#database.exec(`alter table pack add column ${name} integer not null default 0`);
    this.#database.exec('create index if not exists pack_urgent on pack (id) where urgent = 1');
    this.#marks = new KeptMarks(this.#database);
    this.#insert = this.#database.prepare('insert into pack (topic, payload, at, urgent) values (?, ?, ?, ?)');
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
  /** Why nothing more is taken: so many packs as may be, no room on the disk, or a disk that takes nothing. Null while there is room. */
  get full(): 'packs' | 'disk' | 'fault' | null {
    if (this.#fault) return 'fault';
    if (this.#length >= this.#options.maxPacks) return 'packs';
    return this.#diskFull ? 'disk' : null;
  }
  /** Of the oldest pack on disk, ms since 1970; null when there is none. */
  get oldest(): number | null {
    const row = this.#database.prepare('select at from pack order by id limit 1').get();
    return Number(row?.at ?? 0) || null;
  }
  /** How SQLite keeps its promise: `wal` and 2 (full), or a commit would not survive a power cut. */
  get durability(): { journal: string; synchronous: number } {
    return {
      journal: String(this.#database.prepare('pragma journal_mode').get()?.journal_mode),
      synchronous: Number(this.#database.prepare('pragma synchronous').get()?.synchronous),
    };
  }
  /** Id of the newest pack on disk. */
  get lastId() {
    return this.#lastId;
  }

  /** Resolves when the pack is on disk. While there is no room it waits. Rejects when it is withdrawn. */
  append(pack: PackToKeep): Promise<StoredPack> {
    return new Promise((committed, failed) => {
      this.#waiting.push({ ...pack, committed, failed });
      this.#soon();
    });
  }

  /** What waits for this owner is not kept: its connection is gone, and its device sends it again. */
  withdraw(owner: object): void {
    const gone = this.#waiting.filter(waiting => waiting.owner === owner);
    if (!gone.length) return;
    this.#waiting = this.#waiting.filter(waiting => waiting.owner !== owner);
    for (const { failed } of gone) failed(new Error('the connection has ended'));
  }

  /** When a pack with this mark came to disk, ms since 1970; among the last ones of its device, also those the hub has. */
  keptAt(device: string, mark: Buffer): number | undefined {
    return this.#marks.at(device, mark);
  }

  /** The correction of a device's clock, ms: the same over a restart. */
  keepCorrection(device: string, milliseconds: number): void {
    const sql =
      'insert into correction (device, milliseconds) values (?, ?) on conflict (device) do update set milliseconds = excluded.milliseconds';
    try {
      this.#database.prepare(sql).run(device, milliseconds);
    } catch (error) {
      this.#fault = (error as Error).message;
    }
  }
  corrections(): { device: string; correction: number }[] {
    const rows = this.#database.prepare('select device, milliseconds from correction').all();
    return rows.map(({ device, milliseconds }) => ({ device: String(device), correction: Number(milliseconds) }));
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

  /** Packs that raised an alarm and are still here, the newest ones, oldest first. */
  urgent(limit: number): StoredPack[] {
    const newest = this.#database.prepare('select id, topic, payload from pack where urgent = 1 order by id desc limit ?').all(limit);
    return (newest as unknown as StoredPack[]).reverse();
  }

  /** Commits what is under way and closes. What still waits for room is rejected: its device keeps it. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#commit();
    for (const { failed } of this.#waiting.splice(0)) failed(new Error('the gateway is closing'));
    this.#database.close();
  }

  #soon(milliseconds = this.#options.gatherMilliseconds) {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#commit();
    }, milliseconds);
  }

  /** Room for packs. Pages of the file that became free count as free. */
  #room(settled: number): number {
    const { maxPacks, keepFreeBytes, freeBytes } = this.#options;
    if (keepFreeBytes > 0 && Date.now() - this.#looked >= LOOK_AGAIN) {
      this.#looked = Date.now();
      const pages = Number(this.#database.prepare('pragma freelist_count').get()?.freelist_count ?? 0);
      const size = Number(this.#database.prepare('pragma page_size').get()?.page_size ?? 0);
      this.#diskFull = freeBytes() + pages * size < keepFreeBytes;
    }
    return this.#diskFull ? 0 : Math.max(0, maxPacks - (this.#length - settled));
  }

  #commit() {
    const settled = this.#settled;
    const taken = this.#waiting.slice(0, Math.min(this.#room(settled.length), COMMIT_PACKS));
    if (!taken.length && !settled.length) {
      if (this.#waiting.length && this.full !== 'packs') this.#soon(LOOK_AGAIN);
      return;
    }
    const stored: StoredPack[] = [];
    try {
      this.#database.exec('begin immediate');
      for (const { id } of settled) this.#remove.run(id);
      for (const { topic, payload, device, mark, at, urgent } of taken) {
        stored.push({ id: Number(this.#insert.run(topic, payload, at, Number(urgent)).lastInsertRowid), topic, payload });
        this.#marks.keep(device, mark, at);
      }
      this.#database.exec('commit');
      this.#fault = null;
    } catch (error) {
      try {
        this.#database.exec('rollback');
      } catch {
        // Nothing was begun.
      }
      // Nothing is acknowledged: the devices wait, and it is tried again.
      this.#marks.forget(taken);
      this.#fault = (error as Error).message;
      this.#soon(LOOK_AGAIN);
      return;
    }
    this.#settled = [];
    this.#waiting.splice(0, taken.length);
    this.#length += stored.length - settled.length;
    this.#lastId = stored.at(-1)?.id ?? this.#lastId;
    for (const { removed } of settled) removed();
    for (const [index, pack] of stored.entries()) taken[index]!.committed(pack);
    if (this.#waiting.length && this.full !== 'packs') this.#soon(this.full ? LOOK_AGAIN : undefined);
  }
}
