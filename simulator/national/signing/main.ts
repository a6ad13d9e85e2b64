// `node simulator/national/signing/main.ts --port N --data DIR`: the stand-in for doctors' signatures and timestamps, as a process of its own.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startSigning } from './service.ts';

const HELP = `node simulator/national/signing/main.ts [options]: a stand-in for a signing service and a timestamp authority.

  --port N     TCP port on loopback (default 8095; 0: a free one)
  --data DIR   where its roots are kept: signer-ca.pem and tsa-ca.pem are what a hub is to believe (default .data/signing)

For the hub: HUB_SIGNER_URL=http://127.0.0.1:8095/signer/ HUB_SIGNER_CA=.data/signing/signer-ca.pem
             HUB_TSA_URL=http://127.0.0.1:8095/tsa HUB_TSA_CA=.data/signing/tsa-ca.pem`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    port: { type: 'string', default: '8095' },
    data: { type: 'string', default: '.data/signing' },
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
    const service = await startSigning({ port, data: path.resolve(values.data) });
    console.log(`Signing service and timestamp authority (simulated) are ready: ${service.url}`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void service.close().then(() => process.exit(0)));
  } catch (error) {
    console.error(`The signing service could not start: ${(error as Error).message}`);
    process.exit(1);
  }
}
