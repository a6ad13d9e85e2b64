// `npm run backup -- DIR`: everything a hub keeps, into one encrypted file, while the hub runs.
import { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';
import { noteInAudit } from './audited.ts';
import { runCommand } from './command.ts';
import { makeBackup } from './make.ts';

const HELP = `Usage: npm run backup -- DIR [--keep N] [--unencrypted]

Writes DIR/hub-<time>.age: the database as it was at one moment, the samples, files, keys and certificates. The hub may run meanwhile.

  --keep N        keep the newest N backups in DIR, remove older ones (default 14)
  --unencrypted   write a readable file without the hub's secrets; patients' data is in it all the same

It is encrypted with age: set HUB_BACKUP_RECIPIENT (age1…, several with commas; the key for reading then stays elsewhere) or
HUB_BACKUP_PASSPHRASE, or the same with _FILE and a file that holds it. HUB_DATA (or DATABASE_URL and INFLUX_URL) says which hub.

To see that a backup can be read: npm run restore -- FILE --verify
Without a hub: age -d -i KEY hub-<time>.age | tar -xz
`;

await runCommand(HELP, async step => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { keep: { type: 'string', default: '14' }, unencrypted: { type: 'boolean', default: false }, help: { type: 'boolean' } },
  });
  const [directory] = positionals;
  const keep = Number(values.keep);
  if (values.help || !directory || positionals.length > 1 || !Number.isInteger(keep) || keep < 1) return 'usage';
  const { file, bytes, manifest, removed } = await makeBackup({
    ...{ config: readConfig(), directory, keep, unencrypted: values.unencrypted, step },
    begin: url => noteInAudit(url, { ja: 'バックアップ（全データの書き出し）', en: 'Backup (export of all data)' }),
  });
  const rows = manifest.tables.reduce((sum, table) => sum + table.rows, 0);
  console.log(`${file}: ${rows} rows, ${manifest.files.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
  if (!manifest.secrets) console.log('Not encrypted: the hub’s secrets are not in it. Keep HUB_DATA/secret and HUB_DATA/ca safe yourself.');
  for (const name of removed) console.log(`removed ${name}`);
  return 'done';
});
