// `node simulator/national/identity-main.ts`: both simulated sign-ins, for patients and for clinicians, as a process of its own.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type IdentityProvider, startIdentityProvider } from './identity.ts';
import type { Identified } from './identity-people.ts';

const HELP = `node simulator/national/identity-main.ts [options]: stand-ins for the national sign-ins (OpenID Connect).

  --patient-port N     port for patients, with the surface of デジタル認証アプリ (default 8093)
  --clinician-port N   port for clinicians, an HPKI login (default 8094)
  --hub URL            the hub that people come from (default http://localhost:8080)
  --people FILE        JSON { patients: [], clinicians: [] }; read anew for each sign-in`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    'patient-port': { type: 'string', default: '8093' },
    'clinician-port': { type: 'string', default: '8094' },
    hub: { type: 'string', default: 'http://localhost:8080' },
    people: { type: 'string' },
  },
});

/** The people of the file as it is now; none while there is no file. */
function people(kind: 'patients' | 'clinicians'): Identified[] {
  try {
    return (JSON.parse(readFileSync(values.people ?? '', 'utf8')) as Record<typeof kind, Identified[]>)[kind];
  } catch {
    return [];
  }
}

const start = (kind: 'patient' | 'clinician'): Promise<IdentityProvider> =>
  startIdentityProvider({
    port: Number(values[`${kind}-port`]),
    kind,
    people: () => people(`${kind}s`),
    client: { id: 'remote-care-hub', redirectUri: `${values.hub}/oidc/${kind}`, jwksUri: `${values.hub}/.well-known/jwks.json` },
  });

if (values.help) {
  console.log(HELP);
} else {
  try {
    const started = [await start('patient'), await start('clinician')];
    console.log(`The simulated sign-ins are ready: ${started.map(({ issuer }) => issuer).join(' ')}`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => void Promise.all(started.map(each => each.close())).then(() => process.exit(0)));
  } catch (error) {
    console.error(`The sign-ins could not start: ${(error as Error).message}`);
    process.exit(1);
  }
}
