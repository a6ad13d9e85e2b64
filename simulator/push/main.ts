// `node simulator/push/main.ts --port N`: the simulated push service as a process of its own.
import { parseArgs } from 'node:util';
import { startPushService } from './service.ts';

const HELP = `node simulator/push/main.ts [options]: a stand-in for a browser maker's push service, with simulated devices.

  --port N     TCP port on loopback (default 8091; 0: a free one)

POST /devices makes a device and answers its subscription. GET /messages shows what devices got. The hub takes its subscriptions when
HUB_PUSH_SERVICES names its address.`;

const { values } = parseArgs({ options: { help: { type: 'boolean' }, port: { type: 'string', default: '8091' } } });
if (values.help) {
  console.log(HELP);
} else {
  try {
    const service = await startPushService({ port: Number(values.port) });
    console.log(`The push service (simulated) is ready: ${service.url}`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void service.close().then(() => process.exit(0)));
  } catch (error) {
    console.error(`The push service could not start: ${(error as Error).message}. Another --port may help.`);
    process.exit(1);
  }
}
