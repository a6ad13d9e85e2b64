// What emergency reading leaves when the audit trail cannot be written: a durable file, taken over into the chain afterwards.
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { type AuditEntry, type AuditRow, auditRow, writeAudit, writeAuditRows } from '../audit/audit.ts';
import type { Connection } from '../tables.ts';

const FILE = 'emergency.ndjson';
const TAKEN = 'emergency-taken-';

export interface Journal {
  /** Writes entries into the trail or, when it is away, into the journal. @throws Error when neither holds */
  write(entries: AuditEntry[]): Promise<'trail' | 'journal'>;
  /** Takes what waits in the journal over into the trail; returns how many entries. Each is taken over once, whenever it is interrupted. */
  replay(): Promise<number>;
}

/** `directory` is below the hub's data folder. */
export function openJournal({ connection, directory, now }: { connection: Connection; directory: string; now: () => Date }): Journal {
  const file = path.join(directory, FILE);
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };

  async function append(rows: AuditRow[]) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const handle = await open(file, 'a', 0o600);
    try {
      await handle.writeFile(`${rows.map(row => JSON.stringify(row)).join('\n')}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  return {
    async write(entries) {
      try {
        await writeAudit(connection, entries);
        return 'trail';
      } catch {
        const at = now().toISOString();
        await inTurn(() => append(entries.map(entry => ({ ...auditRow(entry), at, journal: randomUUID() }))));
        return 'journal';
      }
    },
    replay: () =>
      inTurn(async () => {
        const names = await readdir(directory).catch(() => [] as string[]);
        // Set aside first: what is written meanwhile goes into a new file.
        if (names.includes(FILE)) await rename(file, path.join(directory, `${TAKEN}${randomUUID()}.ndjson`));
        let count = 0;
        for (const name of (await readdir(directory).catch(() => [] as string[])).filter(each => each.startsWith(TAKEN))) {
          const lines = (await readFile(path.join(directory, name), 'utf8')).split('\n');
          // A line that was cut off by a power failure belongs to a reading that was never answered.
          const rows = lines.filter(line => line.endsWith('}')).map(line => JSON.parse(line) as AuditRow);
          if (rows.length) await writeAuditRows(connection, rows);
          await rm(path.join(directory, name));
          count += rows.length;
        }
        return count;
      }),
  };
}
