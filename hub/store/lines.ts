// Samples as InfluxDB line protocol, written over HTTP. The npm package `influx` asks for each point's schema, sorts and escapes each tag and
// field anew and took two thirds of the CPU time of a write; ours are made of few names that are the same from point to point.
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { SamplePoint } from './point.ts';

/** What must be escaped in tags and field names, and in a measurement (InfluxDB 1.8, line protocol reference, "Special characters"). */
const IN_TAG = /[,= ]/;
/** A write that takes longer is given up and comes again, ms. */
const WRITE_LIMIT = 30_000;

/** The store's answer when it did not take a batch: `res.statusCode` 400 and 413 mean that it never will. */
export class WriteRefused extends Error {
  readonly res: { statusCode: number };
  constructor(statusCode: number, said: string) {
    super(`InfluxDB refuses the samples: ${statusCode} ${said.slice(0, 200)}`);
    this.name = 'WriteRefused';
    this.res = { statusCode };
  }
}

/**
 * One line per point, times in ms. Points of one device one after the other share the work for their tags.
 * @throws Error for a value that is no finite number: the line would be another's field type or none.
 */
export function linesOf(points: readonly SamplePoint[]): string {
  let text = '';
  let series = '';
  let last: SamplePoint | undefined;
  for (const point of points) {
    if (
      !last ||
      point.device !== last.device ||
      point.subject !== last.subject ||
      point.profile !== last.profile ||
      point.facility !== last.facility
    ) {
      // Tags in order of their names, as InfluxDB sorts them.
      series = `${escaped(point.profile)}${tag('device', point.device)}${tag('facility', point.facility)}${tag('subject', point.subject)} `;
      last = point;
    }
    let fields = '';
    for (const name in point.values) {
      const value = point.values[name]!;
      if (!Number.isFinite(value)) throw new WriteRefused(400, `${name} of ${point.device} is ${value}`);
      fields += `${fields && ','}${escaped(name)}=${value}`;
    }
    if (fields) text += `${series}${fields} ${point.time}\n`;
  }
  return text;
}

/** InfluxDB knows no empty tags. */
const tag = (name: string, value: string) => (value ? `,${name}=${escaped(value)}` : '');
const escaped = (text: string) => (IN_TAG.test(text) ? text.replace(/[,= ]/g, '\\$&') : text);

/**
 * Gives a function that writes lines and resolves when the store has taken all of them.
 * @param url Of InfluxDB 1.x or what speaks its write interface, with user and password if it wants them.
 */
export function openWriter(url: string, database: string): (lines: string) => Promise<void> {
  const { protocol, hostname, port, pathname, username, password } = new URL(url);
  const secure = protocol === 'https:';
  const send = secure ? httpsRequest : httpRequest;
  const options = {
    ...{ hostname: hostname.replace(/^\[|\]$/g, ''), port: port || (secure ? 443 : 8086), method: 'POST', timeout: WRITE_LIMIT },
    path: `${pathname.replace(/\/$/, '')}/write?db=${encodeURIComponent(database)}&precision=ms`,
    auth: username ? `${decodeURIComponent(username)}:${decodeURIComponent(password)}` : undefined,
    agent: secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true }),
  };
  return lines =>
    new Promise((resolve, reject) => {
      const body = Buffer.from(lines);
      const headers = { 'content-type': 'text/plain; charset=utf-8', 'content-length': body.length };
      const request = send({ ...options, headers }, answer => {
        const said: Buffer[] = [];
        answer.on('data', chunk => said.push(chunk));
        answer.once('error', reject);
        answer.once('end', () => {
          const status = answer.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve();
          else reject(new WriteRefused(status, Buffer.concat(said).toString().trim()));
        });
      });
      request.once('timeout', () => request.destroy(new Error(`InfluxDB did not answer within ${WRITE_LIMIT / 1000} s`)));
      request.once('error', reject);
      request.end(body);
    });
}
