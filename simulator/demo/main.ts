// `npm run demo`: the whole job with simulated people on one machine. It starts the product's own processes and uses their public interfaces.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { HubClient } from './client.ts';
import { ADMINISTRATOR_TEXT, PATIENT_TABLE_TEXT, PEOPLE, residentAt, signInsOf } from './people.ts';
import { phoneOf, tellNotices } from './phone.ts';
import { type DemoProcess, portOr, startProcess } from './processes.ts';
import { provision, type World } from './provision.ts';
import { benchPlanOf, consultationToday, planOf, tellStory } from './story.ts';

const HELP = `npm run demo -- [options]: the hub with an edge gateway, a simulated care facility and demonstration people.

  --port N         port of the web application (default 8080; another free one when it is taken)
  --residents N    residents of the simulated facility (default 12)
  --speed N        the residents' lives run N times as fast (default 1)
  --episode N      seconds until the first resident's episode begins (default 240; 0: none)
  --history N      hours of sensor data from before the start (default 6)
  --fresh          forget an earlier demonstration's data first

Data is kept in HUB_DATA (default .data). Ctrl-C ends everything.`;

const PRODUCT = path.resolve(import.meta.dirname, '../..');
/** Signs of the ordered episode begin so long before it: the shipped model sees it coming at every hour of the day (test/simulator/story). */
const PRODROME_SECONDS = 1200;
const LINK = { hours: 24, uses: 50 };

async function main() {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean' },
      port: { type: 'string', default: process.env.HUB_PORT || '8080' },
      residents: { type: 'string', default: '12' },
      speed: { type: 'string', default: '1' },
      episode: { type: 'string', default: '240' },
      history: { type: 'string', default: '6' },
      fresh: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const number = (name: 'port' | 'residents' | 'speed' | 'episode' | 'history', min: number, max: number) => {
    const value = Number(values[name]);
    if (!Number.isFinite(value) || value < min || value > max)
      throw new Error(`--${name} takes a number from ${min} to ${max}, not "${values[name]}".`);
    return value;
  };
  const wanted = {
    port: number('port', 0, 65535),
    residents: number('residents', 1, 200),
    speed: number('speed', 0.1, 100),
    episode: number('episode', 0, 86_400),
    history: number('history', 0, 72),
    fresh: values.fresh,
  };
  await run(wanted);
}

interface Wanted {
  port: number;
  residents: number;
  speed: number;
  episode: number;
  history: number;
  fresh: boolean;
}

async function run(wanted: Wanted) {
  const data = path.resolve(process.env.HUB_DATA || '.data');
  const demoData = path.join(data, 'demo');
  if (wanted.fresh) forget(data, demoData);
  else if (existsSync(path.join(demoData, 'world.json')))
    console.log(`Going on with the demonstration in ${data}; --fresh begins a new one.`);
  mkdirSync(demoData, { recursive: true, mode: 0o755 });
  const running: DemoProcess[] = [];
  let ending = false;
  let live = false;
  const end = async (code: number) => {
    if (ending) return;
    ending = true;
    console.log('\nEnding the demonstration …');
    if (live) writeFileSync(path.join(demoData, 'last-seen'), new Date().toISOString());
    for (const each of running.reverse()) await each.stop();
    process.exit(code);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0));
  const start = (name: string, file: string, args: string[], environment: Record<string, string> = {}) => {
    const started = startProcess(name, path.join(PRODUCT, file), args, environment, path.join(demoData, 'logs'));
    running.push(started);
    void started.ended.then(code => {
      if (ending) return;
      console.error(`${name} ended by itself with ${code}; see ${path.join(demoData, 'logs', `${name}.log`)}`);
      void end(1);
    });
    return started;
  };

  try {
    const http = await portOr(wanted.port);
    const [mqtt, edgePort, edgeStatus, platformPort] = [await portOr(1883), await portOr(1884), await portOr(8085), await portOr(8090)];
    const mqtts = await portOr(8883);
    const [pushPort, mailPort, smtpPort] = [await portOr(8091), await portOr(8092), await portOr(8025)];
    const [patientPort, clinicianPort] = [await portOr(8093), await portOr(8094)];
    const signingPort = await portOr(8095);
    const push = `http://127.0.0.1:${pushPort}`;
    const media = await portOr(Number(process.env.HUB_MEDIA_PORT || 44_400), availableParallelism());
    if (wanted.port !== 0 && http !== wanted.port) console.log(`Port ${wanted.port} is taken; using ${http}.`);
    const url = `http://localhost:${http}`;

    step('The shared record platform (simulated)');
    start('platform', 'simulator/national/main.ts', ['--port', String(platformPort), '--data', path.join(demoData, 'platform')]);

    step('Signatures of doctors and timestamps (simulated)');
    const signingData = path.join(demoData, 'signing');
    const signing = start('signing', 'simulator/national/signing/main.ts', ['--port', String(signingPort), '--data', signingData]);
    await signing.line(line => line.includes('ready'));

    step('The national sign-ins (simulated)');
    const people = path.join(demoData, 'identity.json');
    const signIns = start('identity', 'simulator/national/identity-main.ts', [
      ...['--patient-port', String(patientPort), '--clinician-port', String(clinicianPort)],
      ...['--hub', url, '--people', people],
    ]);
    await signIns.line(line => line.includes('ready'));

    step('Phones and e-mail (simulated)');
    start('push', 'simulator/push/main.ts', ['--port', String(pushPort)]);
    start('mail', 'simulator/mail/main.ts', ['--port', String(mailPort), '--smtp-port', String(smtpPort)]);

    step('The hub');
    const hub = start('hub', 'hub/main.ts', [], {
      HUB_DATA: data,
      HUB_PORT: String(http),
      HUB_PUBLIC_URL: url,
      HUB_MQTT_PORT: String(mqtt),
      HUB_MQTTS_PORT: String(mqtts),
      HUB_MEDIA_PORT: String(media),
      HUB_PLATFORM_URL: `http://127.0.0.1:${platformPort}`,
      HUB_SIGNER_URL: `http://127.0.0.1:${signingPort}/signer/`,
      HUB_SIGNER_CA: path.join(signingData, 'signer-ca.pem'),
      HUB_TSA_URL: `http://127.0.0.1:${signingPort}/tsa`,
      HUB_TSA_CA: path.join(signingData, 'tsa-ca.pem'),
      HUB_PUSH_SERVICES: push,
      HUB_MAIL_URL: `smtp://127.0.0.1:${smtpPort}`,
      HUB_MAIL_FROM: 'hub@example.invalid',
      HUB_PATIENT_ISSUER: `http://localhost:${patientPort}`,
      HUB_CLINICIAN_ISSUER: `http://localhost:${clinicianPort}`,
      HUB_DEMONSTRATION: '1',
    });
    let firstLink: string | undefined;
    hub.onLine(line => {
      firstLink ??= /First administrator.*#(\S+)/.exec(line)?.[1];
    });
    await hub.line(line => line.startsWith('The hub is ready'));

    const administrator = await administratorOf(url, demoData, () => firstLink);
    const linkOf = async (account: string) => (await administrator.send<{ url: string }>('POST', `/api/people/${account}/link`, LINK)).url;
    const signedInAs = async (account: string) => {
      const client = new HubClient(url);
      await client.send('POST', '/api/session/link', { token: (await linkOf(account)).split('#')[1] });
      return client;
    };

    const worldFile = path.join(demoData, 'world.json');
    const hours = Math.min(wanted.history, hoursSince(path.join(demoData, 'last-seen')));
    const world = await once(worldFile, () =>
      provision(
        administrator,
        signedInAs,
        // A minute more: the simulated past begins at a full step before its own start.
        { residents: wanted.residents, watchedSince: new Date(Date.now() - wanted.history * 3_600_000 - 60_000) },
        what => step(`Making ${what}`),
      ),
    );

    writeFileSync(people, JSON.stringify(signInsOf(world)));

    step('The edge gateway of the care facility');
    const edge = start('edge', 'edge/main.ts', [], {
      EDGE_DATA: path.join(demoData, 'edge'),
      EDGE_PORT: String(edgePort),
      EDGE_STATUS_PORT: String(edgeStatus),
      EDGE_FACILITY: world.organizations.home,
      ...edgeSignIn(world.gateway, demoData, { mqtt, mqtts }),
    });
    await edge.line(line => line.includes('"ready"') || line.includes('ready'));

    step(`${world.residents.length} residents${hours ? `, and what their sensors saw in the last ${Math.ceil(hours * 60)} minutes` : ''}`);
    const plan = path.join(demoData, 'facility.json');
    writeFileSync(plan, JSON.stringify(planOf(world, `mqtt://127.0.0.1:${edgePort}`)), { mode: 0o600 });
    const facility = start('facility', 'simulator/main.ts', [
      'facility',
      '--plan',
      plan,
      '--speed',
      String(wanted.speed),
      '--history',
      String(hours),
      ...(wanted.episode ? ['--episode', `0@${wanted.episode}:${PRODROME_SECONDS}`] : []),
    ]);
    facility.onLine(line => tellStory(line, world));
    await facility.line(line => line.includes('"live"'));
    live = true;

    step('The maker’s device on the bench, which sends a wrong unit now and then');
    const benchPlan = path.join(demoData, 'bench.json');
    writeFileSync(benchPlan, JSON.stringify(benchPlanOf(world, `mqtt://127.0.0.1:${mqtt}`)), { mode: 0o600 });
    start('bench', 'simulator/main.ts', ['facility', '--plan', benchPlan, '--no-spontaneous', '--wrong-unit', '0.25']);

    step('A consultation for today');
    await consultationToday(world, signedInAs);

    step('The caregiver’s phone asks for notifications');
    const phone = await phoneOf(await signedInAs(world.accounts.caregiver!), push);
    let told = new Date().toISOString();
    const listen = async () => {
      told = await tellNotices(push, phone, told);
    };
    setInterval(() => void listen().catch(() => undefined), 2000).unref();

    const rows: [string, string, string, string][] = [];
    const [family, given] = residentAt(0);
    rows.push(['患者 / patient', `${family} ${given}`, PATIENT_TABLE_TEXT.en, await linkOf(world.accounts.patient!)]);
    for (const person of PEOPLE)
      rows.push([ROLE_NAMES[person.role], `${person.family} ${person.given}`, person.does.en, await linkOf(world.accounts[person.key]!)]);
    const own = await administrator.send<{ account: string }>('GET', '/api/session');
    rows.push(['管理者 / administrator', '—', ADMINISTRATOR_TEXT.en, await linkOf(own.account)]);
    console.log(`\nReady: ${url}\n`);
    for (const [role, name, does, link] of rows) console.log(`  ${role}  ${name}\n      ${does}\n      ${link}`);
    console.log(`\n  Shared record platform (simulated): http://127.0.0.1:${platformPort}    Edge gateway: http://127.0.0.1:${edgeStatus}`);
    console.log(`  Phones: ${push}/messages    E-mail: http://127.0.0.1:${mailPort}/messages (both simulated)`);
    console.log(`  Sign in without a link, as a patient or doctor with a (simulated) card: ${url}/sign-in`);
    if (wanted.episode)
      console.log(
        `  In about ${Math.round(wanted.episode / 60)} minutes ${family} ${given} will become restless: watch the caregiver's floor before that.`,
      );
    console.log('  Each link may be opened in a browser profile of its own. Ctrl-C ends everything.\n');
  } catch (error) {
    if (ending) return;
    console.error(`\nThe demonstration cannot go on: ${(error as Error).message}`);
    await end(1);
  }
}

/** The gateway's side of its credentials: certificate, key and the hub's authority in files, over TLS; or its secret. */
function edgeSignIn(
  { secret, certificate }: World['gateway'],
  demoData: string,
  { mqtt, mqtts }: { mqtt: number; mqtts: number },
): Record<string, string> {
  if (!certificate) return { EDGE_HUB_URL: `mqtt://127.0.0.1:${mqtt}`, EDGE_SECRET: secret };
  const file = (name: string, text: string) => {
    const at = path.join(demoData, name);
    // What is there stays as it is: the gateway takes a file that changes for a newer certificate.
    if (!existsSync(at)) writeFileSync(at, text, { mode: 0o600 });
    return at;
  };
  return {
    EDGE_HUB_URL: `mqtts://localhost:${mqtts}`,
    EDGE_CERT: file('gateway.cert.pem', certificate.pem),
    EDGE_KEY: file('gateway.key.pem', certificate.key),
    EDGE_CA: file('ca.pem', certificate.ca),
  };
}

const ROLE_NAMES = {
  doctor: '島の医師 / island doctor',
  specialist: '専門医 / specialist',
  caregiver: '介護者 / caregiver',
  manager: '施設管理者 / facility manager',
  maker: '機器メーカー / device maker',
} as const;

function step(text: string) {
  console.log(`· ${text} …`);
}

/** The demonstration's administrator: made through the hub's one-time link, signed in by password on later starts. */
async function administratorOf(url: string, demoData: string, firstToken: () => string | undefined): Promise<HubClient> {
  const client = new HubClient(url);
  const file = path.join(demoData, 'administrator.json');
  const token = firstToken();
  if (token) {
    const credentials = { email: 'administrator@hub.example', password: randomBytes(18).toString('base64url') };
    await client.send('POST', '/api/session/first', { token, name: '管理者', ...credentials });
    writeFileSync(file, JSON.stringify(credentials), { mode: 0o600 });
    return client;
  }
  let credentials: unknown;
  try {
    credentials = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new Error(`the data in this folder belongs to a hub that was not made by the demonstration. Set HUB_DATA to another folder.`);
  }
  await client.send('POST', '/api/session/password', credentials);
  return client;
}

/** Removes what an earlier demonstration kept, and nothing that is not one. */
function forget(data: string, demoData: string) {
  if (!existsSync(data)) return;
  if (!existsSync(demoData)) throw new Error(`${data} holds no demonstration; it is left as it is.`);
  rmSync(data, { recursive: true });
}

/** Hours since the residents were last watched: only that gap is sent as the past. Infinity on the first start. */
function hoursSince(file: string): number {
  try {
    return (Date.now() - Date.parse(readFileSync(file, 'utf8'))) / 3_600_000;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

async function once(file: string, make: () => Promise<World>): Promise<World> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as World;
  } catch {
    const world = await make();
    writeFileSync(file, JSON.stringify(world), { mode: 0o600 });
    return world;
  }
}

await main().catch(error => {
  console.error((error as Error).message);
  process.exit(1);
});
