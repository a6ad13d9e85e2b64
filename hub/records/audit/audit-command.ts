// `npm run audit -- verify`: checks the audit trail's chain and says so on one line of JSON.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig } from '../../config.ts';
import { openDatabase, runningEmbeddedPostgres, startEmbeddedPostgres } from '../../store/index.ts';
import type { RecordTables } from '../tables.ts';
import { verifyAudit } from './audit-verify.ts';

const HELP = `npm run audit -- verify [--from TIME] [--to TIME]

Checks that nobody changed the record of who saw what: every entry carries a SHA-256 over the one before it, its number and its own
content. Compares with the heads that the hub wrote down once a day (HUB_DATA/audit/checkpoints.ndjson): keep copies of that file elsewhere.

  --from TIME   only entries from this time on (ISO 8601); the hash before the first of them is taken as it stands
  --to TIME     only entries before this time

Uses DATABASE_URL, or the hub's own PostgreSQL below HUB_DATA, whether the hub runs or not.
One line of JSON on standard output: {"ok","entries","tail","head","faults","gaps","checkpoints"}.

Ends with status 0 when all is well; 1 when something was changed or removed; 2 when numbers were given out and never used (the database
stopped at that moment, an entry could not be written, or a row was removed within the second before it was sealed); 3 when the trail could
not be read.`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { from: { type: 'string' }, to: { type: 'string' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (positionals[0] !== 'verify' || positionals.length > 1) throw new Error('say what to do: npm run audit -- verify (see --help)');
  const config = readConfig();
  const directory = path.join(config.dataDirectory, 'postgres');
  const own = config.databaseUrl || runningEmbeddedPostgres(directory) ? undefined : await startEmbeddedPostgres(directory);
  const database = openDatabase(config.databaseUrl ?? own?.url ?? runningEmbeddedPostgres(directory)!, { connections: 2 });
  try {
    const verdict = await verifyAudit(database.kysely.withTables<RecordTables>(), {
      from: timeOf('--from', values.from),
      to: timeOf('--to', values.to),
      dataDirectory: config.dataDirectory,
    });
    console.log(JSON.stringify(verdict));
    for (const { kind, number } of verdict.faults) console.error(`entry ${number}: ${kind}`);
    for (const { from, to } of verdict.gaps) console.error(`numbers ${from} to ${to}: never used`);
    if (!verdict.ok) {
      console.error(
        'The record of accesses was changed. Keep the database and its backups as they are, and tell who is responsible for safety.',
      );
      return 1;
    }
    return verdict.gaps.length ? 2 : 0;
  } finally {
    await database.close();
    await own?.stop();
  }
}

function timeOf(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new Error(`${name} is a time such as 2026-11-22T00:00:00+09:00`);
  return time;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`The record of accesses cannot be checked: ${(error as Error).message}`);
  process.exitCode = 3;
}
