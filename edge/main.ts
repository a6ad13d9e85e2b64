// The gateway as a process: configuration from the environment, ends cleanly on SIGTERM and SIGINT.
import { pino } from 'pino';
import { readEdgeConfig, startEdge } from './index.ts';

try {
  const config = readEdgeConfig();
  const log = pino({ level: config.logLevel, base: { part: 'edge' } });
  const edge = await startEdge({ config, log });
  let ending = false;
  const end = () => {
    if (ending) return;
    ending = true;
    edge.close().then(
      () => process.exit(0),
      error => {
        log.error({ err: error }, 'the gateway could not end cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  // The parent that started the gateway is gone.
  process.on('disconnect', end);
  const ready = { event: 'ready', port: edge.port, tlsPort: edge.tlsPort, statusPort: edge.statusPort };
  if (process.send) process.send(ready);
  else process.stdout.write(`${JSON.stringify(ready)}\n`);
} catch (error) {
  const code = (error as NodeJS.ErrnoException).code;
  const hint = code === 'EADDRINUSE' ? ' Choose another EDGE_PORT, EDGE_TLS_PORT or EDGE_STATUS_PORT, or end what holds it.' : '';
  process.stderr.write(`The gateway cannot start: ${(error as Error).message}${hint}\n`);
  process.exitCode = 1;
}
