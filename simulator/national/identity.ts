// A stand-in for the national sign-ins: OpenID providers with the surface of デジタル認証アプリ and of an HPKI login. Shares no code with the hub.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Configuration, Provider } from 'oidc-provider';
import { FAULTS, type Fault, forged } from './identity-faults.ts';
import { choosePage } from './identity-page.ts';
import type { Identified } from './identity-people.ts';

export interface IdentityOptions {
  /** TCP port on loopback; 0: a free one. */
  port: number;
  kind: 'patient' | 'clinician';
  people: () => Identified[];
  client: { id: string; redirectUri: string; jwksUri: string };
}

export interface IdentityProvider {
  issuer: string;
  /** What the provider does wrong from now on, for tests; null: nothing. */
  fault(fault: Fault | null): void;
  close(): Promise<void>;
}

/** The scopes of デジタル認証アプリ, and one for what an HPKI card says. */
const CLAIMS = {
  openid: ['sub'],
  name: ['name'],
  address: ['address'],
  birthdate: ['birthdate'],
  gender: ['gender'],
  sign: [],
  hpki: ['medical_registration_number', 'hc_role', 'certificate_serial', 'certificate_not_after'],
};

/** Starts a provider. @throws when the port is taken */
export async function startIdentityProvider({ port, kind, people, client }: IdentityOptions): Promise<IdentityProvider> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...privateKey.export({ format: 'jwk' }), kid: `${kind}-1`, alg: 'ES256', use: 'sig' };
  const salt = randomBytes(16).toString('hex');
  let fault: Fault | null = null;

  const configuration: Configuration = {
    clients: [
      {
        client_id: client.id,
        redirect_uris: [client.redirectUri],
        response_types: ['code'],
        grant_types: ['authorization_code'],
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        id_token_signed_response_alg: 'ES256',
        subject_type: 'pairwise',
        jwks_uri: client.jwksUri,
      },
    ],
    jwks: { keys: [jwk as never] },
    cookies: { keys: [randomBytes(24).toString('hex')] },
    scopes: Object.keys(CLAIMS),
    claims: CLAIMS,
    clientAuthMethods: ['private_key_jwt'],
    subjectTypes: ['pairwise'],
    // The same person is another subject at every party.
    pairwiseIdentifier: (_, account, party) => createHash('sha256').update(`${salt} ${party.clientId} ${account}`).digest('hex'),
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'], clientAuthSigningAlgValues: ['ES256'] },
    ttl: { AuthorizationCode: 60, AccessToken: 300, IdToken: 300, Interaction: 600, Session: 60, Grant: 600 },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    // Only the client's keys are fetched. The hub runs on this machine, which the library's own way of fetching would not reach.
    fetch: url => globalThis.fetch(url, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(5000) }),
    findAccount(_, id) {
      const person = people().find(each => each.id === id);
      if (!person) return undefined;
      return {
        accountId: id,
        claims: () => ({
          sub: id,
          name: person.name,
          birthdate: person.birthdate,
          gender: person.gender,
          ...(person.address ? { address: { formatted: person.address } } : {}),
          medical_registration_number: person.medicalRegistrationNumber,
          hc_role: person.hcRole,
          certificate_serial: person.certificateSerial,
          certificate_not_after: person.certificateNotAfter,
        }),
      };
    },
  };
  const provider = new Provider(issuer, configuration);
  provider.use(async (context, next) => {
    if (context.method === 'PUT' && context.path === '/fault') {
      const wanted = context.query.is;
      fault = FAULTS.find(known => known === wanted) ?? null;
      context.body = { fault };
      return;
    }
    const uid = /^\/interaction\/([\w-]+)$/.exec(context.path)?.[1];
    if (uid) return choose(context.req, context.res, context.query.person, body => Object.assign(context, { type: 'html', body }));
    await next();
    const body = context.body as { id_token?: string } | undefined;
    if (fault && context.path === '/token' && body?.id_token) body.id_token = await forged(fault, body.id_token, privateKey, `${kind}-1`);
  });

  /** The page of the person's own device: choose who you are; that is the card and the PIN here. */
  async function choose(
    request: Parameters<Provider['interactionDetails']>[0],
    response: Parameters<Provider['interactionDetails']>[1],
    id: unknown,
    show: (html: string) => void,
  ) {
    const { prompt, params, grantId } = await provider.interactionDetails(request, response);
    const person = people().find(each => each.id === id);
    if (!person) return show(choosePage(kind, people()));
    const grant =
      (grantId && (await provider.Grant.find(grantId))) || new provider.Grant({ accountId: person.id, clientId: String(params.client_id) });
    grant.addOIDCScope(String(params.scope));
    const result = { login: { accountId: person.id, remember: false }, consent: { grantId: await grant.save() } };
    await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: prompt.name !== 'login' });
  }

  server.on('request', provider.callback());
  return {
    issuer,
    fault: next => {
      fault = next;
    },
    async close() {
      const closed = new Promise(resolve => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
