// `node simulator/mail/main.ts --port N --smtp-port N`: the simulated mail server as a process of its own.
import { parseArgs } from 'node:util';
import { startMailServer } from './server.ts';

const HELP = `node simulator/mail/main.ts [options]: a mail server that keeps what it gets instead of delivering it.

  --smtp-port N   TCP port for SMTP on loopback (default 8025; 0: a free one), for HUB_MAIL_URL=smtp://127.0.0.1:N
  --port N        TCP port of GET /messages (default 8092; 0: a free one)`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    port: { type: 'string', default: '8092' },
    'smtp-port': { type: 'string', default: '8025' },
  },
});
if (values.help) {
  console.log(HELP);
} else {
  try {
    const server = await startMailServer({ port: Number(values.port), smtpPort: Number(values['smtp-port']) });
    console.log(`The mail server (simulated) is ready: ${server.smtpUrl} ${server.url}/messages`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close().then(() => process.exit(0)));
  } catch (error) {
    console.error(`The mail server could not start: ${(error as Error).message}. Other ports may help.`);
    process.exit(1);
  }
}
