// Marks of the last packs of each device that came to disk, kept with them: a pack that is sent again after a lost PUBACK is known, also
// after a restart of the gateway.
import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Marks a device: more than it may have under way without an acknowledgement. */
const MARKS = 256;

interface DeviceMarks {
  /** Hex mark to the time it came, ms since 1970. */
  times: Map<string, number>;
  /** Hex marks by slot; the next one goes to `next`. */
  slots: (string | undefined)[];
  next: number;
}

export class KeptMarks {
  readonly #devices = new Map<string, DeviceMarks>();
  readonly #put: StatementSync;

  constructor(database: DatabaseSync) {
    database.exec(`create table if not exists kept (device text not null, slot integer not null, mark blob not null, at integer not null,
      primary key (device, slot)) without rowid`);
    this.#put = database.prepare(
      'insert into kept (device, slot, mark, at) values (?, ?, ?, ?) on conflict do update set mark = excluded.mark, at = excluded.at',
    );
    // The newest one's slot is where the ring goes on.
    for (const { device, slot, mark, at } of database.prepare('select device, slot, mark, at from kept order by at, slot').all())
      this.#remember(String(device), Number(slot), Buffer.from(mark as Uint8Array).toString('hex'), Number(at));
  }

  at(device: string, mark: Buffer): number | undefined {
    return this.#devices.get(device)?.times.get(mark.toString('hex'));
  }

  /** Within the transaction that holds the pack. */
  keep(device: string, mark: Buffer, at: number): void {
    const slot = this.#devices.get(device)?.next ?? 0;
    this.#put.run(device, slot, mark, at);
    this.#remember(device, slot, mark.toString('hex'), at);
  }

  /** The transaction came to nothing. */
  forget(packs: readonly { device: string; mark: Buffer }[]): void {
    for (const { device, mark } of packs) this.#devices.get(device)?.times.delete(mark.toString('hex'));
  }

  #remember(device: string, slot: number, mark: string, at: number) {
    const known = this.#devices.get(device) ?? { times: new Map(), slots: [], next: 0 };
    this.#devices.set(device, known);
    const old = known.slots[slot];
    if (old !== undefined && old !== mark) known.times.delete(old);
    known.slots[slot] = mark;
    known.times.set(mark, at);
    known.next = (slot + 1) % MARKS;
  }
}
