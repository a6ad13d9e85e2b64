// The conformance run as a maker calls it: one command, a report in a folder, and its verification.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadProfiles } from '../../../devices/index.ts';
import { freePort } from '../../../hub/store/child.ts';
import { startDevice } from './bench-devices.ts';

const MAIN = path.join(import.meta.dirname, '../../../devices/conformance/main.ts');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'conformance-command-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** @param onText Called with everything said so far. */
function conformance(args: string[], onText: (text: string, end: () => void) => void = () => {}) {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, CONFORMANCE_SECRET: 's' } });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      onText(text, () => child.kill('SIGINT'));
    });
  return new Promise<{ code: number | null; text: string }>(resolve => child.once('close', code => resolve({ code, text })));
}

test('a run that is ended early leaves a signed report that verifies, and one that was changed does not', async () => {
  const port = await freePort();
  const report = path.join(folder, 'report');
  const device = startDevice(port, { ...loadProfiles().get('bed')!, intervalSeconds: 0.2 }, { noWill: true });
  let said = false;
  const run = await conformance(
    ['--listen', `mqtt://127.0.0.1:${port}`, '--facility', 'f1', '--device', 'bed-1', '--profile', 'bed', '--report', report],
    (text, end) => {
      if (said || !text.includes('Connected')) return;
      said = true;
      setTimeout(end, 1500);
    },
  );
  await device.close();
  expect(run.text).toMatch(/不合格 FAIL {2}遺言/);
  expect(run.code).toBe(1);

  const file = path.join(report, 'report.json');
  expect(existsSync(path.join(report, 'report.html'))).toBe(true);
  const verified = await conformance(['--verify', file]);
  expect(verified).toMatchObject({ code: 0, text: expect.stringContaining('The signature is right') });
  expect((await conformance(['--verify', file, '--thumbprint', 'another'])).code).toBe(1);

  writeFileSync(file, readFileSync(file, 'utf8').replace('"fail"', '"pass"'));
  expect(await conformance(['--verify', file])).toMatchObject({ code: 1, text: expect.stringContaining('changed after it was signed') });
});

test('an address that is taken is said, and the command ends', async () => {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const run = await conformance([
    '--listen',
    `mqtt://127.0.0.1:${port}`,
    '--facility',
    'f1',
    '--device',
    'bed-1',
    '--report',
    path.join(folder, 'taken'),
  ]);
  server.close();
  expect(run).toMatchObject({ code: 2, text: expect.stringContaining(`127.0.0.1:${port}`) });
});

test('what is missing or wrong on the command line is said, with status 2', async () => {
  expect(await conformance([])).toMatchObject({ code: 2, text: expect.stringContaining('--host or --listen is needed') });
  const base = ['--listen', 'mqtt://127.0.0.1:1', '--facility', 'f1', '--device', 'bed-1'];
  expect(await conformance([...base, '--username', 'x'])).toMatchObject({ code: 2, text: expect.stringContaining('f1/bed-1') });
  expect(await conformance([...base, '--profile', 'x'])).toMatchObject({ code: 2, text: expect.stringContaining('blood-pressure') });
  expect(await conformance(['--help'])).toMatchObject({ code: 0, text: expect.stringContaining('--verify') });
});
