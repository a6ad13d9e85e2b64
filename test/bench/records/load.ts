// Requests of the records bench, over connections that stay open, several at a time.
import { Agent, request } from 'node:http';

export interface Answer {
  status: number;
  body: string;
}

export function clientOf(port: number, connections: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    ask: (method: string, path: string, body?: string): Promise<Answer> =>
      new Promise((resolve, reject) => {
        const headers = body === undefined ? {} : { 'content-type': 'application/fhir+json', 'content-length': Buffer.byteLength(body) };
        const sent = request({ agent, port, host: '127.0.0.1', method, path: `/fhir/R4${path}`, headers }, response => {
          const chunks: Buffer[] = [];
          response.on('data', chunk => chunks.push(chunk));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
          response.on('error', reject);
        });
        sent.on('error', reject);
        sent.end(body);
      }),
    close: () => agent.destroy(),
  };
}

/** Does `work` `times` times, `at once` of them together: how long each took (ms), and all of them (s). */
export async function repeated(
  times: number,
  together: number,
  work: (index: number) => Promise<void>,
): Promise<{ each: number[]; seconds: number }> {
  const each: number[] = [];
  let next = 0;
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: together }, async () => {
      for (let index = next++; index < times; index = next++) {
        const at = performance.now();
        await work(index);
        each.push(performance.now() - at);
      }
    }),
  );
  return { each, seconds: (performance.now() - begun) / 1000 };
}
