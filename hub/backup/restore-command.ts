// `npm run restore -- FILE`: a backup into an empty place, or only a look whether it can be read.
import { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';
import { noteInAudit } from './audited.ts';
import { runCommand } from './command.ts';
import { readBackup } from './read.ts';
import { restoreBackup } from './restore.ts';

const HELP = `Usage: npm run restore -- FILE [--replace] [--verify]

Puts the backup FILE into HUB_DATA (and DATABASE_URL and INFLUX_URL, where these are set), all or nothing. The hub must not run.

  --verify    only read it to its end and check every part of it; nothing is changed
  --replace   HUB_DATA holds a hub already: move that aside (HUB_DATA/before-restore-…) when the restore has succeeded

Set HUB_BACKUP_IDENTITY (AGE-SECRET-KEY-1…) or HUB_BACKUP_PASSPHRASE, or the same with _FILE and a file that holds it.
`;

await runCommand(HELP, async step => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { replace: { type: 'boolean', default: false }, verify: { type: 'boolean', default: false }, help: { type: 'boolean' } },
  });
  const [file] = positionals;
  if (values.help || !file || positionals.length > 1) return 'usage';
  const config = readConfig();
  if (values.verify) {
    step('checking the whole backup');
    const { made, hub, tables, files, samples } = await readBackup(file, config.backup);
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    console.log(
      `Good: made ${made} by hub ${hub}; ${tables.length} tables with ${rows} rows, ${samples.length} parts of samples, ${files.length} files.`,
    );
    return 'done';
  }
  const { manifest, former } = await restoreBackup({
    ...{ config, file, replace: values.replace, step },
    done: (url, { made }) => noteInAudit(url, { ja: `バックアップから戻しました (${made})`, en: `Restored from a backup (${made})` }),
  });
  console.log(`The hub is as it was ${manifest.made}. Start it with npm start.`);
  if (former) console.log(`What was here before is in ${former}; remove it when you no longer need it.`);
  if (!manifest.secrets)
    console.log('The backup has no secrets: put HUB_DATA/secret and HUB_DATA/ca back yourself before the first start.');
  return 'done';
});
