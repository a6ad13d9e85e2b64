// hub/SECURITY.md promises tests by file and name: each of them is there.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');
const rows = readFileSync(path.join(ROOT, 'hub/SECURITY.md'), 'utf8')
  .split('\n')
  .filter(line => /^\| [STRIDE] \|/.test(line));

test('every threat has a control and a test', () => {
  expect(rows.length).toBeGreaterThan(30);
  for (const row of rows) {
    const [, , threat, control, tests] = row.split('|').map(cell => cell.trim());
    expect(threat && control && /`test\/[^`]+`/.test(tests ?? ''), row).toBe(true);
  }
});

test.each(rows.flatMap(row => row.split('|').at(-2)!.split('<br>')).map(named => named.trim()))('%s', named => {
  const [, file = '', name = ''] = /^`(test\/[^`]+)`(?:: (.+))?$/.exec(named) ?? [];
  expect(existsSync(path.join(ROOT, file)), `${named} names no file`).toBe(true);
  expect(readFileSync(path.join(ROOT, file), 'utf8')).toContain(name);
});
