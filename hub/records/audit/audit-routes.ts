// The audit trail over HTTP: a patient's own, the administrators' search, and its export.
import { type Context, Hono } from 'hono';
import { stream } from 'hono/streaming';
import { type RawBuilder, sql } from 'kysely';
import { z } from 'zod';
import { notAllowed } from '../../http/problem.ts';
import { checked, resourceId } from '../../http/request.ts';
import type { HubEnv } from '../../http/server-types.ts';
import { hasRole, type Person, requireRole } from '../../identity/actor.ts';
import type { AuditView } from '../contract.ts';
import type { OpenRecords } from '../open.ts';
import type { Connection } from '../tables.ts';

const time = z.iso.datetime({ offset: true });
export const AuditFilter = z.object({
  patient: resourceId.optional(),
  from: time.optional(),
  to: time.optional(),
  /** Part of a person's or organization's name. */
  who: z.string().max(100).optional(),
  action: z.string().max(20).optional(),
  allowed: z.enum(['true', 'false']).optional(),
});
const AuditQuery = AuditFilter.extend({
  /** Only entries before this one. */
  before: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
});
const ExportQuery = AuditFilter.extend({ format: z.enum(['csv', 'ndjson']) });
const PAGE = 1000;

interface Row {
  id: string;
  at: Date;
  who: string;
  role: string;
  reference: string | null;
  organization_name: string;
  action: string;
  what: AuditView['what'];
  resource: string | null;
  patients: string[];
  refused: string[];
  allowed: boolean;
  purpose: string | null;
  on_behalf: string | null;
}

/** Mounted at /api/records. */
export function auditRoutes({ records }: { records: OpenRecords }): Hono<HubEnv> {
  const connection = records?.context?.connection;
  return new Hono<HubEnv>()
    .get('/audit', async context => {
      const { actor } = context.var;
      const { before, limit, ...filter } = checked(AuditQuery, context.req.query());
      const about = aboutOf(actor, filter.patient);
      const rows = await entries(connection, { ...filter, patient: about }, limit, before);
      // Administrators look into what is about others: that is an access too. A patient reads what is their own.
      if (hasRole(actor, ['administrator']))
        await records.audit({
          actor,
          action: 'read',
          what: { ja: '監査記録を見る', en: 'read the audit trail' },
          patient: filter.patient,
          allowed: true,
        });
      return context.json(rows.map(row => viewOf(row, about)));
    })
    .get('/audit/export', async context => {
      const { actor } = context.var;
      requireRole(actor, ['administrator']);
      const { format, ...filter } = checked(ExportQuery, context.req.query());
      await records.audit({
        actor,
        action: 'export',
        what: { ja: `監査記録を取り出す (${format})`, en: `export the audit trail (${format})` },
        patient: filter.patient,
        allowed: true,
      });
      return exported(context, connection, filter, format);
    });
}

/** Whose entries: an administrator's choice, or the patient's own. @throws Problem 403 */
export function aboutOf(actor: Person, patient: string | undefined): string | undefined {
  if (hasRole(actor, ['administrator'])) return patient;
  const own = actor.reference?.startsWith('Patient/') ? actor.reference.slice('Patient/'.length) : undefined;
  if (!own || (patient ?? own) !== own) throw notAllowed();
  return own;
}

export function conditionsOf(
  { patient, from, to, who, action, allowed }: z.infer<typeof AuditFilter>,
  before?: number,
): RawBuilder<boolean> {
  const conditions: RawBuilder<unknown>[] = [];
  if (patient) conditions.push(sql`patients @> array[${patient}]::text[]`);
  if (from) conditions.push(sql`at >= ${new Date(from)}`);
  if (to) conditions.push(sql`at < ${new Date(to)}`);
  if (who) conditions.push(sql`position(lower(${who}) in lower(who || ' ' || organization_name)) > 0`);
  if (action) conditions.push(sql`action = ${action}`);
  // Of an access to several patients, some may have been refused: for each patient their own answer counts.
  const granted = patient ? sql`(allowed and not refused @> array[${patient}]::text[])` : sql`allowed`;
  if (allowed) conditions.push(allowed === 'true' ? granted : sql`not ${granted}`);
  if (before) conditions.push(sql`id < ${before}`);
  return conditions.length ? sql<boolean>`${sql.join(conditions, sql` and `)}` : sql<boolean>`true`;
}

async function entries(connection: Connection, filter: z.infer<typeof AuditFilter>, limit: number, before?: number): Promise<Row[]> {
  const { rows } =
    await sql<Row>`select id, at, who, role, reference, organization_name, action, what, resource, patients, refused, allowed,
      purpose, on_behalf
    from audit_events where ${conditionsOf(filter, before)} order by id desc limit ${limit}`.execute(connection);
  return rows;
}

const viewOf = (row: Row, about: string | undefined): AuditView => ({
  id: row.id,
  at: row.at.toISOString(),
  who: row.who,
  role: row.role,
  organizationName: row.organization_name,
  action: row.action as AuditView['action'],
  what: row.what,
  resource: row.resource,
  patient: about ?? row.patients[0] ?? null,
  patients: row.patients.length,
  allowed: row.allowed && !(about && row.refused.includes(about)),
  emergency: row.purpose === 'ETREAT',
  onBehalf: row.on_behalf !== null,
});

const COLUMNS: (keyof Row)[] = [
  ...(['id', 'at', 'who', 'reference', 'role', 'organization_name', 'action', 'what', 'resource', 'patients'] as const),
  ...(['refused', 'allowed', 'purpose', 'on_behalf'] as const),
];

/** Page by page, newest first: the whole trail does not fit into memory. */
function exported(context: Context<HubEnv>, connection: Connection, filter: z.infer<typeof AuditFilter>, format: 'csv' | 'ndjson') {
  context.header('content-type', format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson; charset=utf-8');
  context.header('content-disposition', `attachment; filename="audit.${format}"`);
  return stream(context, async out => {
    // A byte order mark, so that spreadsheets read Japanese.
    if (format === 'csv') await out.write(`\ufeff${COLUMNS.join(',')}\r\n`);
    let before: number | undefined;
    for (;;) {
      const page = await entries(connection, filter, PAGE, before);
      for (const row of page) await out.write(format === 'csv' ? csvLine(row) : `${JSON.stringify(row)}\n`);
      if (page.length < PAGE || out.aborted) return;
      before = Number(page.at(-1)!.id);
    }
  });
}

const csvLine = (row: Row) =>
  `${COLUMNS.map(column => {
    const value = row[column];
    const text =
      column === 'what'
        ? row.what.ja
        : value instanceof Date
          ? value.toISOString()
          : Array.isArray(value)
            ? value.join(' ')
            : String(value ?? '');
    // A cell that begins like a formula would be one to a spreadsheet.
    return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  }).join(',')}\r\n`;
