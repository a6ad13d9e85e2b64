// Warm start of the hub until it is ready, and what the idle hub holds in memory with every process it started.
import { readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { processesBelow, startHub, temporaryFolder } from '../harness/hub.ts';
import { percentile, print } from './figure.ts';

const RUNS = 5;
const IDLE_MS = 20_000;

const dataDirectory = temporaryFolder();
const seconds: number[] = [];
let megabytes = 0;
for (let run = 0; run <= RUNS; run++) {
  const begun = performance.now();
  const hub = await startHub({ dataDirectory });
  const answer = await fetch(`${hub.url}/health/ready`);
  const took = (performance.now() - begun) / 1000;
  process.stderr.write(`${run === 0 ? 'first start' : `warm start ${run}`}: ${took.toFixed(2)} s (${answer.status})\n`);
  if (run > 0) seconds.push(took);
  if (run === RUNS) {
    await sleep(IDLE_MS);
    for (const { pid, command } of [{ pid: hub.pid, command: 'hub' }, ...processesBelow(hub.pid)]) {
      const own = proportionalMegabytes(pid);
      megabytes += own;
      process.stderr.write(`  ${own.toFixed(0).padStart(5)} MB  ${command.slice(0, 90)}\n`);
    }
  }
  await hub.stop();
}
rmSync(dataDirectory, { recursive: true, force: true });

print({
  bench: 'start',
  figure: 'warm start to ready, median',
  value: percentile(seconds, 0.5),
  unit: 's',
  goal: '< 6',
  met: percentile(seconds, 0.5) < 6,
});
print({
  bench: 'start',
  figure: 'idle memory of all processes (PSS)',
  value: megabytes,
  unit: 'MB',
  goal: '< 1200',
  met: megabytes < 1200,
});

/** Proportional set size: memory shared between processes is counted once, split among them. */
function proportionalMegabytes(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
