// `npm run train -- home`: fits the home model on a folder in TIHM's form and writes it with its card.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chooseBackend } from '../backend.ts';
import { writeHomeCard } from './card.ts';
import { predictLead, reportLead, withSubgroups } from './evaluate.ts';
import { readHomes } from './homes.ts';
import { learn } from './learn.ts';
import { watchedRows } from './protocols.ts';
import type { LeadReport } from './report.ts';
import { LEADS, slotsOf } from './slots.ts';
import { type HomeModel, saveHomeModel } from './store.ts';

export const HOME_HELP = `npm run train -- home --data DIR [options]

Fits models/home on the homes of DIR (TIHM's files) and writes it with its card. Repeatable: the same data and seed give the same weights.

  --data DIR      the folder (needed)
  --seed S        seed (default 1)
  --seeds N       seeds of the evaluation on the card (default 3); 0 leaves it out
  --leads LIST    hours before the stamp (default all: ${LEADS.join(',')})
  --tcn           tries the causal TCN too (many times the work; --backend native helps)
  --backend B     wasm or native (default wasm)
  --figures FILE  evaluation on the card from what npm run evaluate -- --json FILE wrote, instead of measuring again
  --paper FILE    what npm run evaluate -- --protocol tihm-paper printed, for the card
  --out FOLDER    where to write it (default models/home)
`;

/** @param args What follows `home`. @throws Error for the person at the terminal. */
export async function trainHome(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: 'string' },
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '3' },
      leads: { type: 'string', default: LEADS.join(',') },
      figures: { type: 'string' },
      paper: { type: 'string' },
      tcn: { type: 'boolean', default: false },
      backend: { type: 'string', default: 'wasm' },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HOME_HELP);
    return;
  }
  if (!values.data) throw new Error('--data DIR is needed: the folder that holds the files of TIHM.');
  const [seed, seeds] = [Number(values.seed), Number(values.seeds)];
  if (values.backend !== 'wasm' && values.backend !== 'native') throw new Error('--backend is wasm or native');
  await chooseBackend(values.backend);
  const homes = await readHomes(values.data);
  const leads: HomeModel['leads'] = [];
  const reports: LeadReport[] = values.figures ? (JSON.parse(readFileSync(values.figures, 'utf8')) as LeadReport[]) : [];
  const wanted = values.leads.split(',').map(Number);
  if (wanted.some(lead => !(LEADS as readonly number[]).includes(lead))) throw new Error(`--leads takes some of ${LEADS.join(',')}.`);
  for (const lead of wanted) {
    const slots = slotsOf(homes, lead);
    // The second one is for folders where nobody labels.
    for (const knows of ['both', 'sensors'] as const) {
      const { members, platt, chosen, tried, spanScorer } = learn(slots, watchedRows(slots), {
        knows,
        seed,
        tcn: values.tcn && knows === 'both',
      });
      leads.push({ lead, knows, spanScorer, members, platt, chosen, tried });
      process.stderr.write(
        `${lead} h, ${knows}: ${chosen}${values.tcn ? ` (${tried.map(one => `${one.name} ${one.auprc.toFixed(3)}`).join(', ')})` : ''}\n`,
      );
    }
    if (seeds === 0 || values.figures) continue;
    const predicted = predictLead(slots, seeds);
    reports.push(withSubgroups(reportLead(slots, predicted), slots, homes, predicted));
  }
  const hash = createHash('sha256');
  for (const { members } of leads) for (const { weights } of members) for (const one of weights) hash.update(new Uint8Array(one.buffer));
  const created = new Date().toISOString().slice(0, 10);
  const model: HomeModel = { name: 'home', version: `${created.replaceAll('-', '.')}-${hash.digest('hex').slice(0, 8)}`, leads };
  const folder = values.out ?? path.resolve(import.meta.dirname, '../home');
  saveHomeModel(folder, model);
  writeHomeCard(folder, {
    model,
    created,
    command: `npm run train -- home --data DIR --seed ${seed}${values.figures ? ' --figures FILE' : ` --seeds ${seeds}`}`,
    homes: homes.homes.length,
    reports,
    paper: values.paper ? readFileSync(values.paper, 'utf8').trim().split('\n') : [],
  });
  process.stderr.write(`written to ${folder}\n`);
}
