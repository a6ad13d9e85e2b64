// Reads the gateway's environment once, into a frozen configuration.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { isId } from '../devices/index.ts';

const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback);

const Environment = z.object({
  EDGE_DATA: z.string().min(1).default('.data/edge'),
  EDGE_HOST: z.string().default('127.0.0.1'),
  EDGE_PORT: port(1884),
  EDGE_HUB_URL: z.url({ protocol: /^(mqtts?|wss?)$/, hostname: /.*/ }).default('mqtt://127.0.0.1:1883'),
  EDGE_FACILITY: z.string().refine(isId, 'must be the facility’s id: 1 to 64 letters, digits and hyphens'),
  EDGE_SECRET: z.string().min(1, 'must be the gateway’s secret, shown when it was registered'),
  EDGE_STATUS_PORT: port(8090),
  EDGE_MAX_PACKS: z.coerce.number().int().min(1).default(1_000_000),
  EDGE_BACKLOG_RATE: z.coerce.number().min(1).default(500),
  EDGE_LOG: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

export interface EdgeConfig {
  /** Folder of the queue and the list of devices (absolute). */
  dataDirectory: string;
  /** Where devices and the status page connect. A gateway in a facility listens on its own network: `0.0.0.0`. */
  host: string;
  port: number;
  statusPort: number;
  hubUrl: string;
  facility: string;
  secret: string;
  /** Packs on disk; above it devices are held back. */
  maxPacks: number;
  /** Packs a second of the backlog, so that it leaves room for what is live. */
  backlogRate: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
}

/** @throws Error with one line per wrong variable, naming it and what it may hold. */
export function readEdgeConfig(environment: Record<string, string | undefined> = process.env): EdgeConfig {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const parsed = Environment.safeParse(given);
  if (!parsed.success) {
    const faults = parsed.error.issues.map(issue => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new Error(`The gateway's configuration cannot be used:\n${faults.join('\n')}`);
  }
  const env = parsed.data;
  const dataDirectory = path.resolve(env.EDGE_DATA);
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  return Object.freeze({
    dataDirectory,
    host: env.EDGE_HOST,
    port: env.EDGE_PORT,
    statusPort: env.EDGE_STATUS_PORT,
    hubUrl: env.EDGE_HUB_URL,
    facility: env.EDGE_FACILITY,
    secret: env.EDGE_SECRET,
    maxPacks: env.EDGE_MAX_PACKS,
    backlogRate: env.EDGE_BACKLOG_RATE,
    logLevel: env.EDGE_LOG,
  });
}
