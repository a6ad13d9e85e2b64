// No search reads a whole table: the plans PostgreSQL makes for every type of parameter, over tables that are filled and analysed.
import type { Observation, Resource } from '@medplum/fhirtypes';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { put, versionOf } from '../../hub/records/store.ts';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type SmallWorld, setup, smallWorld } from './people.ts';

/** So many that reading a table through is never the cheapest way to a few of them. */
const OBSERVATIONS = 12_000;
const OTHERS = 3000;
let database: Database;
let world: SmallWorld;
beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database);
  const { definitions, connection } = world.records.context;
  const of = (index: number) => `Patient/many-${index % OTHERS}`;
  const made: (Resource & { id: string })[] = [];
  for (let index = 0; index < OTHERS; index++) {
    made.push(
      {
        ...{ resourceType: 'Patient', id: `many-${index}`, birthDate: `19${10 + (index % 90)}-01-01` },
        name: [{ family: `家族${index}`, given: [`名${index}`] }],
        identifier: [{ system: 'http://example.com', value: `${index}` }],
        generalPractitioner: [{ reference: index % 30 ? 'Organization/elsewhere' : `Organization/${world.hospital.id}` }],
      },
      { resourceType: 'Questionnaire', id: `many-${index}`, status: 'draft', url: `http://example.com/q/${index}` },
      {
        resourceType: 'RiskAssessment',
        id: `many-${index}`,
        status: 'final',
        subject: { reference: of(index) },
        prediction: [{ probabilityDecimal: index / OTHERS }],
      },
    );
  }
  for (let index = 0; index < OBSERVATIONS; index++) {
    const observation: Observation & { id: string } = {
      ...{ resourceType: 'Observation', id: `many-${index}`, status: 'final', subject: { reference: of(index) } },
      code: { coding: [{ system: 'http://loinc.org', code: `code-${index % 300}`, display: `word ${index % 300}` }] },
      effectiveDateTime: new Date(Date.UTC(2024, 0, 1) + index * 600_000).toISOString(),
      valueQuantity: { value: index, system: 'http://unitsofmeasure.org', code: 'kg' },
    };
    made.push(observation);
  }
  for (let at = 0; at < made.length; at += 1000) {
    const part = made.slice(at, at + 1000).map((resource, index) => ({
      // Changed one after another, as a record is.
      next: versionOf(definitions, resource, resource.id, 1, new Date(Date.UTC(2024, 5, 1) + (at + index) * 1000)),
    }));
    await put(connection, part, 'test');
  }
  await database.pool.query('analyze');
}, 120_000);
afterAll(() => database?.close());

/** Runs a search as the record does, has PostgreSQL explain each of its statements, and gives the plans and how many were found. */
async function plansOf(query: string, actor: Parameters<SmallWorld['records']['guarded']>[0]): Promise<{ plans: string[]; found: number }> {
  const statements: { sql: string; parameters: readonly unknown[] }[] = [];
  const { context } = world.records;
  const { GuardedRepository } = await import('../../hub/records/repository.ts');
  const watched = context.connection.withPlugin({
    transformQuery: ({ node }) => {
      const compiled = context.connection.getExecutor().compileQuery(node, { queryId: 'plan' } as never);
      statements.push(compiled);
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  const found = await new GuardedRepository({ ...context, connection: watched }, actor).find(query);
  const plans: string[] = [];
  for (const { sql, parameters } of statements.filter(statement => /search_|from resources/.test(statement.sql))) {
    const { rows } = await database.pool.query(`explain ${sql}`, [...parameters]);
    plans.push(rows.map(row => row['QUERY PLAN']).join('\n'));
  }
  return { plans, found: found.length };
}

const QUERIES: [type: string, query: string][] = [
  ['token', 'Observation?code=http://loinc.org|code-7'],
  ['token', 'Observation?code=code-7'],
  ['token :text', 'Observation?code:text=word 17'],
  ['reference', 'Observation?subject=Patient/many-30'],
  ['date', 'Observation?date=ge2024-01-02&date=lt2024-01-02T01:00'],
  ['date', 'Observation?date=2024-01-03T10'.concat(':30')],
  ['string', `Patient?family=${encodeURIComponent('家族30')}`],
  ['string :exact', `Patient?family:exact=${encodeURIComponent('家族30')}`],
  ['quantity', 'Observation?value-quantity=360|http://unitsofmeasure.org|kg'],
  ['quantity', 'Observation?value-quantity=gt11990'],
  ['number', 'RiskAssessment?probability=0.01'],
  ['uri', 'Questionnaire?url=http://example.com/q/30'],
  ['uri :below', 'Questionnaire?url:below=http://example.com/q/30'],
  ['uri :above', 'Questionnaire?url:above=http://example.com/q/30/x'],
  ['composite', 'Observation?code-value-quantity=http://loinc.org|code-30$gt11000'],
  ['_id', 'Patient?_id=many-30'],
  ['_lastUpdated', 'Patient?_lastUpdated=2024-06-01T00:10Z'],
  ['chain', `Observation?subject:Patient.family=${encodeURIComponent('家族30')}`],
  ['_has', 'Patient?_has:Observation:subject:code-value-quantity=code-30$11730'],
  ['an order and a page', 'Observation?code=code-30&_sort=-date&_count=10'],
];

test.each(QUERIES)('a search by %s goes by an index: %s', async (_, query) => {
  const doctor = await plansOf(query, world.doctor);
  const service = await plansOf(query, setup);
  expect(service.found, query).toBeGreaterThan(0);
  expect(doctor.plans.length + service.plans.length).toBeGreaterThanOrEqual(2);
  for (const plan of [...doctor.plans, ...service.plans]) expect(plan).not.toMatch(/Seq Scan on (search_|resources)/);
});
