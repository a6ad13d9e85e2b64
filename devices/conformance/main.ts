// The command line of the conformance run: `npm run conformance -- …`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { deviceUsername, isId, loadProfiles } from '../index.ts';
import { runAtHub } from './at-hub.ts';
import {
  type BenchAuthority,
  type Check,
  judge,
  makeBenchAuthority,
  observe,
  openBenchBroker,
  reportOf,
  reportPage,
  signingKey,
  signReport,
  verifyReport,
} from './index.ts';

const HELP = `npm run conformance -- --host https://HUB --device ID [--email E-MAIL | --link SIGN-IN-LINK] [options]
npm run conformance -- --listen mqtt://ADDRESS:PORT --facility ID --device ID --secret SECRET [options]
npm run conformance -- --verify report.json [--thumbprint T]

Checks whether a device keeps the device contract (devices/README.md).

With --host a hub observes the device at its own broker, as on the page "Bench" of its web application: the device stays pointed at the
hub. You are asked for nothing but who you are: the device's maker, or the manager of its facility.

  --host URL            the hub's address, as in the browser
  --device ID           a registered device that watches no resident
  --facility ID         where it is registered; needed when you are maker or manager at several places
  --email ADDRESS       with your password in CONFORMANCE_PASSWORD; or
  --link URL            a sign-in link of yours
  --minutes N           how long the device is observed undisturbed; by its profile's interval when missing

With --listen no hub is needed, and nothing leaves this computer: the run is itself the broker. Point the device there (same user name,
same secret), switch it on, and follow what is said.

  --listen mqtt://A:P   where the run listens (port 1883 when missing); mqtt://0.0.0.0:1883 for every address of this computer.
                        mqtts://A:P (port 8883 when missing) speaks TLS: an authority of this run alone, the device's first certificate
                        and its key are written to the report's folder, for the device to be given
  --facility, --device  ids in the device's topics
  --secret SECRET       the device's secret; or set CONFORMANCE_SECRET, which other users of this computer cannot read. Not needed with
                        mqtts:// and a certificate
  --username NAME       what the device signs in with; it can only be FACILITY/DEVICE
  --profile ID          kind of device; when missing, the one that fits its first pack
  --minutes N           how long the device is observed undisturbed (default 5); two to ten minutes more are needed to take the network
                        away once, to withhold PUBACKs once, and to ask for a new certificate
  --return N            seconds the device may take to come back after a lost connection (default 60)
  --key FILE            private key that signs the report (Ed25519 or P-256, PKCS #8, PEM); when missing, one is made once in the folder

Both:
  --report DIR          folder for report.json and report.html (default ./conformance)
  --verify FILE         checks a report's signature; with --thumbprint also that this key signed

Ends with status 0 when nothing failed, 1 when something did, 2 when the run could not be made. Ctrl-C ends early; with --listen there is
a report all the same.
`;

class Usage extends Error {}

const MARKS: Record<Check['status'], string> = {
  pass: '合格 pass',
  fail: '不合格 FAIL',
  'not-seen': '未確認 not seen',
  'not-applicable': '対象外 not applicable',
};

function parse() {
  try {
    return parseArgs({
      options: {
        host: { type: 'string' },
        listen: { type: 'string' },
        facility: { type: 'string' },
        device: { type: 'string' },
        username: { type: 'string' },
        secret: { type: 'string' },
        email: { type: 'string' },
        link: { type: 'string' },
        profile: { type: 'string' },
        minutes: { type: 'string' },
        return: { type: 'string', default: '60' },
        report: { type: 'string', default: 'conformance' },
        key: { type: 'string' },
        verify: { type: 'string' },
        thumbprint: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new Usage((error as Error).message);
  }
}
type Values = ReturnType<typeof parse>;

function listenAt(text: string): { host: string; port: number; tls: boolean } {
  const url = URL.parse(text.includes('://') ? text : `mqtt://${text}`);
  const tls = url?.protocol === 'mqtts:';
  if ((url?.protocol !== 'mqtt:' && !tls) || !url?.hostname || (url.pathname !== '' && url.pathname !== '/'))
    throw new Usage(`--listen must look like mqtt://192.168.1.10:1883 or mqtts://192.168.1.10:8883, not "${text}"`);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? (tls ? 8883 : 1883) : Number(url.port), tls };
}

function hubAt(text: string): string {
  if (/^mqtts?:/.test(text))
    throw new Usage(
      '--host is the address of a hub as in the browser (https://…): MQTT shows nobody what another client sends. To check without a hub, give --listen mqtt://…',
    );
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') throw new Usage(`--host must look like https://hub.example, not "${text}"`);
  return url.origin;
}

function numberIn(name: string, text: string, lowest: number, highest: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= lowest && value <= highest))
    throw new Usage(`--${name} must be a number from ${lowest} to ${highest}`);
  return value;
}

function id(name: 'facility' | 'device', values: Values): string {
  const text = values[name];
  if (!text || !isId(text)) throw new Usage(`--${name} is needed: 1 to 64 letters, digits and hyphens`);
  return text;
}

function verify(file: string, expected: string | undefined): number {
  try {
    const report = verifyReport(readFileSync(file, 'utf8'));
    if (expected && report.key.kid !== expected) throw new Error(`the report was signed by another key: ${report.key.kid}`);
    process.stdout.write(
      `署名は正しいです。 The signature is right.\n${report.device}: ${report.result}, ${report.endedAt}\n署名の鍵 key: ${report.key.kid}\n`,
    );
    return 0;
  } catch (error) {
    process.stdout.write(`署名を確かめられません。 Not verified: ${(error as Error).message}\n`);
    return 1;
  }
}

const say = ({ ja, en }: { ja: string; en: string }) => void process.stderr.write(`${ja}\n  ${en}\n`);

function ending(): AbortSignal {
  const early = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => early.abort());
  return early.signal;
}

/** Writes the report and says what is in it. */
function finish(folder: string, json: string, page: string): number {
  const report = verifyReport(json);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'report.json'), json);
  writeFileSync(path.join(folder, 'report.html'), page);
  for (const { title, status, reason } of report.checks)
    process.stdout.write(`${MARKS[status]}  ${title.ja} / ${title.en}\n    ${reason.ja}\n    ${reason.en}\n`);
  process.stdout.write(`\n${path.join(folder, 'report.html')}  ${path.join(folder, 'report.json')}\n`);
  return report.result === 'pass' ? 0 : 1;
}

async function atHub(values: Values): Promise<number> {
  const hub = hubAt(values.host!);
  const device = id('device', values);
  const password = process.env.CONFORMANCE_PASSWORD;
  if (!values.link && !(values.email && password))
    throw new Usage('--link, or --email with CONFORMANCE_PASSWORD, is needed: the hub lets the maker and the manager of a device check it');
  const { view, report } = await runAtHub({
    ...{ hub, device, facility: values.facility === undefined ? null : id('facility', values), tell: say, signal: ending() },
    signIn: values.link ? { link: values.link } : { email: values.email!, password: password! },
    ...(values.minutes === undefined ? {} : { minutes: numberIn('minutes', values.minutes, 0.05, 60) }),
    onCheck: ({ title, status }) => process.stderr.write(`${status === 'waiting' ? '' : MARKS[status]}  ${title.ja} / ${title.en}\n`),
  });
  if (report) return finish(values.report, report.json, report.page);
  if (view.reason) say(view.reason);
  return 2;
}

/** Makes the run's authority and leaves in the folder what the device needs of it. */
async function writeCertificates(facility: string, device: string, host: string, folder: string): Promise<BenchAuthority> {
  const everywhere = host === '0.0.0.0' || host === '::';
  const own = Object.values(networkInterfaces()).flatMap(addresses => addresses?.map(({ address }) => address) ?? []);
  // Addresses of one link carry its name behind a %, which no certificate knows.
  const hosts = everywhere ? [hostname(), 'localhost', ...own.filter(address => !address.includes('%'))] : [host];
  const authority = await makeBenchAuthority(facility, device, hosts);
  mkdirSync(folder, { recursive: true });
  const files = { 'ca.pem': authority.ca, 'device.pem': authority.device.certificate, 'device.key': authority.device.key };
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), `${content.trim()}\n`, { mode: 0o600 });
  say({
    ja: `機器に入れるもの: ${Object.keys(files).join(', ')}（${folder}）`,
    en: `For the device: ${Object.keys(files).join(', ')} in ${folder}`,
  });
  return authority;
}

async function listen(values: Values): Promise<number> {
  const { host, port, tls } = listenAt(values.listen!);
  const [facility, device] = [id('facility', values), id('device', values)];
  const expected = deviceUsername(facility, device);
  if (values.username !== undefined && values.username !== expected)
    throw new Usage(`--username: the device contract has only one user name for this device, ${expected}`);
  const secret = values.secret ?? process.env.CONFORMANCE_SECRET ?? null;
  if (!secret && !tls) throw new Usage('--secret (or CONFORMANCE_SECRET) is needed');
  const known = loadProfiles();
  const named = values.profile === undefined ? undefined : known.get(values.profile);
  if (values.profile !== undefined && !named) throw new Usage(`--profile must be one of ${[...known.keys()].join(', ')}`);
  const minutes = numberIn('minutes', values.minutes ?? '5', 0.05, 24 * 60);
  const returnLimit = numberIn('return', values.return, 1, 3600) * 1000;
  // Before the run: a key that cannot be used must not cost a quarter of an hour.
  const key = signingKey(values.report, values.key);
  const authority = tls ? await writeCertificates(facility, device, host, values.report) : undefined;
  const { observed, profile } = await observe(onEvent => openBenchBroker({ host, port, facility, device, secret, authority, onEvent }), {
    ...{ facility, device, returnLimit, profiles: named ? [named] : [...known.values()], observe: minutes * 60_000 },
    ...{ tell: say, signal: ending() },
  });
  const signed = signReport(reportOf(observed, profile && { id: profile.id, name: profile.name }, judge(observed, profile)), key);
  return finish(values.report, signed, reportPage(verifyReport(signed)));
}

try {
  const values = parse();
  if (values.help) process.stdout.write(HELP);
  else if (values.verify !== undefined) process.exitCode = verify(values.verify, values.thumbprint);
  else if (values.host !== undefined && values.listen !== undefined)
    throw new Usage('Give --host (a hub observes) or --listen (this command is the broker), not both');
  else if (values.host !== undefined) process.exitCode = await atHub(values);
  else if (values.listen !== undefined) process.exitCode = await listen(values);
  else throw new Usage('--host or --listen is needed');
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  if (error instanceof Usage) process.stderr.write('npm run conformance -- --help says more.\n');
  process.exitCode = 2;
}
