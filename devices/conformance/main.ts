// The command line of the conformance run: `npm run conformance -- …`.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { deviceUsername, isId, loadProfiles } from '../index.ts';
import { type Check, judge, observe, reportOf, reportPage, signingKey, signReport, verifyReport } from './index.ts';

const HELP = `npm run conformance -- --host mqtt://ADDRESS:PORT --facility ID --device ID --secret SECRET [options]
npm run conformance -- --verify report.json [--thumbprint T]

Checks whether a device keeps the device contract (devices/README.md). The run is itself the broker: it listens at --host. Point the
device there (same user name, same secret), switch it on, and follow what is said. No hub is needed, and nothing leaves this computer.

  --host mqtt://A:P     where the run listens (port 1883 when missing); mqtt://0.0.0.0:1883 for every address of this computer
  --facility, --device  ids in the device's topics
  --username NAME       what the device signs in with; it can only be FACILITY/DEVICE
  --secret SECRET       the device's secret; or set CONFORMANCE_SECRET, which other users of this computer cannot read
  --profile ID          kind of device; when missing, the one that fits its first pack
  --minutes N           how long the device is observed undisturbed (default 5); two to ten minutes more are needed to take the network
                        away once and to withhold PUBACKs once
  --return N            seconds the device may take to come back after a lost connection (default 60)
  --report DIR          folder for report.json and report.html (default ./conformance)
  --key FILE            private key that signs the report (Ed25519 or P-256, PKCS #8, PEM); when missing, one is made once in the folder
  --verify FILE         checks a report's signature; with --thumbprint also that this key signed

Ends with status 0 when nothing failed, 1 when something did, 2 when the run could not be made. Ctrl-C ends early, with a report.
`;

class Usage extends Error {}

const MARKS: Record<Check['status'], string> = { pass: '合格 pass', fail: '不合格 FAIL', 'not-seen': '未確認 not seen' };

function parse() {
  try {
    return parseArgs({
      options: {
        host: { type: 'string' },
        facility: { type: 'string' },
        device: { type: 'string' },
        username: { type: 'string' },
        secret: { type: 'string' },
        profile: { type: 'string' },
        minutes: { type: 'string', default: '5' },
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

function listenAt(text: string): { host: string; port: number } {
  const url = URL.parse(text.includes('://') ? text : `mqtt://${text}`);
  if (url?.protocol !== 'mqtt:' || !url.hostname || (url.pathname !== '' && url.pathname !== '/'))
    throw new Usage(`--host must look like mqtt://192.168.1.10:1883, not "${text}" (TLS is not spoken here)`);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? 1883 : Number(url.port) };
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

async function run(values: Values): Promise<number> {
  if (!values.host) throw new Usage('--host is needed');
  const [facility, device] = [id('facility', values), id('device', values)];
  const expected = deviceUsername(facility, device);
  if (values.username !== undefined && values.username !== expected)
    throw new Usage(`--username: the device contract has only one user name for this device, ${expected}`);
  const secret = values.secret ?? process.env.CONFORMANCE_SECRET;
  if (!secret) throw new Usage('--secret (or CONFORMANCE_SECRET) is needed');
  const known = loadProfiles();
  const named = values.profile === undefined ? undefined : known.get(values.profile);
  if (values.profile !== undefined && !named) throw new Usage(`--profile must be one of ${[...known.keys()].join(', ')}`);
  // Before the run: a key that cannot be used must not cost a quarter of an hour.
  const key = signingKey(values.report, values.key);

  const early = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => early.abort());
  const { observed, profile } = await observe({
    ...listenAt(values.host),
    ...{ facility, device, secret },
    profiles: named ? [named] : [...known.values()],
    observe: numberIn('minutes', values.minutes, 0.05, 24 * 60) * 60_000,
    returnLimit: numberIn('return', values.return, 1, 3600) * 1000,
    tell: ({ ja, en }) => process.stderr.write(`${ja}\n  ${en}\n`),
    signal: early.signal,
  });
  const checks = judge(observed, profile);
  const signed = signReport(reportOf(observed, profile && { id: profile.id, name: profile.name }, checks), key);
  const report = verifyReport(signed);
  mkdirSync(values.report, { recursive: true });
  writeFileSync(path.join(values.report, 'report.json'), signed);
  writeFileSync(path.join(values.report, 'report.html'), reportPage(report));
  for (const { title, status, reason } of checks)
    process.stdout.write(`${MARKS[status]}  ${title.ja} / ${title.en}\n    ${reason.ja}\n    ${reason.en}\n`);
  process.stdout.write(`\n${path.join(values.report, 'report.html')}  ${path.join(values.report, 'report.json')}\n`);
  return report.result === 'pass' ? 0 : 1;
}

try {
  const values = parse();
  if (values.help) process.stdout.write(HELP);
  else process.exitCode = values.verify === undefined ? await run(values) : verify(values.verify, values.thumbprint);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  if (error instanceof Usage) process.stderr.write('npm run conformance -- --help says more.\n');
  process.exitCode = 2;
}
