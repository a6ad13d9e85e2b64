// Reads the environment once, into a frozen configuration. Every variable has its default and its row in the README.
import { mkdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { z } from 'zod';

export const ROLES = ['care', 'ingest', 'predict'] as const;
export type HubRole = (typeof ROLES)[number];

const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback);

const Environment = z.object({
  HUB_DATA: z.string().min(1).default('.data'),
  HUB_ROLES: z
    .string()
    .default('all')
    .transform((text, context): HubRole[] => {
      if (text === 'all') return [...ROLES];
      const names = text.split(',').map(name => name.trim());
      const unknown = names.filter(name => !(ROLES as readonly string[]).includes(name));
      if (unknown.length)
        context.addIssue({ code: 'custom', message: `unknown role ${unknown.join(', ')}; known: all, ${ROLES.join(', ')}` });
      return names as HubRole[];
    }),
  HUB_HOST: z.string().default('127.0.0.1'),
  HUB_PORT: port(8080),
  HUB_PUBLIC_URL: z.string().url().optional(),
  HUB_TLS: z.enum(['off', 'own', 'given', 'proxy']).optional(),
  HUB_TLS_CERT: z.string().optional(),
  HUB_TLS_KEY: z.string().optional(),
  HUB_REDIRECT_PORT: z.coerce.number().int().min(0).max(65535).optional(),
  HUB_HOSTS: z.string().default(''),
  HUB_HTTP_RATE: z.coerce.number().int().min(1).default(3000),
  HUB_HTTP_ADDRESS_RATE: z.coerce.number().int().min(1).default(12_000),
  HUB_MQTT_HOST: z.string().default('127.0.0.1'),
  HUB_MQTT_PORT: port(1883),
  HUB_MQTTS_PORT: z.union([z.literal('off'), port(8883)]).default(8883),
  HUB_MQTTS_CERT: z.string().optional(),
  HUB_MQTTS_KEY: z.string().optional(),
  HUB_CA_CERT: z.string().optional(),
  HUB_CA_KEY: z.string().optional(),
  HUB_MQTT_RATE: z.coerce.number().min(1).default(200),
  HUB_MQTT_GATEWAY_RATE: z.coerce.number().min(1).default(5000),
  HUB_RAW_DAYS: z.coerce.number().int().min(0).max(3650).default(90),
  HUB_MEDIA_PORT: port(44400),
  HUB_MEDIA_LISTEN: z.string().default('127.0.0.1'),
  HUB_MEDIA_ANNOUNCE: z.string().optional(),
  HUB_MEDIA_WORKERS: z.coerce.number().int().min(1).max(256).default(availableParallelism()),
  HUB_PREDICT_SECONDS: z.coerce.number().min(1).max(3600).default(60),
  HUB_PLATFORM_URL: z.string().url().optional(),
  HUB_SIGNER_URL: z.string().url().optional(),
  HUB_SIGNER_CA: z.string().optional(),
  HUB_SIGNER_FALLBACK: z.enum(['local', 'refuse']).default('local'),
  HUB_TSA_URL: z.string().url().optional(),
  HUB_TSA_CA: z.string().optional(),
  FHIR_PACKAGES: z.string().optional(),
  FHIR_UNKNOWN_PROFILE: z.enum(['warning', 'error']).default('warning'),
  FHIR_SUBSCRIPTION_HOSTS: z.string().default(''),
  HUB_VAPID_PRIVATE_KEY: z
    .string()
    .regex(/^[\w-]{43}$/)
    .optional(),
  HUB_VAPID_SUBJECT: z.url().optional(),
  HUB_PUSH_SERVICES: z.string().default(''),
  HUB_MAIL_URL: z.url({ protocol: /^smtps?$/ }).optional(),
  HUB_MAIL_FROM: z.string().min(3).optional(),
  HUB_LOG: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  HUB_SECRET: z.string().min(32).optional(),
  HUB_FILE_KEY: z.string().min(32).optional(),
  HUB_BACKUP_RECIPIENT: z.string().default(''),
  HUB_BACKUP_PASSPHRASE: z.string().min(12).optional(),
  HUB_BACKUP_IDENTITY: z.string().startsWith('AGE-SECRET-KEY-').optional(),
  HUB_BACKUP_INFLUX: z.string().default('127.0.0.1:8088'),
  DATABASE_URL: z.string().url().optional(),
  INFLUX_URL: z.string().url().optional(),
  MQTT_URL: z.string().url().optional(),
  HUB_PATIENT_ISSUER: z.url().optional(),
  HUB_PATIENT_CLIENT: z.string().min(1).default('remote-care-hub'),
  HUB_CLINICIAN_ISSUER: z.url().optional(),
  HUB_CLINICIAN_CLIENT: z.string().min(1).default('remote-care-hub'),
  HUB_SECOND_FACTOR: z.enum(['required', 'off']).default('required'),
  HUB_DEMONSTRATION: z.enum(['0', '1']).default('0'),
  HUB_EMBEDDED: z.string().default(''),
});

/** A certificate and its key: files (PEM). */
interface Files {
  certificate: string;
  key: string;
}

/** The hub's configuration. Ports are TCP unless said; times are in the unit of the name. */
export interface Config {
  /** Folder that holds everything the hub keeps (absolute). */
  dataDirectory: string;
  roles: HubRole[];
  http: { host: string; port: number; publicUrl: string };
  /** How the pages are guarded on their way. */
  door: {
    /** Who speaks TLS: nobody (loopback only), the hub with its own authority's or a given certificate, or a proxy in front of it. */
    tls: 'off' | 'own' | 'proxy' | { given: Files };
    /** Names besides the public one that the hub answers to. */
    names: string[];
    /** A port in plain text that only leads to https. */
    redirectPort?: number;
    /** Requests a minute. */
    rates: { person: number; address: number };
  };
  /** `url` is what the hub's own roles connect to; `embedded` is false when MQTT_URL names an outside broker. */
  mqtt: { host: string; port: number; url: string; embedded: boolean };
  /**
   * MQTT over TLS at the embedded broker, and certificates: `hosts` are the names that the broker's own certificate holds for, `url` is what
   * devices are told. Null: neither.
   */
  mqtts: { port: number; hosts: string[]; url: string | null; given?: Files } | null;
  /** The hub itself needs an authority: for its devices, or for its own certificate. */
  needsAuthority: boolean;
  /** The certificate authority, when it is not the hub's own. */
  ca?: Files;
  /** Messages a second that the embedded broker reads from one login in the long run. */
  mqttRates: { device: number; gateway: number };
  /** Days that samples are kept as they came and may be old when they come; 0 keeps them for ever, and makes no aggregates. */
  rawDays: number;
  /** WebRTC: worker i listens on UDP and TCP port `port + i`. */
  media: { port: number; listenIp: string; announcedAddress?: string; workers: number };
  predictSeconds: number;
  /** Base URL of the shared record platform; without it documents wait in the outbox. */
  platformUrl?: string;
  /**
   * Signatures and timestamps of documents: services outside, and files (PEM) of the authorities that are believed. Without a signing service, or
   * when it is away and `fallback` is `local`, the hub signs itself.
   */
  signing: { signerUrl?: string; signerCa?: string; fallback: 'local' | 'refuse'; stampUrl?: string; stampCa?: string };
  /** FHIR packages whose profiles resources are held to, a folder for what is worked out of them, and what an unknown profile is. */
  packages: { folder?: string; cache: string; unknown: 'warning' | 'error' };
  /** Hosts (`name` or `name:port`) that a subscription's rest-hook may lead to although they are inside the own network or without TLS. */
  subscriptionHosts: string[];
  /** Web Push: the hub's own key (base64url), who runs it, and origins of push services besides the browsers' own. */
  push: { privateKey?: string; subject?: string; services: string[] };
  /** Server and sender for e-mail; without both, e-mail is no way to page. */
  mail?: { url: string; from: string };
  logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  secret?: string;
  /** Seals kept files; without it the key comes from the secret. */
  fileKey?: string;
  backup: {
    /** Recipients of age that backups are encrypted for. */
    recipients: string[];
    /** Encrypts and opens backups when there are no recipients. */
    passphrase?: string;
    /** Opens backups. */
    identity?: string;
    /** `host:port` of the backup service of a given InfluxDB. */
    influx: string;
  };
  /** Staff sign in with two factors; false in the demonstration, whose links open full sessions, and in tests. */
  twoFactors: boolean;
  /** Sign-ins elsewhere (OpenID Connect), for patients and for clinicians. */
  providers: { patient?: { issuer: string; client: string }; clinician?: { issuer: string; client: string } };
  databaseUrl?: string;
  influxUrl?: string;
  /** People and facility are simulated; every page says so. */
  demonstration: boolean;
  /** The store was started by the hub itself. */
  databaseEmbedded: boolean;
  influxEmbedded: boolean;
}

/**
 * Reads the configuration from an environment.
 * @throws Error with one line per wrong variable, naming the variable and what it may hold.
 */
export function readConfig(environment: Record<string, string | undefined> = process.env): Config {
  const given = withFiles(Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== '')));
  const parsed = Environment.safeParse(given);
  if (!parsed.success) {
    throw new Error(
      `The configuration cannot be used:\n${parsed.error.issues.map(issue => `  ${issue.path.join('.')}: ${issue.message}`).join('\n')}`,
    );
  }
  const env = parsed.data;
  const tls = tlsOf(env);
  const publicUrl = (env.HUB_PUBLIC_URL ?? `${tls === 'off' || tls === 'proxy' ? 'http' : 'https'}://localhost:${env.HUB_PORT}`).replace(
    /\/$/,
    '',
  );
  const dataDirectory = path.resolve(env.HUB_DATA);
  // Others may walk through (the embedded PostgreSQL runs as its own user), and see nothing.
  mkdirSync(dataDirectory, { recursive: true, mode: 0o711 });
  return Object.freeze({
    dataDirectory,
    roles: env.HUB_ROLES,
    http: {
      host: env.HUB_HOST,
      port: env.HUB_PORT,
      publicUrl,
    },
    door: {
      tls,
      names: listOf(env.HUB_HOSTS),
      redirectPort: env.HUB_REDIRECT_PORT,
      rates: { person: env.HUB_HTTP_RATE, address: env.HUB_HTTP_ADDRESS_RATE },
    },
    mqtt: {
      host: env.HUB_MQTT_HOST,
      port: env.HUB_MQTT_PORT,
      url: env.MQTT_URL ?? `mqtt://127.0.0.1:${env.HUB_MQTT_PORT}`,
      embedded: !env.MQTT_URL,
    },
    mqtts: mqttsOf(env),
    needsAuthority: env.HUB_MQTTS_PORT !== 'off' || tls === 'own',
    ca: filesOf(env, 'HUB_CA_CERT', 'HUB_CA_KEY'),
    mqttRates: { device: env.HUB_MQTT_RATE, gateway: env.HUB_MQTT_GATEWAY_RATE },
    rawDays: env.HUB_RAW_DAYS,
    media: {
      port: env.HUB_MEDIA_PORT,
      listenIp: env.HUB_MEDIA_LISTEN,
      announcedAddress: env.HUB_MEDIA_ANNOUNCE,
      workers: env.HUB_MEDIA_WORKERS,
    },
    predictSeconds: env.HUB_PREDICT_SECONDS,
    platformUrl: env.HUB_PLATFORM_URL,
    signing: {
      signerUrl: env.HUB_SIGNER_URL,
      signerCa: env.HUB_SIGNER_CA && path.resolve(env.HUB_SIGNER_CA),
      fallback: env.HUB_SIGNER_FALLBACK,
      stampUrl: env.HUB_TSA_URL,
      stampCa: env.HUB_TSA_CA && path.resolve(env.HUB_TSA_CA),
    },
    packages: {
      folder: env.FHIR_PACKAGES && path.resolve(env.FHIR_PACKAGES),
      cache: path.join(dataDirectory, 'fhir-packages'),
      unknown: env.FHIR_UNKNOWN_PROFILE,
    },
    subscriptionHosts: env.FHIR_SUBSCRIPTION_HOSTS.split(',')
      .map(host => host.trim().toLowerCase())
      .filter(Boolean),
    push: {
      privateKey: env.HUB_VAPID_PRIVATE_KEY,
      subject: env.HUB_VAPID_SUBJECT,
      services: listOf(env.HUB_PUSH_SERVICES),
    },
    mail: env.HUB_MAIL_URL && env.HUB_MAIL_FROM ? { url: env.HUB_MAIL_URL, from: env.HUB_MAIL_FROM } : undefined,
    logLevel: env.HUB_LOG,
    secret: env.HUB_SECRET,
    fileKey: env.HUB_FILE_KEY,
    backup: {
      recipients: listOf(env.HUB_BACKUP_RECIPIENT),
      passphrase: env.HUB_BACKUP_PASSPHRASE,
      identity: env.HUB_BACKUP_IDENTITY,
      influx: env.HUB_BACKUP_INFLUX,
    },
    providers: {
      ...(env.HUB_PATIENT_ISSUER ? { patient: { issuer: env.HUB_PATIENT_ISSUER, client: env.HUB_PATIENT_CLIENT } } : {}),
      ...(env.HUB_CLINICIAN_ISSUER ? { clinician: { issuer: env.HUB_CLINICIAN_ISSUER, client: env.HUB_CLINICIAN_CLIENT } } : {}),
    },
    twoFactors: env.HUB_SECOND_FACTOR === 'required' && env.HUB_DEMONSTRATION !== '1',
    databaseUrl: env.DATABASE_URL,
    influxUrl: env.INFLUX_URL,
    demonstration: env.HUB_DEMONSTRATION === '1',
    databaseEmbedded: env.HUB_EMBEDDED.includes('database'),
    influxEmbedded: env.HUB_EMBEDDED.includes('influx'),
  });
}

type Given = z.infer<typeof Environment>;

const listOf = (text: string) =>
  text
    .split(',')
    .map(part => part.trim())
    .filter(Boolean);

/** Each variable can also stand in a file that `<name>_FILE` names: secrets of a container, or of a service manager. */
function withFiles(environment: Record<string, string | undefined>): Record<string, string | undefined> {
  const all = { ...environment };
  for (const name of Object.keys(Environment.shape)) {
    const file = environment[`${name}_FILE`];
    if (file === undefined) continue;
    if (environment[name] !== undefined) throw wrong(`${name}: is set, and ${name}_FILE too; set one of them`);
    try {
      all[name] = readFileSync(file, 'utf8').trim();
    } catch (cause) {
      throw wrong(`${name}_FILE: ${file} cannot be read: ${(cause as Error).message}`);
    }
  }
  return all;
}

const wrong = (line: string) => new Error(`The configuration cannot be used:\n  ${line}`);

/** Whoever reaches the hub over a network does so by TLS: the hub's, or that of a proxy which it was told of. */
function tlsOf(env: Given): Config['door']['tls'] {
  const given = filesOf(env, 'HUB_TLS_CERT', 'HUB_TLS_KEY');
  const way = env.HUB_TLS ?? (given ? 'given' : 'off');
  if (given && way !== 'given') throw wrong(`HUB_TLS: is ${way}, but HUB_TLS_CERT is set; say HUB_TLS=given or leave the files out`);
  if (way === 'given' && !given) throw wrong('HUB_TLS: given needs HUB_TLS_CERT and HUB_TLS_KEY, files (PEM)');
  const secure = way === 'own' || way === 'given';
  if (secure && env.HUB_PUBLIC_URL?.startsWith('http:')) throw wrong('HUB_PUBLIC_URL: must begin with https:// where the hub speaks TLS');
  if (!secure && env.HUB_REDIRECT_PORT !== undefined) throw wrong('HUB_REDIRECT_PORT: leads to https, which HUB_TLS=own or given opens');
  if (way === 'off' && !/^(127(\.\d+){3}|::1|localhost)$/.test(env.HUB_HOST)) {
    throw wrong(
      `HUB_TLS: HTTP would listen on ${env.HUB_HOST} in plain text. Set HUB_TLS=own (a certificate of the hub’s own authority), HUB_TLS_CERT and HUB_TLS_KEY (a given one), or HUB_TLS=proxy when a proxy in front speaks TLS and nobody else reaches this port`,
    );
  }
  return given ? { given } : (way as 'off' | 'own' | 'proxy');
}

function mqttsOf(env: Given): Config['mqtts'] {
  const port = env.HUB_MQTTS_PORT;
  if (port === 'off') return null;
  const host = new URL(env.HUB_PUBLIC_URL ?? 'http://localhost').hostname;
  const listening = ['0.0.0.0', '::'].includes(env.HUB_MQTT_HOST) ? [] : [env.HUB_MQTT_HOST];
  return {
    port,
    hosts: [...new Set([host.replace(/^\[|\]$/g, ''), ...listening, 'localhost', '127.0.0.1', '::1'])],
    // Behind an outside broker, and for whichever port is free, there is no address to tell.
    url: env.MQTT_URL || port === 0 ? null : `mqtts://${host}:${port}`,
    given: filesOf(env, 'HUB_MQTTS_CERT', 'HUB_MQTTS_KEY'),
  };
}

function filesOf(
  env: Given,
  certificate: 'HUB_CA_CERT' | 'HUB_MQTTS_CERT' | 'HUB_TLS_CERT',
  key: 'HUB_CA_KEY' | 'HUB_MQTTS_KEY' | 'HUB_TLS_KEY',
): Files | undefined {
  if (!env[certificate] !== !env[key]) throw wrong(`${certificate}: goes with ${key}; set both or neither`);
  return env[certificate] && env[key] ? { certificate: path.resolve(env[certificate]), key: path.resolve(env[key]) } : undefined;
}
