// `npm run bench NAME`: one JSON line a figure on standard output, progress on standard error.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const names = readdirSync(import.meta.dirname)
  .filter(file => file.endsWith('.ts') && !['main.ts', 'figure.ts', 'influx.ts'].includes(file))
  .map(file => file.replace(/\.ts$/, ''));
const name = process.argv[2];

if (!name || name === '--help' || !names.includes(name)) {
  const wanted = name && name !== '--help' ? `There is no bench "${name}". ` : '';
  console.error(`${wanted}npm run bench NAME, with NAME one of: ${names.join(', ')}`);
  process.exit(name === '--help' ? 0 : 1);
}

await import(pathToFileURL(path.join(import.meta.dirname, `${name}.ts`)).href);
