// HTTP of the registry, mounted at /api/devices: devices, their credentials and assignments, coverage, refused messages.
import type { Location } from '@medplum/fhirtypes';
import { type Context, Hono } from 'hono';
import { GATEWAY, isId, loadProfiles } from '../../devices/index.ts';
import type { Config } from '../config.ts';
import { readBody } from '../http/index.ts';
import { notAllowed, Problem } from '../http/problem.ts';
import type { HubEnv } from '../http/server-types.ts';
import { type Actor, hasRole, type Person } from '../identity/actor.ts';
import type { Authority } from '../identity/index.ts';
import type { Records } from '../records/records.ts';
import type { Database, SampleStore } from '../store/index.ts';
import { Assign, type CoverageView, type Credentials, NewDevice, type RefusalView } from './contract.ts';
import { coverageOf, deviceView, nextChange } from './coverage.ts';
import { credentialRoutes } from './credential-routes.ts';
import { healthRows } from './health-store.ts';
import { deviceAmbiguous, deviceUnknown, subjectElsewhere } from './problems.ts';
import { openRegistry } from './registry.ts';
import { subjectNames } from './subjects.ts';
import type { IngestTables } from './tables.ts';

export interface DeviceRoutesDependencies {
  database: Database;
  samples: SampleStore;
  records: Records;
  config: { mqtt: Config['mqtt']; mqtts?: Config['mqtts'] };
  /** Signs certificates; without it devices get secrets only. */
  authority?: Authority;
  /** ms since 1970. */
  now?: () => number;
}

/** A maker's own devices on the bench watch no one: samples of this Location reach no model and no record. */
const benchSubject = (organization: string) => `Location/bench-${organization}`;

/** Routes as named in `contract.ts`. A device is named by its id; `?facility=` tells same-named devices of several facilities apart. */
export function deviceRoutes({ database, records, config, authority, now = Date.now }: DeviceRoutesDependencies): Hono<HubEnv> {
  const profiles = loadProfiles();
  const registry = openRegistry({ database, mqttUrl: config.mqtt.url, mqttsUrl: config.mqtts?.url, authority, profiles });
  const tables = database.kysely.withTables<IngestTables>();

  const audit = (actor: Person, action: string, ja: string, en: string, subject?: string | null) =>
    records.audit({
      ...{ actor, action, what: { ja, en }, allowed: true },
      patient: subject?.startsWith('Patient/') ? subject.slice('Patient/'.length) : undefined,
    });

  /** @throws Problem 422 for a resident or a place of somewhere else: a device must not write into a stranger's record. */
  async function requireSubject(actor: Person, facility: string, subject: string) {
    const [type, id = ''] = subject.split('/');
    if (type === 'Patient') {
      const residents = await records.residents(actor, facility);
      if (!residents.some(resident => resident.patient === id)) throw subjectElsewhere();
    } else if (subject !== benchSubject(facility) && !(await isPlaceOf(actor, facility, id))) throw subjectElsewhere();
  }

  /** Whether a Location or one that it is part of (room, floor, house) is the facility's. */
  async function isPlaceOf(actor: Actor, facility: string, location: string): Promise<boolean> {
    for (let id: string | undefined = location, level = 0; id && level < 4; level++) {
      const place: Location = await records.as(actor).read('Location', id);
      if (place.managingOrganization) return place.managingOrganization.reference === `Organization/${facility}`;
      id = place.partOf?.reference?.split('/')[1];
    }
    return false;
  }

  /** The facility of the device in the path, of those where the actor may act. @throws Problem 404, 403, 409 */
  async function facilityOf(context: Context<HubEnv>, device: string): Promise<string> {
    const actor = context.var.actor;
    const asked = context.req.query('facility');
    if (asked !== undefined) {
      requireKeeper(actor, facilityIn(context));
      if (device !== GATEWAY && !(await registry.facilitiesOf(device)).includes(asked)) throw deviceUnknown();
      return asked;
    }
    const all = await registry.facilitiesOf(device);
    if (!all.length) throw deviceUnknown();
    const allowed = all.filter(facility => isKeeper(actor, facility));
    if (!allowed.length) throw notAllowed();
    if (allowed.length > 1) throw deviceAmbiguous();
    return allowed[0]!;
  }

  return new Hono<HubEnv>()
    .get('/', async context => {
      const facility = facilityIn(context);
      const actor = context.var.actor;
      requireKeeper(actor, facility);
      const [devices, nameOf, health] = await Promise.all([
        registry.devicesOf(facility),
        subjectNames(records, actor, facility),
        healthRows(database, facility),
      ]);
      return context.json(devices.map(device => deviceView(device, profiles, nameOf, now(), health.get(device.device))));
    })

    .post('/', async context => {
      const actor = context.var.actor;
      const wanted = await readBody(context, NewDevice);
      requireKeeper(actor, wanted.facility);
      const subject = wanted.subject ?? (hasRole(actor, ['maker'], wanted.facility) ? benchSubject(wanted.facility) : null);
      if (subject) await requireSubject(actor, wanted.facility, subject);
      const credentials: Credentials = await registry.createDevice({
        ...wanted,
        subject,
        from: wanted.from === undefined ? undefined : new Date(wanted.from),
      });
      await audit(actor, 'create', `機器 ${credentials.device} を登録`, `Registered the device ${credentials.device}`, subject);
      return context.json(credentials, 201);
    })

    .get('/profiles', context => context.json([...profiles.values()]))

    .get('/coverage', async context => {
      const facility = facilityIn(context);
      const actor = context.var.actor;
      requireKeeper(actor, facility);
      const [devices, residents, health, gateway] = await Promise.all([
        registry.devicesOf(facility),
        records.residents(actor, facility),
        healthRows(database, facility),
        registry.gatewayOf(facility),
      ]);
      const what = { ja: '見守りの状況', en: 'Coverage by sensors' };
      const patients = residents.map(resident => resident.patient);
      const seen = patients.length ? await records.allowed(actor, patients, 'vitals', 'read', what) : new Set<string>();
      const nameOf = await subjectNames(records, actor, facility, residents);
      const link = health.get(GATEWAY);
      const changesAt = nextChange(devices, profiles, now());
      const view: CoverageView = {
        facility,
        gateway: gateway && {
          connected: link?.connected ?? null,
          since: link?.connected_since?.toISOString() ?? null,
          credential: gateway.credential,
          certificateEnds: gateway.certificateEnds?.toISOString() ?? null,
          renewAsked: gateway.renewAsked,
        },
        changesAt: changesAt === null ? null : new Date(changesAt).toISOString(),
        facilityName: await facilityName(records, actor, facility),
        residents: coverageOf(
          residents.filter(resident => seen.has(resident.patient)),
          devices,
          profiles,
          now(),
        ),
        devices: devices.map(device => deviceView(device, profiles, nameOf, now(), health.get(device.device))),
      };
      return context.json(view);
    })

    .put('/:device/assignment', async context => {
      const actor = context.var.actor;
      const device = context.req.param('device');
      const facility = await facilityOf(context, device);
      const { subject } = await readBody(context, Assign);
      if (subject) await requireSubject(actor, facility, subject);
      await registry.assign(facility, device, subject);
      await audit(actor, 'update', `機器 ${device} の割り当てを変更`, `Changed the assignment of the device ${device}`, subject);
      return context.json({});
    })

    .get('/:device/refusals', async context => {
      const device = context.req.param('device');
      const facility = await facilityOf(context, device);
      const rows = await tables
        .selectFrom('ingest_refusal')
        .selectAll()
        .where('facility', '=', facility)
        .where('device', '=', device)
        .orderBy('id', 'desc')
        .limit(200)
        .execute();
      await audit(context.var.actor, 'read', `機器 ${device} の断られたメッセージを見る`, `Read refused messages of the device ${device}`);
      const views: RefusalView[] = rows.map(({ at, topic, reason, ja, en, excerpt }) => ({
        ...{ at: at.toISOString(), device, topic, reason, excerpt },
        text: { ja, en },
      }));
      return context.json(views);
    })

    .route('/', credentialRoutes({ registry, caPem: authority?.caPem, facilityOf, audit }));
}

/** Who keeps a facility's devices: its manager; a maker for the own organization; the administrator. */
const isKeeper = (actor: Person, facility: string) => hasRole(actor, ['administrator']) || hasRole(actor, ['manager', 'maker'], facility);

function requireKeeper(actor: Person, facility: string) {
  if (!isKeeper(actor, facility)) throw notAllowed();
}

/** @throws Problem 422 without a usable `?facility=` */
function facilityIn(context: Context): string {
  const facility = context.req.query('facility') ?? '';
  if (isId(facility)) return facility;
  throw new Problem(422, 'facility-missing', { ja: '施設を指定してください（?facility=…）。', en: 'Name the facility (?facility=…).' });
}

async function facilityName(records: Records, actor: Person, facility: string): Promise<string> {
  const own = actor.roles.find(role => role.organization === facility)?.organizationName;
  return own ?? (await records.as(actor).read('Organization', facility)).name ?? facility;
}
