// The audit trail as FHIR AuditEvent (IHE BALP 1.1): read and search, by the patient for the own ones and by administrators. Never written.
import type { AuditEvent, AuditEventEntity, Bundle, CapabilityStatementRestResource, Coding } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { type RawBuilder, sql } from 'kysely';
import { notFound, Problem } from '../../http/problem.ts';
import type { HubEnv } from '../../http/server-types.ts';
import { hasRole } from '../../identity/actor.ts';
import { PURPOSE_SYSTEM } from '../access/provisions.ts';
import type { OpenRecords } from '../open.ts';
import { spanOf } from '../search/dates.ts';
import { OWN } from '../systems.ts';
import { aboutOf } from './audit-routes.ts';

const BALP = 'https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit';
const DCM = 'http://dicom.nema.org/resources/ontology/DCM';
const REST = 'http://hl7.org/fhir/restful-interaction';
const FHIR_JSON = 'application/fhir+json; charset=utf-8';
const PAGE = 50;

interface Row {
  id: string;
  at: Date;
  account: string | null;
  reference: string | null;
  who: string;
  role: string;
  organization: string;
  organization_name: string;
  action: string;
  what: { ja: string; en: string };
  resource: string | null;
  patients: string[];
  refused: string[];
  allowed: boolean;
  purpose: string | null;
  on_behalf: string | null;
}

/** R4 AuditEvent.action, and the interaction of FHIR where it is one. */
const ACTIONS: Readonly<Record<string, { action: 'C' | 'R' | 'U' | 'D' | 'E'; interaction?: string; profile?: string }>> = {
  create: { action: 'C', interaction: 'create', profile: 'PatientCreate' },
  read: { action: 'R', interaction: 'read', profile: 'PatientRead' },
  update: { action: 'U', interaction: 'update', profile: 'PatientUpdate' },
  delete: { action: 'D', interaction: 'delete', profile: 'PatientDelete' },
  search: { action: 'E', interaction: 'search-type', profile: 'PatientQuery' },
};

/** Mounted at /fhir/R4, before the record's own routes. */
export function auditEventRoutes({ records }: { records: OpenRecords }): Hono<HubEnv> {
  const connection = records?.context?.connection;
  const rowsWhere = async (conditions: RawBuilder<unknown>[], limit: number) => {
    const { rows } = await sql<Row>`select id, at, account, reference, who, role, organization, organization_name, action, what, resource,
        patients, refused, allowed, purpose, on_behalf from audit_events
      where ${sql.join(conditions, sql` and `)} order by id desc limit ${limit}`.execute(connection);
    return rows;
  };
  return new Hono<HubEnv>()
    .get('/AuditEvent', async context => {
      const { actor } = context.var;
      const address = new URL(context.req.url);
      const { patient, conditions, limit } = asked(address.searchParams);
      const about = aboutOf(actor, patient);
      if (about) conditions.push(sql`patients @> array[${about}]::text[]`);
      const rows = await rowsWhere(conditions, limit + 1);
      if (hasRole(actor, ['administrator'])) {
        const what = { ja: '監査記録を見る', en: 'read the audit trail' };
        await records.audit({ actor, action: 'search', what, patient: about, allowed: true });
      }
      const page = rows.slice(0, limit);
      const bundle: Bundle = {
        resourceType: 'Bundle',
        type: 'searchset',
        link: [{ relation: 'self', url: address.href }],
        entry: page.map(row => ({
          fullUrl: `${address.origin}/fhir/R4/AuditEvent/${row.id}`,
          resource: eventOf(row, about),
          search: { mode: 'match' },
        })),
      };
      const last = page.at(-1);
      if (rows.length > page.length && last) {
        address.searchParams.set('_before', last.id);
        bundle.link?.push({ relation: 'next', url: address.href });
      }
      return context.body(JSON.stringify(bundle), 200, { 'content-type': FHIR_JSON });
    })
    .get('/AuditEvent/:id', async context => {
      const { actor } = context.var;
      const about = aboutOf(actor, undefined);
      const id = context.req.param('id');
      const [row] = /^\d{1,15}$/.test(id)
        ? await rowsWhere([sql`id = ${id}`, ...(about ? [sql`patients @> array[${about}]::text[]`] : [])], 1)
        : [];
      if (!row) throw notFound();
      if (hasRole(actor, ['administrator'])) {
        const what = { ja: '監査記録を見る', en: 'read the audit trail' };
        await records.audit({ actor, action: 'read', what, allowed: true });
      }
      return context.body(JSON.stringify(eventOf(row, about)), 200, { 'content-type': FHIR_JSON });
    });
}

/** R4 search of `patient`, `date`, `agent`, `action`, `outcome`, `_id`, `_count`; anything else is refused, never left out. */
function asked(given: URLSearchParams): { patient?: string; conditions: RawBuilder<unknown>[]; limit: number } {
  const conditions: RawBuilder<unknown>[] = [sql`true`];
  let patient: string | undefined;
  let limit = PAGE;
  for (const [name, value] of given) {
    switch (name) {
      case 'patient':
      case 'patient:Patient':
        patient = value.replace(/^Patient\//, '');
        break;
      case 'agent':
        conditions.push(sql`reference = ${value}`);
        break;
      case 'action': {
        const named = Object.keys(ACTIONS).filter(action => ACTIONS[action]!.action === value);
        conditions.push(
          value === 'E'
            ? sql`(action = any(${named}::text[]) or not action = any(${Object.keys(ACTIONS)}::text[]))`
            : sql`action = any(${named}::text[])`,
        );
        break;
      }
      case 'outcome':
        conditions.push(value === '0' ? sql`allowed` : sql`not allowed`);
        break;
      case '_id':
        conditions.push(sql`id::text = any(${value.split(',')}::text[])`);
        break;
      case '_count':
        limit = Math.min(1000, Math.max(1, Number.parseInt(value, 10) || PAGE));
        break;
      case '_before':
        conditions.push(sql`id < ${Number.parseInt(value, 10) || 0}`);
        break;
      case '_sort':
        if (value !== '-date') throw unknown('_sort is -date only');
        break;
      case '_format':
        break;
      case 'date': {
        const [, prefix = 'eq', text = ''] = /^(eq|gt|ge|lt|le|sa|eb)?(.+)$/.exec(value) ?? [];
        const span = spanOf(text);
        if (!span?.low || !span.high) throw unknown(`date=${value} is no date`);
        if (['eq', 'ge'].includes(prefix)) conditions.push(sql`at >= ${span.low}`);
        if (['eq', 'le'].includes(prefix)) conditions.push(sql`at < ${span.high}`);
        if (['gt', 'sa'].includes(prefix)) conditions.push(sql`at >= ${span.high}`);
        if (['lt', 'eb'].includes(prefix)) conditions.push(sql`at < ${span.low}`);
        break;
      }
      default:
        throw unknown(`AuditEvent has no search parameter ${name} here`);
    }
  }
  return { patient, conditions, limit };
}

/** One entry; to a patient it names that patient alone. */
export function eventOf(row: Row, about?: string): AuditEvent {
  const { action, interaction, profile } = ACTIONS[row.action] ?? { action: 'E' as const };
  const patients = about ? [about] : row.patients;
  const allowed = row.allowed && !(about && row.refused.includes(about));
  const subtype: Coding = interaction ? { system: REST, code: interaction } : { system: `${OWN}:audit-action`, code: row.action };
  const purpose = row.purpose ? [{ coding: [{ system: PURPOSE_SYSTEM, code: row.purpose }] }] : undefined;
  const [type, id] = row.resource?.split('/') ?? [];
  const entities: AuditEventEntity[] = patients.map(patient => ({
    what: { reference: `Patient/${patient}` },
    type: { system: 'http://terminology.hl7.org/CodeSystem/audit-entity-type', code: '1', display: 'Person' },
    role: { system: 'http://terminology.hl7.org/CodeSystem/object-role', code: '1', display: 'Patient' },
  }));
  if (type && type !== 'Patient')
    entities.push({
      ...(id ? { what: { reference: `${type}/${id}` } } : { what: { display: type } }),
      type: { system: 'http://terminology.hl7.org/CodeSystem/audit-entity-type', code: '2', display: 'System Object' },
      role: { system: 'http://terminology.hl7.org/CodeSystem/object-role', code: row.action === 'search' ? '24' : '4' },
      ...(row.action === 'search' ? { query: Buffer.from(type).toString('base64') } : {}),
    });
  return {
    resourceType: 'AuditEvent',
    id: row.id,
    ...(profile && patients.length === 1 ? { meta: { profile: [`${BALP}.${profile}`] } } : {}),
    type: interaction
      ? { system: 'http://terminology.hl7.org/CodeSystem/audit-event-type', code: 'rest', display: 'RESTful Operation' }
      : row.action.startsWith('sign-')
        ? { system: DCM, code: '110114', display: 'User Authentication' }
        : { system: `${OWN}:audit`, code: row.action },
    subtype: [subtype],
    action,
    recorded: row.at.toISOString(),
    outcome: allowed ? '0' : '4',
    outcomeDesc: `${row.what.ja} / ${row.what.en}`,
    ...(purpose ? { purposeOfEvent: purpose } : {}),
    agent: [
      {
        type: { coding: [{ system: DCM, code: '110153', display: 'Source Role ID' }] },
        who: row.reference ? { reference: row.reference, display: row.who } : { display: row.who },
        name: row.who,
        requestor: true,
        role: [{ coding: [{ system: `${OWN}:role`, code: row.role }], ...(row.organization_name ? { text: row.organization_name } : {}) }],
        ...(purpose ? { purposeOfUse: purpose } : {}),
      },
      {
        type: { coding: [{ system: DCM, code: '110152', display: 'Destination Role ID' }] },
        who: { display: 'remote care hub' },
        requestor: false,
      },
      ...(row.on_behalf
        ? [
            {
              type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-RoleClass', code: 'PAT' }] },
              who: { reference: row.on_behalf },
              requestor: false,
            },
          ]
        : []),
    ],
    source: {
      observer: { display: 'remote care hub' },
      type: [{ system: 'http://terminology.hl7.org/CodeSystem/security-source-type', code: '4', display: 'Application Server' }],
    },
    ...(entities.length ? { entity: entities } : {}),
  };
}

const unknown = (what: string) =>
  new Problem(400, 'search-invalid', { ja: '検索の条件が正しくありません。', en: `The search cannot be answered: ${what}` });

/** What the CapabilityStatement says of it. */
export const AUDIT_CAPABILITY: CapabilityStatementRestResource = {
  type: 'AuditEvent',
  documentation: 'The audit trail: read by administrators, and by a patient for the own ones. IHE BALP.',
  interaction: [{ code: 'read' }, { code: 'search-type' }],
  versioning: 'no-version',
  searchParam: [
    { name: 'patient', type: 'reference' },
    { name: 'date', type: 'date' },
    { name: 'agent', type: 'reference' },
    { name: 'action', type: 'token' },
    { name: 'outcome', type: 'token' },
    { name: '_id', type: 'token' },
  ],
};
