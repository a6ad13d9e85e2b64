// The care role: HTTP, signalling, rooms and records. It wires the areas; none of them knows another's inside.
import path from 'node:path';
import { getRequestListener } from '@hono/node-server';
import type { Organization, Period, PractitionerRole } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { connect } from 'mqtt';
import { limitRoutes } from '../alarms/index.ts';
import {
  alertRoutes,
  askDoctor,
  attachAlerts,
  budgetRoutes,
  handoverRoutes,
  onCallRoutes,
  openAlerts,
  openHandovers,
  openReach,
  pushRoutes,
  readCard,
} from '../alerts/index.ts';
import { openBench } from '../bench/index.ts';
import { STILL_BYTES, startConsult } from '../consult/index.ts';
import { healthRoutes, makeApp, openSockets, trustRoutes } from '../http/index.ts';
import {
  accountsOf,
  administratorsOf,
  appRoutes,
  type HeldRole,
  oauthRoutes,
  oidcRoutes,
  openAuthority,
  openIdentity,
  PERSON_ROLES,
  type Person,
  type PersonRole,
  peopleRoutes,
  ROLES_CHANNEL,
  SESSIONS_CHANNEL,
  service,
  sessionRoutes,
  signedIn,
  smartConfiguration,
  wellKnownRoutes,
} from '../identity/index.ts';
import { assignmentsOf, attachCoverage, deviceRoutes } from '../ingest/index.ts';
import { learningRoutes } from '../learning/index.ts';
import { phrRoutes, sharedRoutes } from '../phr/index.ts';
import { currentModel, predictionsOf } from '../predict/index.ts';
import {
  actsFor,
  attachRights,
  documentRoutes,
  draftRoutes,
  elsewhereRoutes,
  emergencyRoutes,
  exportRoutes,
  fhirRoutes,
  noteRoutes,
  noteStates,
  openJournal,
  openRecords,
  openSigning,
  type Records,
  ROLE_SYSTEM,
  recordRoutes,
  sensorIntervals,
  sensorSummary,
  startSealer,
  watchEmergencies,
} from '../records/index.ts';
import { openFiles } from '../store/index.ts';
import { attachVitals, vitalsRoutes } from '../vitals/index.ts';
import { doorOf } from './door.ts';
import { present } from './presence.ts';
import { type RoleContext, runRole } from './role.ts';
import { stateRoutes } from './state.ts';
import { openSubscriptions } from './subscriptions.ts';
import { maySee, organizationName, whoIs } from './who-is.ts';

await runRole('care', async context => {
  const { config, log, database, samples, secrets } = context;
  const records = await openRecords({ database, log, packages: config.packages });
  const authority = config.needsAuthority ? await openAuthority({ dataDirectory: config.dataDirectory, given: config.ca }) : undefined;
  const identity = await openIdentity({
    database,
    secret: secrets.session,
    publicUrl: config.http.publicUrl,
    rolesInRecord: practitioners => rolesInRecord(records, practitioners),
    audit: entry => records.audit(entry),
    demonstration: config.demonstration,
    twoFactors: config.twoFactors,
    providers: config.providers,
    actsFor: relatedPerson => actsFor(records, relatedPerson),
    log,
  });
  const signing = await openSigning({ config, seed: secrets.documents, log });
  // Not waited for: consultations do not need the broker, and it connects by itself when the broker is there.
  const mqtt = connect(config.mqtt.url, {
    username: 'hub',
    password: secrets.mqttInternal,
    clientId: `hub-care-${process.pid}`,
    reconnectPeriod: 500,
    connectTimeout: 5000,
  });
  mqtt.on('error', error => log.warn({ problem: error.message }, 'the broker cannot be reached'));

  const sealer = startSealer({ database, log, dataDirectory: config.dataDirectory });
  const alerts = openAlerts({ database, records, log });
  const reach = openReach({ config, database, records });
  const { connection, now } = records.context;
  const journal = openJournal({ connection, now, directory: path.join(config.dataDirectory, 'audit') });
  const emergencies = watchEmergencies({
    ...{ records, journal, log },
    administrators: () => administratorsOf(database),
    patient: id => accountsOf(database, [`Patient/${id}`]),
    mail: reach.mail?.tell,
  });
  const door = await doorOf(config, authority, log);
  const { server, doors, proxied, trust } = door;
  const sockets = openSockets(server, identity.actorOf, { doors, proxied });
  const subscriptions = await openSubscriptions(context, { records, identity, server, doors });
  const recheck = () => {
    void sockets.recheck();
    void subscriptions.recheck();
  };
  await database.listen(SESSIONS_CHANNEL, recheck, recheck);
  // After identity has forgotten the roles it remembered: it listened first.
  await database.listen(ROLES_CHANNEL, recheck, recheck);
  const consult = await startConsult({
    config,
    database,
    records,
    namespace: sockets.consult,
    log,
    files: await openFiles({ dataDirectory: config.dataDirectory, area: 'consult', key: secrets.files }),
    notes: encounters => noteStates(database, encounters),
  });
  const stopAlerts = await attachAlerts({ namespace: sockets.live, alerts, database, records, log });
  const bench = await openBench({ database, records, namespace: sockets.live, mqtt, config, secret: secrets.bench, log });
  const stopCoverage = await attachCoverage({ namespace: sockets.live, database, log });
  const stopRights = await attachRights({ namespace: sockets.live, database, records, log });
  const stopVitals = attachVitals({ namespace: sockets.live, records, database, mqtt, log });

  const sharing = { database, records, publicUrl: config.http.publicUrl };
  const documents = {
    ...signing,
    sources: {
      predictions: (patient: string, from: Date, to: Date) => predictionsOf(database, patient, from, to),
      alerts: alerts.of,
      devices: (patient: string, from: Date, to: Date) => assignmentsOf(database, `Patient/${patient}`, from, to),
      summary: sensorSummary(samples),
      intervals: sensorIntervals(samples),
    },
  };

  const app = makeApp({
    log,
    signedIn: signedIn(identity),
    doors,
    proxied,
    rates: config.door.rates,
    uploads: { '/api/consult/stills': STILL_BYTES },
    webDirectory: path.resolve(import.meta.dirname, '../../web/dist'),
    open: {
      '/health': healthRoutes(checks(context, consult)),
      '/.well-known': wellKnownRoutes(identity),
      '/fhir/R4/.well-known': smartConfiguration(identity),
      '/api/oauth': oauthRoutes(identity, (actor, patient) => maySee(records, actor, patient)),
      '/api/session': sessionRoutes(identity).route('/', oidcRoutes(identity, whoIs(records))),
      '/api/shared': sharedRoutes(sharing),
      ...(trust ? { '/trust': trustRoutes(trust) } : {}),
    },
    guarded: [
      ['/api/people', peopleRoutes(identity, (doctor, patient) => treats(records, doctor, patient))],
      ['/api/apps', appRoutes(identity, organization => organizationName(records, organization))],
      ['/api/state', stateRoutes(database)],
      ['/api/devices', deviceRoutes({ database, samples, records, config, authority })],
      ['/api/bench', bench.routes],
      [
        '/api/vitals',
        vitalsRoutes({
          samples,
          records,
          database,
          predictionsOf: (patient, from, to) => predictionsOf(database, patient, from, to),
          alertsOf: alerts.of,
        }),
      ],
      ['/api/alerts/on-call', onCallRoutes({ database, ways: reach.ways, staff: reach.staff })],
      ['/api/alerts/budget', budgetRoutes({ database, alerts, card: readCard() })],
      ['/api/alerts/handover', handoverRoutes({ handovers: openHandovers({ database, alerts }), database })],
      ['/api/alerts/push', pushRoutes(reach.push)],
      ['/api/alerts', alertRoutes({ alerts, records, config, askDoctor: askDoctor({ database, alerts, request: consult.request }) })],
      ['/api/alarms', limitRoutes({ database, records })],
      ['/api/learning', learningRoutes({ database, records, currentModel: () => currentModel(database) })],
      ['/api/consult', consult.routes],
      [
        '/api/consult',
        noteRoutes({
          records,
          database,
          config,
          daySummary: sensorSummary(samples),
          dayRisk: (patient, from, to) => predictionsOf(database, patient, from, to),
          changed: consult.changed,
          ...signing,
        }),
      ],
      ['/api/records', documentRoutes({ records, database, ...signing })],
      ['/api/records', elsewhereRoutes({ config, records, database })],
      ['/api/records', draftRoutes({ records, database, ...documents })],
      ['/api/records', recordRoutes({ records, database })],
      [
        '/api/emergency',
        emergencyRoutes({ records, journal, requireFresh: actor => identity.requireFresh(actor), opened: () => emergencies.look() }),
      ],
      [
        '/api/phr',
        phrRoutes({ ...sharing, files: await openFiles({ dataDirectory: config.dataDirectory, area: 'phr', key: secrets.files }) }),
      ],
      [
        '/fhir/R4',
        exportRoutes({
          ...{ database, records },
          files: await openFiles({ dataDirectory: config.dataDirectory, area: 'export', key: secrets.files }),
        }),
      ],
      ['/fhir/R4', subscriptions.routes],
      ['/fhir/R4', fhirRoutes({ records })],
    ],
  });
  const answer = getRequestListener(app.fetch);
  // socket.io answers its own path on the same server.
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/socket.io/')) void answer(request, response);
  });
  await door.listen();
  return {
    detail: () => ({ workers: consult.workers().length }),
    async close() {
      await stopAlerts();
      await emergencies.close();
      await subscriptions.close();
      await sealer.close();
      reach.close();
      await stopCoverage();
      stopVitals();
      await stopRights();
      await bench.close();
      await consult.close();
      await sockets.close();
      await identity.stop();
      await mqtt.endAsync(true);
      door.close();
    },
  };
});

/** What the record says practitioners may act as: active PractitionerRoles with a role of this hub. Two reads for however many. */
async function rolesInRecord(records: Records, practitioners: string[]): Promise<Map<string, HeldRole[]>> {
  const repository = records.as(service('setup'));
  const roles = new Map<string, HeldRole[]>();
  // A search's address is bounded: so many at a time.
  for (let from = 0; from < practitioners.length; from += 100) {
    const some = practitioners.slice(from, from + 100);
    const held = await repository.search<PractitionerRole>(`PractitionerRole?practitioner=${some.join(',')}&active=true&_count=500`);
    const organizations = [...new Set(held.flatMap(({ organization }) => organization?.reference?.split('/')[1] ?? []))];
    const named = organizations.length
      ? await repository.search<Organization>(`Organization?_id=${organizations.join(',')}&_count=${organizations.length}`)
      : [];
    const names = new Map(named.map(({ id, name }) => [id, name ?? '']));
    for (const { code, organization, practitioner, period } of held) {
      const at = organization?.reference?.split('/')[1];
      const reference = practitioner?.reference;
      if (!at || !reference || !names.has(at)) continue;
      for (const coding of (code ?? []).flatMap(concept => concept.coding ?? [])) {
        if (coding.system !== ROLE_SYSTEM || !(PERSON_ROLES as readonly string[]).includes(coding.code ?? '')) continue;
        const role = { role: coding.code as PersonRole, organization: at, organizationName: names.get(at) ?? '' };
        roles.set(reference, [...(roles.get(reference) ?? []), { ...role, ...bounds(period) }]);
      }
    }
  }
  return roles;
}

/** The time a period speaks of; a date without a time lasts until its day is over in Japan. */
function bounds(period: Period | undefined): Pick<HeldRole, 'from' | 'until'> {
  const dayOnly = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text);
  const start = (text: string) => new Date(dayOnly(text) ? `${text}T00:00:00+09:00` : text);
  const end = (text: string) => (dayOnly(text) ? new Date(start(text).getTime() + 86_400_000) : new Date(text));
  return { from: period?.start ? start(period.start) : null, until: period?.end ? end(period.end) : null };
}

/** By the doctor's roles alone: whoever also runs a facility has no say over the patient's account through that. */
async function treats(records: Records, doctor: Person, patient: string): Promise<boolean> {
  const asDoctor = { ...doctor, roles: doctor.roles.filter(held => held.role === 'doctor') };
  const what = { ja: '患者のアカウントを扱う', en: 'handle the patient’s account' };
  return (await records.allowed(asDoctor, [patient], 'demographics', 'update', what)).has(patient);
}

function checks({ config, database, samples }: RoleContext, consult: Awaited<ReturnType<typeof startConsult>>) {
  return {
    async database() {
      const { rows } = await sql<{ version: string }>`select split_part(version(), ' ', 2) as version`.execute(database.kysely);
      return { ok: true, backend: `PostgreSQL ${rows[0]?.version} (${config.databaseEmbedded ? 'embedded' : 'given'})` };
    },
    samples: async () => ({ ok: true, backend: `${await samples.ping()} (${config.influxEmbedded ? 'embedded' : 'given'})` }),
    async broker() {
      const [role] = await present(database, 'ingest');
      return role
        ? { ok: true, backend: String(role.detail.broker) }
        : { ok: false, backend: 'none', problem: 'the ingest role is not running' };
    },
    async mediaWorkers() {
      const running = consult.workers().length;
      const problem = running < config.media.workers ? `${running} of ${config.media.workers} media workers are running` : undefined;
      return { ok: running > 0, backend: `mediasoup, ${running} workers`, problem };
    },
    async modelBackend() {
      const [role] = await present(database, 'predict');
      return role
        ? { ok: true, backend: `TensorFlow.js ${role.detail.backend}` }
        : { ok: false, backend: 'none', problem: 'the predict role is not running' };
    },
  };
}
