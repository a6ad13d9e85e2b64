// The commands on the cards make the same model each time: tried on small data, for the whole takes half an hour.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { seeded } from '../../models/random.ts';
import { HOUR_MS, isoOf, timeOf } from '../../models/tihm/homes.ts';

const root = mkdtempSync(path.join(tmpdir(), 'commands-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const read = (folder: string, file: string) => readFileSync(path.join(root, folder, file));

const train = async (folder: string, args: string[]) => {
  const script = path.resolve(import.meta.dirname, '../../models/train.ts');
  const child = spawn(process.execPath, [script, ...args, '--out', path.join(root, folder)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.on('data', chunk => {
    words += String(chunk);
  });
  const code = await new Promise(resolve => child.once('close', resolve));
  expect(code, words.slice(-600)).toBe(0);
};

test('npm run train -- facility: the same weights, levels and figures, and every network that was tried stands on the card', {
  timeout: 120_000,
}, async () => {
  const args = ['facility', '--residents', '8', '--test', '2', '--days', '1', '--seed', '5', '--epochs', '1'];
  await Promise.all([train('one', args), train('two', args)]);
  for (const file of ['weights.bin', 'model.json']) expect(read('one', file).equals(read('two', file))).toBe(true);
  const [one, two] = ['one', 'two'].map(folder => ({ ...JSON.parse(read(folder, 'card.json').toString()), created: '' }));
  expect(one).toEqual(two);
  expect(one.tried.map(({ kind }: { kind: string }) => kind)).toEqual(['logistic', 'perceptron', 'tcn']);
  for (const text of [one.statement, one.intendedUse, one.data, one.split, one.network, ...one.limits, ...Object.values(one.method)])
    expect(text).toEqual({ ja: expect.stringMatching(/[ぁ-ん]/), en: expect.stringMatching(/[a-z]/) });
});

test('npm run train -- home: the same weights', { timeout: 120_000 }, async () => {
  const random = seeded(2);
  const start = timeOf('2024-02-01 00:00:00');
  let [activity, labels] = ['patient_id,location_name,date\n', 'patient_id,date,type\n'];
  for (let home = 0; home < 6; home++)
    for (let day = 0; day < 10; day++) {
      const midnight = start + day * 24 * HOUR_MS;
      const paces = (day + home) % 4 === 0;
      if (paces) labels += `h${home},${isoOf(midnight + 18 * HOUR_MS)},Agitation\n`;
      for (let hour = 7; hour < 22; hour++)
        for (let i = 0; i < (paces && hour > 12 ? 20 : 4); i++)
          activity += `h${home},${['Hallway', 'Lounge', 'Kitchen'][Math.floor(random() * 3)]},${isoOf(midnight + (hour + random()) * HOUR_MS)}\n`;
    }
  writeFileSync(path.join(root, 'Activity.csv'), activity);
  writeFileSync(path.join(root, 'Labels.csv'), labels);
  const args = ['home', '--data', root, '--seeds', '0', '--leads', '0'];
  await Promise.all([train('home-one', args), train('home-two', args)]);
  for (const file of ['weights.bin', 'model.json']) expect(read('home-one', file).equals(read('home-two', file))).toBe(true);
});
