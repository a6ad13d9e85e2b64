// The import table of the design holds for the project, and each of its rules catches what it is for.
import { execFile } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FOLDERS = ['hub', 'edge', 'web/src', 'models', 'devices', 'simulator'];

interface Violation {
  rule: { name: string };
  from: string;
  to: string;
}

/** Runs dependency-cruiser with the project's rules in `folder`; the broken ones as "rule: from → to". */
async function broken(folder: string, entries: string[]): Promise<string[]> {
  const program = path.join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const rules = path.join(ROOT, '.dependency-cruiser.mjs');
  const args = [program, '--config', rules, '--output-type', 'json', ...entries];
  // With `json` the status is 0 whatever was found; anything else is a failure of the tool.
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, maxBuffer: 1e8 });
  const { summary } = JSON.parse(stdout) as { summary: { violations: Violation[]; totalCruised: number } };
  expect(summary.totalCruised).toBeGreaterThan(0);
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`);
}

const trees: string[] = [];
afterAll(() => {
  for (const tree of trees.splice(0)) rmSync(tree, { recursive: true, force: true });
});

/** A small project of the given files in a folder of its own. */
function tree(files: Record<string, string>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'hub-imports-'));
  trees.push(folder);
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ type: 'module', dependencies: { zod: '*', svelte: '*' } }));
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return folder;
}

const check = (files: Record<string, string>) => broken(tree(files), [...new Set(Object.keys(files).map(name => name.split('/')[0]!))]);

const VALUE = 'export const value = 1;\nexport type Value = number;\n';

test('the project keeps to its import table and has no circle', async () => {
  expect(await broken(ROOT, FOLDERS)).toEqual([]);
});

const FORBIDDEN: [from: string, to: string, rule: string][] = [
  ['devices/topics.ts', 'models/features.ts', 'direction-devices'],
  ['devices/topics.ts', 'hub/records/contract.ts', 'direction-devices'],
  ['models/train.ts', 'hub/store/index.ts', 'direction-models'],
  ['models/train.ts', 'simulator/resident.ts', 'direction-models'],
  ['hub/ingest/index.ts', 'simulator/resident.ts', 'direction-hub'],
  ['hub/ingest/index.ts', 'edge/gateway.ts', 'direction-hub'],
  ['hub/http/index.ts', 'web/src/routes.ts', 'direction-hub'],
  ['hub/ingest/index.ts', 'test/harness/index.ts', 'direction-hub'],
  ['edge/gateway.ts', 'hub/ingest/contract.ts', 'direction-edge'],
  ['edge/gateway.ts', 'simulator/resident.ts', 'direction-edge'],
  ['simulator/resident.ts', 'hub/records/contract.ts', 'direction-simulator'],
  ['simulator/resident.ts', 'models/features.ts', 'direction-simulator'],
  ['simulator/national/platform.ts', 'hub/records/systems.ts', 'direction-simulator'],
  ['web/src/floor.ts', 'devices/profiles.ts', 'direction-web'],
  ['web/src/floor.ts', 'models/features.ts', 'direction-web'],
  ['hub/alerts/index.ts', 'hub/records/search.ts', 'hub-areas-by-their-face'],
  ['hub/main.ts', 'hub/identity/links.ts', 'hub-root-by-their-face'],
];

describe('a wrong direction is found:', () => {
  let found: string[];
  beforeAll(async () => {
    const files: Record<string, string> = {};
    for (const [from, to] of FORBIDDEN) {
      const relative = path.relative(path.dirname(from), to);
      const specifier = relative.startsWith('.') ? relative : `./${relative}`;
      files[from] = `${files[from] ?? ''}export { value as v${Object.keys(files).length} } from '${specifier}';\n`;
      files[to] ??= VALUE;
    }
    found = await check(files);
  });

  test.each(FORBIDDEN)('%s may not import %s', (from, to, rule) => {
    expect(found).toContain(`${rule}: ${from} → ${to}`);
  });
});

test('a type-only import in a wrong direction is one too', async () => {
  const found = await check({
    'simulator/resident.ts': "import type { Value } from '../hub/ingest/contract.ts';\nexport const own: Value = 1;\n",
    'hub/ingest/contract.ts': VALUE,
  });
  expect(found).toContain('direction-simulator: simulator/resident.ts → hub/ingest/contract.ts');
});

test('the allowed directions pass', async () => {
  const from = (...specifiers: string[]) =>
    `${specifiers.map((specifier, index) => `import { value as v${index} } from '${specifier}';`).join('\n')}\nexport const all = [${specifiers.map((_, index) => `v${index}`)}];\n`;
  const found = await check({
    'devices/topics.ts': VALUE,
    'models/features.ts': `${from('../devices/topics.ts')}${VALUE}`,
    'hub/records/index.ts': `${from('./search.ts')}${VALUE}`,
    'hub/records/search.ts': `import { z } from 'zod';\nexport const schema = z.number();\n${VALUE}`,
    'hub/alerts/index.ts': from('../records/index.ts', '../../models/features.ts', '../../devices/topics.ts'),
    'hub/alerts/contract.ts': VALUE,
    'edge/gateway.ts': from('../devices/topics.ts', '../models/features.ts'),
    'simulator/resident.ts': from('../devices/topics.ts'),
    'web/src/floor.ts': "import type { Value } from '../../hub/alerts/contract.ts';\nexport const own: Value = 1;\n",
    'test/alerts/floor.test.ts': from('../../hub/records/search.ts', '../../edge/gateway.ts'),
  });
  expect(found).toEqual([]);
});

test('the web takes types of the interface, not code and not the inside of the hub', async () => {
  const found = await check({
    'web/src/code.ts': "import { value } from '../../hub/alerts/contract.ts';\nexport const own = value;\n",
    'web/src/inside.ts': "import type { Value } from '../../hub/alerts/floor.ts';\nexport const own: Value = 1;\n",
    'web/src/Page.svelte':
      '<script lang="ts">\n  import { value } from \'../../hub/alerts/contract.ts\';\n  let shown: number = value;\n</script>\n\n<p>{shown}</p>\n',
    'hub/alerts/contract.ts': VALUE,
    'hub/alerts/floor.ts': VALUE,
  });
  expect(found.sort()).toEqual([
    'web-takes-only-the-interface: web/src/inside.ts → hub/alerts/floor.ts',
    'web-takes-only-types: web/src/Page.svelte → hub/alerts/contract.ts',
    'web-takes-only-types: web/src/code.ts → hub/alerts/contract.ts',
  ]);
});

test('pages too take only the interface, also where they take types', () => {
  // The compiler drops a page's type imports before dependency-cruiser sees them.
  const taken = globSync('web/src/**/*.svelte', { cwd: ROOT }).flatMap(page =>
    [...readFileSync(path.join(ROOT, page), 'utf8').matchAll(/from '([^']*\/hub\/[^']+)'/g)].map(match => [page, match[1]!]),
  );
  const inside = taken.filter(([, specifier]) => !/\/hub\/([^/]+\/contract|http\/problem|identity\/actor)\.ts$/.test(specifier!));
  expect(inside).toEqual([]);
});

test('a circle is found, of two files and of three, of code and of types', async () => {
  const imports = (name: string) => `import { value as other } from './${name}.ts';\nexport const value = (): unknown => other;\n`;
  const found = await check({
    'devices/one.ts': imports('two'),
    'devices/two.ts': imports('one'),
    'models/a.ts': imports('b'),
    'models/b.ts': imports('c'),
    'models/c.ts': imports('a'),
    'edge/day.ts': "import type { Night } from './night.ts';\nexport type Day = Night | 1;\n",
    'edge/night.ts': "import type { Day } from './day.ts';\nexport type Night = Day | 2;\n",
  });
  expect(found).toContain('no-circle: devices/one.ts → devices/two.ts');
  expect(found).toContain('no-circle: models/a.ts → models/b.ts');
  expect(found).toContain('no-circle: edge/day.ts → edge/night.ts');
});

test('an import that leads nowhere, or to a package that package.json does not name, is found', async () => {
  const found = await check({
    'devices/one.ts': "import { gone } from './gone.ts';\nimport pg from 'pg';\nexport const all = [gone, pg];\n",
  });
  expect(found).toContain('resolvable: devices/one.ts → ./gone.ts');
  expect(found.some(line => line.startsWith('no-unlisted-package: devices/one.ts → '))).toBe(true);
});

test('set-up needs no package, and no program imports it', async () => {
  const found = await check({
    'hub/setup/step.mjs': "import { z } from 'zod';\nexport const value = z;\n",
    'hub/main.ts': "import { value } from './setup/step.mjs';\nexport const own = value;\n",
  });
  expect(found.some(line => line.startsWith('no-package-in-set-up: hub/setup/step.mjs → '))).toBe(true);
  expect(found).toContain('no-set-up-in-programs: hub/main.ts → hub/setup/step.mjs');
});
