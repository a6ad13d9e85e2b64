// `node simulator/national/main.ts --port N --data DIR`: the simulated shared record platform as a process of its own.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startPlatform } from './platform.ts';

const HELP = `node simulator/national/main.ts [options]: a stand-in for the shared record platform.

  --port N     TCP port on loopback (default 8090; 0: a free one)
  --data DIR   where received documents are kept (default .data/platform)

POST /bundles takes a referral document bundle or refuses it with an OperationOutcome. GET / shows what was received.`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    port: { type: 'string', default: '8090' },
    data: { type: 'string', default: '.data/platform' },
  },
});
if (values.help) {
  console.log(HELP);
} else {
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    console.error(`--port takes a number from 0 to 65535, not "${values.port}".`);
    process.exit(1);
  }
  try {
    const platform = await startPlatform({ port, data: path.resolve(values.data) });
    console.log(`The shared record platform (simulated) is ready: ${platform.url}`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void platform.close().then(() => process.exit(0)));
  } catch (error) {
    console.error(`The platform could not start: ${(error as Error).message}`);
    process.exit(1);
  }
}
