// The device contract as this hub keeps it, with code to begin with for one of the maker's devices.
import { CHECK_TITLES, CLOCK_LIMIT, KEEP_ALIVE_LIMIT } from '../../devices/conformance/index.ts';
import {
  CONTRACT_LIMITS,
  type ExampleDevice,
  exampleMicroPython,
  examplePack,
  exampleShell,
  exampleTypeScript,
  type Profile,
  WHAT_TO_DO,
} from '../../devices/index.ts';
import type { ContractView } from './contract.ts';

export interface ContractConfig {
  mqtt: { url: string };
  mqtts?: { url: string | null } | null;
  mqttRates?: { device: number };
  /** Days that the hub keeps samples as they came; 0 for ever. */
  rawDays?: number;
}

/** @param credential What the device signs in with: who has a certificate is shown code that uses it. */
export function contractView(
  config: ContractConfig,
  names: { facility: string; device: string },
  profile: Profile,
  credential?: 'secret' | 'certificate' | null,
): ContractView {
  const tls = config.mqtts?.url ?? null;
  const certificate = credential === 'certificate' && tls !== null;
  const example: ExampleDevice = { ...names, profile, certificate, url: certificate ? tls : config.mqtt.url };
  return {
    limits: {
      ...CONTRACT_LIMITS,
      ...(config.rawDays ? { ageDays: config.rawDays } : {}),
      perSecond: config.mqttRates?.device ?? 0,
      keepAliveSeconds: KEEP_ALIVE_LIMIT,
      clockSeconds: CLOCK_LIMIT / 1000,
    },
    reasons: Object.entries(WHAT_TO_DO).map(([reason, text]) => ({ reason, text })),
    urls: { mqtt: config.mqtt.url, mqtts: tls },
    names,
    examples: { pack: examplePack(example), ...codeOf(example) },
    tlsExamples: tls !== null && !certificate ? codeOf({ ...example, url: tls }) : null,
    checks: [...CHECK_TITLES],
  };
}

const codeOf = (example: ExampleDevice) => ({
  typescript: exampleTypeScript(example),
  shell: exampleShell(example),
  micropython: exampleMicroPython(example),
});
