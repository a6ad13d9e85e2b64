// A program started through set-up behaves as if started directly: arguments, input, signals and status are its own.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Checkout, GOOD_WORKER, makeCheckout } from './checkout.ts';

let made: Checkout;
let environment: Record<string, string>;
beforeEach(() => {
  made = makeCheckout();
  made.program('influxd', '#!/bin/sh\n');
  environment = { MEDIASOUP_WORKER_BIN: made.program('worker', GOOD_WORKER) };
});
afterEach(() => made.remove());

const start = (script: string, args: string[] = [], env = environment) =>
  made.start('run.mjs', [made.file('program.ts', script), ...args], env);

test('arguments, standard input and the exit status pass through', async () => {
  const running = start(
    `let text: string = '';
    process.stdin.on('data', chunk => (text += chunk)).on('end', () => {
      console.log(JSON.stringify({ args: process.argv.slice(2), text }));
      process.exitCode = 23;
    });`,
    ['--residents', '12', '--for', 'test'],
  );
  running.child.stdin!.end('hello');
  const { status, out } = await running.ended;
  expect(JSON.parse(out)).toEqual({ args: ['--residents', '12', '--for', 'test'], text: 'hello' });
  expect(status).toBe(23);
});

test("standard output is the program's alone; set-up says one line on standard error when there is nothing to do", async () => {
  await start('').ended;
  const { out, err } = await start('console.log(1);').ended;
  expect(out).toBe('1\n');
  expect(err).toMatch(/^Set-up … ready \([\d.]+ s\)\n$/);
});

test('the program gets the pinned Node and the worker that set-up found', async () => {
  const { out } = await start('console.log(process.version, process.env.MEDIASOUP_WORKER_BIN);').ended;
  expect(out).toBe(`${process.version} ${environment.MEDIASOUP_WORKER_BIN}\n`);
});

test('Ctrl-C, which npm and the terminal both pass on, reaches the program once; its orderly end is waited for', async () => {
  const running = start(`
    let times = 0;
    process.on('SIGINT', () => {
      console.log('interrupted', ++times);
      if (times === 1) process.stdin.once('data', () => process.exit(5));
    });
    process.stdin.resume();
    console.log('up');`);
  await expect.poll(running.out, { timeout: 5000 }).toContain('up');
  running.child.kill('SIGINT');
  await expect.poll(running.out).toContain('interrupted 1');
  running.child.kill('SIGINT');
  running.child.stdin!.write('end now\n');
  const { status, out } = await running.ended;
  expect(out).not.toContain('interrupted 2');
  expect(status).toBe(5);
});

test('SIGTERM reaches the program; one that dies of it gives 143', async () => {
  const running = start("setInterval(() => undefined, 1000); console.log('up');");
  await expect.poll(running.out, { timeout: 5000 }).toContain('up');
  running.child.kill('SIGTERM');
  expect(await running.ended).toMatchObject({ status: 143 });
});

test('a closed terminal ends the program in order', async () => {
  const running = start("process.on('SIGTERM', () => process.exit(0)); setInterval(() => undefined, 1000); console.log('up');");
  await expect.poll(running.out, { timeout: 5000 }).toContain('up');
  running.child.kill('SIGHUP');
  expect(await running.ended).toMatchObject({ status: 0 });
});

test("a program's --help needs no stores and no worker", async () => {
  const { status, out } = await start("console.log('help of', process.argv[2]);", ['--help'], { MEDIASOUP_WORKER_BIN: '/nowhere' }).ended;
  expect(out).toBe('help of --help\n');
  expect(status).toBe(0);
});

test('without set-up the program is not started', async () => {
  const { status, out, err } = await start("console.log('started');", [], { MEDIASOUP_WORKER_BIN: '/nowhere' }).ended;
  expect(status).toBe(1);
  expect(out).toBe('');
  expect(err).toContain('MEDIASOUP_WORKER_BIN names /nowhere');
});
