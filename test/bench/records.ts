// The record with 100,000 resources, over HTTP with validation, consent and audit: reading, creating, searching, transactions. Beside each
// figure what PostgreSQL itself takes for the same rows, in turns in the same run. Rates depend on what else the machine does; ratios hardly.
// RECORDS_TOTAL and RECORDS_ROUNDS change how many resources and rounds; RECORDS_PROFILE names a folder for a CPU profile of the server.
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Bundle, Resource } from '@medplum/fhirtypes';
import { pino } from 'pino';
import type { Person } from '../../hub/identity/index.ts';
import { openRecords } from '../../hub/records/index.ts';
import { put, versionOf } from '../../hub/records/store.ts';
import { migrate, openDatabase, startEmbeddedPostgres } from '../../hub/store/index.ts';
import { percentile, print } from './figure.ts';
import { openCeiling } from './records/ceiling.ts';
import { clientOf, repeated } from './records/load.ts';
import { HOSPITALS, observationOf, PATIENTS, patientOf, TOTAL, timeOf } from './records/made.ts';

const RESOURCES = Number(process.env.RECORDS_TOTAL ?? TOTAL);
const ROUNDS = Number(process.env.RECORDS_ROUNDS ?? 3);
const [READS, CREATES, SEARCHES, TRANSACTIONS] = [600, 1500, 200, 12];
/** Requests under way together: of readers, and of what writes (a ward round of devices). */
const [READERS, WRITERS] = [2, 16];
const ENTRIES = 50;
const HOUR = 60;

const say = (text: string) => process.stderr.write(`${text}\n`);
const folder = mkdtempSync(path.join(tmpdir(), 'hub-bench-'));
chmodSync(folder, 0o755);
const postgres = await startEmbeddedPostgres(path.join(folder, 'postgres'));
const database = openDatabase(postgres.url);
let server: ChildProcess | undefined;
try {
  await migrate(database, path.resolve(import.meta.dirname, '../../hub'));
  const records = await openRecords({ database, log: pino({ level: 'silent' }) });
  const { definitions } = records.context;
  await fill();

  const actor: Person = {
    ...{ kind: 'person', account: randomUUID(), session: randomUUID(), name: '試験 医師', reference: 'Practitioner/bench', language: 'ja' },
    roles: [{ role: 'doctor', organization: 'h0', organizationName: 'h0' }],
  };
  server = fork(path.join(import.meta.dirname, 'records/server.ts'), {
    execArgv: process.env.RECORDS_PROFILE ? ['--cpu-prof', `--cpu-prof-dir=${process.env.RECORDS_PROFILE}`] : [],
  });
  const running = server;
  running.send({ databaseUrl: postgres.url, actor });
  const [{ port }] = (await once(running, 'message')) as [{ port: number }];
  const client = clientOf(port, WRITERS);
  const ceiling = await openCeiling(postgres.url, definitions, WRITERS);

  /** Indexes of the doctor's own patients. */
  const own = (index: number) => (index * HOSPITALS) % PATIENTS;
  const ownIds = Array.from({ length: PATIENTS / HOSPITALS }, (_, index) => `p${own(index)}`);
  const fine = async (method: string, address: string, body?: unknown) => {
    const answer = await client.ask(method, address, body === undefined ? undefined : JSON.stringify(body));
    if (answer.status >= 300) throw new Error(`${method} ${address}: ${answer.status} ${answer.body.slice(0, 500)}`);
    return answer.body;
  };
  const cpu = async () => {
    running.send('usage');
    const [{ cpu: seconds }] = (await once(running, 'message')) as [{ cpu: number }];
    return seconds;
  };
  let made = 0;
  const fresh = () => observationOf(RESOURCES + made, own(made++));
  const bundle = (resources: Resource[]): Bundle => ({
    resourceType: 'Bundle',
    type: 'transaction',
    entry: resources.map(resource => ({ resource, request: { method: 'POST', url: resource.resourceType } })),
  });
  const day = (index: number) => {
    const begin = (index * 7919) % (RESOURCES - 24 * HOUR);
    return [timeOf(begin), timeOf(begin + 24 * HOUR)] as const;
  };
  let found = 0;

  const hub = { read: [], search: [], transaction: [], create: [], cpu: [] } as Record<string, number[]>;
  const own1 = { read: [], search: [], transaction: [], create: [] } as Record<string, number[]>;
  const ways = {
    read: (index: number) => fine('GET', `/Patient/p${own(index)}`).then(() => undefined),
    create: () => fine('POST', '/Observation', fresh()).then(() => undefined),
    async search(index: number) {
      const [from, to] = day(index);
      const body = await fine('GET', `/Observation?code=http://loinc.org|8867-4&date=ge${from}&date=lt${to}`);
      found += (JSON.parse(body) as Bundle).entry?.length ?? 0;
    },
    transaction: () => fine('POST', '', bundle(Array.from({ length: ENTRIES }, fresh))).then(() => undefined),
  };
  const straight = {
    read: (index: number) => ceiling.read('Patient', `p${own(index)}`),
    create: () => ceiling.create(fresh(), randomUUID()),
    async search(index: number) {
      const [from, to] = day(index);
      await ceiling.search('8867-4', from, to, ownIds);
    },
    transaction: () => ceiling.createAll(Array.from({ length: ENTRIES }, () => ({ resource: fresh(), id: randomUUID() }))),
  };
  for (let round = 0; round <= ROUNDS; round++) {
    const into = round === 0 ? { hub: structuredClone(hub), own: structuredClone(own1) } : { hub, own: own1 };
    for (const [ways_, figures] of [
      [ways, into.hub],
      [straight, into.own],
    ] as const) {
      figures.read!.push(...(await repeated(READS, READERS, ways_.read)).each);
      figures.search!.push(...(await repeated(SEARCHES, READERS, ways_.search)).each);
      const before = ways_ === ways ? await cpu() : 0;
      const created = await repeated(CREATES, WRITERS, ways_.create);
      figures.create!.push(CREATES / created.seconds);
      if (ways_ === ways) figures.cpu?.push(((await cpu()) - before) * (1000 / CREATES));
      figures.transaction!.push(...(await repeated(TRANSACTIONS, 1, ways_.transaction)).each);
    }
    const at = (values: number[], share = 0.95) => percentile(values, share).toFixed(1);
    say(
      `${round ? `round ${round}` : 'warm-up'}: read ${at(into.hub.read!)} (${at(into.own.read!)}) ms, search ${at(into.hub.search!)} (${at(into.own.search!)}) ms, ` +
        `create ${into.hub.create!.at(-1)?.toFixed(0)} (${into.own.create!.at(-1)?.toFixed(0)}) /s, ${into.hub.cpu!.at(-1)?.toFixed(2)} ms CPU each, ` +
        `transaction ${at(into.hub.transaction!, 0.5)} (${at(into.own.transaction!, 0.5)}) ms`,
    );
  }
  say(`${found} found by ${SEARCHES * (ROUNDS + 1)} searches`);

  const against = 'PostgreSQL itself, same rows';
  const delay = (figure: string, kind: string, share: number, most: number) => {
    const [value, limit] = [percentile(hub[kind]!, share), percentile(own1[kind]!, share)];
    print({
      bench: 'records',
      figure,
      value,
      unit: 'ms',
      goal: `<= ${most}`,
      met: value <= most,
      against: { name: against, value: limit, ratio: value / limit },
    });
  };
  delay('read, p95', 'read', 0.95, 5);
  const [rate, limit] = [percentile(hub.create!, 0.5), percentile(own1.create!, 0.5)];
  const rated = { name: against, value: limit, ratio: rate / limit };
  print({ bench: 'records', figure: 'create with validation', value: rate, unit: '/s', goal: '>= 500', met: rate >= 500, against: rated });
  print({ bench: 'records', figure: 'create, CPU time of the hub', value: percentile(hub.cpu!, 0.5), unit: 'ms' });
  delay('search by token and date, p95', 'search', 0.95, 15);
  delay('transaction of 50 entries, p95', 'transaction', 0.95, 150);

  client.close();
  await ceiling.close();
  running.send('end');
  await once(running, 'exit');

  /** Written by the store itself, without the audit and the checks of each: it is the figures' ground, not one of them. */
  async function fill() {
    const begun = performance.now();
    const CHUNK = 500;
    const at = new Date();
    const { connection } = records.context;
    const setUp: (Resource & { id: string })[] = [
      { resourceType: 'Practitioner', id: 'bench' },
      ...Array.from({ length: HOSPITALS }, (_, index) => ({
        resourceType: 'Organization' as const,
        id: `h${index}`,
        name: `病院${index}`,
      })),
      ...Array.from({ length: PATIENTS }, (_, index) => patientOf(index)),
    ];
    for (let index = 0; index < RESOURCES; index += CHUNK) {
      const part = Array.from(
        { length: Math.min(CHUNK, RESOURCES - index) },
        (_, n) => setUp[index + n] ?? { ...observationOf(index + n), id: `o${index + n}` },
      );
      await put(
        connection,
        part.map(resource => ({ next: versionOf(definitions, resource, resource.id, 1, at) })),
        'bench',
      );
      if (index % 20_000 === 0) say(`${index} resources`);
    }
    await database.pool.query('vacuum analyze');
    say(`filled in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
  }
} finally {
  server?.kill();
  await database.close();
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
