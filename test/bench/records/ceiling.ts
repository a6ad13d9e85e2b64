// What PostgreSQL itself takes for the same rows: prepared statements on open connections, without validation, consent, FHIR or HTTP.
import type { Resource } from '@medplum/fhirtypes';
import pg from 'pg';
import type { Definitions } from '../../../hub/records/definitions.ts';
import { type Version, versionOf } from '../../../hub/records/store.ts';

const TABLES: Readonly<Record<string, { rows: keyof Version['rows']; columns: [name: string, type: string][] }>> = {
  search_token: {
    rows: 'tokens',
    columns: [
      ['system', 'text'],
      ['code', 'text'],
    ],
  },
  search_reference: { rows: 'references', columns: [['target', 'text']] },
  search_date: {
    rows: 'dates',
    columns: [
      ['low', 'timestamptz'],
      ['high', 'timestamptz'],
    ],
  },
  search_string: {
    rows: 'strings',
    columns: [
      ['folded', 'text'],
      ['exact', 'text'],
    ],
  },
  search_number: {
    rows: 'numbers',
    columns: [
      ['low', 'numeric'],
      ['high', 'numeric'],
      ['system', 'text'],
      ['code', 'text'],
      ['unit', 'text'],
    ],
  },
};
/** Pairs of a code and a quantity: what an Observation has of composites. */
const PAIRS = `insert into search_composite (row, type, param, system, code, second_system, second_code, low, high, unit)
  select made.row, $1, v.* from made, unnest($%::text[], $%::text[], $%::text[], $%::text[], $%::text[], $%::numeric[], $%::numeric[], $%::text[]) v`;

/** One statement that writes a resource with its history, its index rows and one audit entry. */
function statementFor(version: Version): { text: string; values: unknown[] } {
  const { resource, at, belonging, rows } = version;
  const values: unknown[] = [resource.resourceType, resource.id, JSON.stringify(resource), at, belonging.patients, belonging.category];
  const add = (value: unknown) => `$${values.push(value)}`;
  const inserts = Object.entries(TABLES).flatMap(([table, { rows: kind, columns }], n) => {
    const of = rows[kind] as unknown as Record<string, unknown>[];
    if (!of.length) return [];
    const lists = columns.map(
      ([name, type]) => `${add(of.map(row => (row[name] instanceof Date ? (row[name] as Date).toISOString() : row[name])))}::${type}[]`,
    );
    return [
      `t${n} as (insert into ${table} (row, type, param, ${columns.map(([name]) => name).join(', ')}${table === 'search_date' ? ', long' : ''})
      select made.row, $1, v.*${table === 'search_date' ? ', false' : ''} from made, unnest(${add(of.map(row => row.param))}::text[], ${lists.join(', ')}) v)`,
    ];
  });
  const pairs = rows.composites;
  const lists = [
    pairs.map(row => row.param),
    pairs.map(row => row.system),
    pairs.map(row => row.code),
    pairs.map(row => row.number?.system),
    pairs.map(row => row.number?.code),
    pairs.map(row => row.number?.low),
    pairs.map(row => row.number?.high),
    pairs.map(row => row.number?.unit),
  ];
  const composite = lists.reduce((text, list) => text.replace('$%', add(list)), PAIRS);
  const text = `with made as (insert into resources (type, id, version, content, last_updated, patients, category)
      values ($1, $2, 1, $3, $4, $5, $6) returning row),
    history as (insert into resource_history (type, id, version, content, last_updated, actor) values ($1, $2, 1, $3, $4, 'bench')),
    ${inserts.join(', ')}, c as (${composite})
    insert into audit_events (actor_kind, who, role, action, what, resource, patients, allowed)
    values ('person', 'bench', 'doctor', 'create', '{}', $1 || '/' || $2, $5, true)`;
  return { text, values };
}

export interface Ceiling {
  create(resource: Resource, id: string): Promise<void>;
  /** All in one transaction. */
  createAll(resources: { resource: Resource; id: string }[]): Promise<void>;
  read(type: string, id: string): Promise<void>;
  search(code: string, from: string, to: string, patients: string[]): Promise<number>;
  close(): Promise<void>;
}

export async function openCeiling(url: string, definitions: Definitions, connections: number): Promise<Ceiling> {
  const pool = new pg.Pool({ connectionString: url, max: connections });
  const write = async (client: pg.Pool | pg.PoolClient, resource: Resource, id: string) => {
    await client.query({ name: 'create', ...statementFor(versionOf(definitions, resource, id, 1, new Date())) });
  };
  const audit =
    "insert into audit_events (actor_kind, who, role, action, what, resource, allowed) values ('person', 'bench', 'doctor', 'read', '{}', $1, true)";
  return {
    create: (resource, id) => write(pool, resource, id),
    async createAll(resources) {
      const client = await pool.connect();
      await client.query('begin');
      for (const { resource, id } of resources) await write(client, resource, id);
      await client.query('commit');
      client.release();
    },
    async read(type, id) {
      await pool.query({ name: 'read', text: 'select content from resources where type = $1 and id = $2', values: [type, id] });
      await pool.query({ name: 'audit', text: audit, values: [`${type}/${id}`] });
    },
    async search(code, from, to, patients) {
      const { rows } = await pool.query({
        name: 'search',
        text: `select r.content from search_token t join search_date d on d.row = t.row and d.type = 'Observation' and d.param = 'date' and d.low >= $2 and d.low < $3
          join resources r on r.row = t.row where t.type = 'Observation' and t.param = 'code' and t.code = $1 and r.patients && $4 order by r.row limit 51`,
        values: [code, from, to, patients],
      });
      await pool.query({ name: 'audit', text: audit, values: ['Observation'] });
      return rows.length;
    },
    close: () => pool.end(),
  };
}
