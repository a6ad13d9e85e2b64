// Reads the gateway's environment once, into a frozen configuration.
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { isId } from '../devices/index.ts';

const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback);

const Environment = z
  .object({
    EDGE_DATA: z.string().min(1).default('.data/edge'),
    EDGE_HOST: z.string().default('127.0.0.1'),
    EDGE_PORT: port(1884),
    EDGE_HUB_URL: z.url({ protocol: /^(mqtts?|wss?)$/, hostname: /.*/ }).default('mqtt://127.0.0.1:1883'),
    EDGE_FACILITY: z.string().refine(isId, 'must be the facility’s id: 1 to 64 letters, digits and hyphens'),
    EDGE_SECRET: z.string().min(1).optional(),
    EDGE_CERT: z.string().min(1).optional(),
    EDGE_KEY: z.string().min(1).optional(),
    EDGE_CA: z.string().min(1).optional(),
    EDGE_TLS_CERT: z.string().min(1).optional(),
    EDGE_TLS_KEY: z.string().min(1).optional(),
    EDGE_TLS_PORT: port(8884),
    EDGE_STATUS_PORT: port(8090),
    EDGE_STATUS_PIN: z
      .string()
      .regex(/^\d{4,12}$/, 'must be 4 to 12 digits')
      .optional(),
    EDGE_STATUS_NAMES: z.string().default(''),
    EDGE_MAX_PACKS: z.coerce.number().int().min(1).default(1_000_000),
    EDGE_KEEP_FREE_MB: z.coerce.number().int().min(0).default(100),
    EDGE_BACKLOG_RATE: z.coerce.number().min(1).default(500),
    EDGE_LOG: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  })
  .refine(env => env.EDGE_SECRET || env.EDGE_CERT, {
    path: ['EDGE_SECRET'],
    message: 'must be the gateway’s secret, shown when it was registered; or give EDGE_CERT and EDGE_KEY',
  })
  .refine(env => !env.EDGE_CERT === !env.EDGE_KEY, { path: ['EDGE_KEY'], message: 'EDGE_CERT and EDGE_KEY go together' })
  .refine(env => !env.EDGE_TLS_CERT === !env.EDGE_TLS_KEY, {
    path: ['EDGE_TLS_KEY'],
    message: 'EDGE_TLS_CERT and EDGE_TLS_KEY go together',
  })
  .refine(env => !env.EDGE_CERT || /^(mqtts|wss):/.test(env.EDGE_HUB_URL), {
    path: ['EDGE_HUB_URL'],
    message: 'must begin with mqtts:// for a certificate',
  });

export interface EdgeConfig {
  /** Folder of the queue and the list of devices (absolute). */
  dataDirectory: string;
  /** Where devices and the status page connect. A gateway in a facility listens on its own network: `0.0.0.0`. */
  host: string;
  port: number;
  /** For devices that speak TLS; null for none. PEM. */
  tls: { port: number; cert: string; key: string } | null;
  statusPort: number;
  hubUrl: string;
  facility: string;
  /** Towards the hub: a secret, a certificate with its key (paths), or both. */
  secret: string | null;
  certificate: { certFile: string; keyFile: string } | null;
  /** The authority that the hub's own certificate is held against (PEM); null for those that Node.js knows. */
  ca: string | null;
  /** Asked for when an alarm is acknowledged; null for none. */
  statusPin: string | null;
  /** Names of the internet that the status page is reached by, lower case. */
  statusNames: readonly string[];
  /** Packs on disk; above it devices are held back. */
  maxPacks: number;
  /** Bytes of the disk that stay free; below it devices are held back. */
  keepFreeBytes: number;
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
    tls:
      env.EDGE_TLS_CERT && env.EDGE_TLS_KEY
        ? { port: env.EDGE_TLS_PORT, cert: content('EDGE_TLS_CERT', env.EDGE_TLS_CERT), key: content('EDGE_TLS_KEY', env.EDGE_TLS_KEY) }
        : null,
    statusPort: env.EDGE_STATUS_PORT,
    hubUrl: env.EDGE_HUB_URL,
    facility: env.EDGE_FACILITY,
    secret: env.EDGE_SECRET ?? null,
    certificate: env.EDGE_CERT && env.EDGE_KEY ? { certFile: path.resolve(env.EDGE_CERT), keyFile: path.resolve(env.EDGE_KEY) } : null,
    ca: env.EDGE_CA ? content('EDGE_CA', env.EDGE_CA) : null,
    statusPin: env.EDGE_STATUS_PIN ?? null,
    statusNames: env.EDGE_STATUS_NAMES.split(',')
      .map(name => name.trim().toLowerCase())
      .filter(Boolean),
    maxPacks: env.EDGE_MAX_PACKS,
    keepFreeBytes: env.EDGE_KEEP_FREE_MB * 1024 * 1024,
    backlogRate: env.EDGE_BACKLOG_RATE,
    logLevel: env.EDGE_LOG,
  });
}

function content(variable: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`The gateway's configuration cannot be used:\n  ${variable}: the file ${path.resolve(file)} cannot be read`, { cause });
  }
}
