// Every published test file of Open mHealth and IEEE 1752.1: what must pass is checked and mapped, what must fail is refused with its place.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkDocument } from '../../hub/phr/omh/read.ts';
import { useStand } from './stand.ts';

const ROOT = path.join(process.env.HUB_TEST_DATA || path.resolve(import.meta.dirname, '../../../shared/data'), 'omh/test-data');
const there = existsSync(ROOT);
if (!there) console.warn('the test data of Open mHealth is not here (../shared/data/omh): its tests are skipped');

interface Published {
  file: string;
  id: { namespace: string; name: string; version: string };
  pass: boolean;
  document: unknown;
}
const published: Published[] = (there ? (readdirSync(ROOT, { recursive: true }) as string[]) : []).flatMap(file => {
  const match = /^([\w-]+)\/([\w-]+)\/([\d.]+)\/should(Pass|Fail)\/.*\.json$/.exec(file);
  if (!match) return [];
  const [, namespace = '', name = '', version = '', verdict] = match;
  const document: unknown = JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
  return [{ file, id: { namespace, name, version }, pass: verdict === 'Pass', document }];
});
/** Parts of measures, which mean nothing by themselves: units, times, words, lists of metadata. */
const PART =
  /-unit-value|^unit-value|^time-|^local-time|^date-time|^part-of-day|posture|^position|specimen|statistic|route$|^header|^schema-id|^temporal|hk-metadata|^diastolic/;

describe.skipIf(!there)('the published files', () => {
  test.each(published.filter(({ pass }) => pass))('$file imports', ({ id, document }) => {
    const checked = checkDocument(document, '', id);
    expect(checked).not.toHaveProperty('refusal');
    const { reading } = checked as { reading: { kind: string } | null };
    if (PART.test(id.name)) return expect(reading).toBeNull();
    expect(reading).not.toBeNull();
    // What has a meaning is recognised without being told what it is.
    expect(checkDocument(document)).toMatchObject({ reading: { kind: reading!.kind } });
    return undefined;
  });

  test.each(published.filter(({ pass }) => !pass))('$file is refused, with the place', ({ id, document }) => {
    const checked = checkDocument(document, '', id);
    expect(checked).toMatchObject({ refusal: { place: expect.stringMatching(/^\//), reason: expect.stringMatching(/\S{3}/) } });
    const bare = checkDocument(document);
    expect('refusal' in bare || bare.reading === null || !Object.is(bare.id.version, id.version)).toBe(true);
  });
});

describe.skipIf(!there)('a file with all of them', () => {
  const at = useStand();
  test('is taken over in one go: every measure stands in the record, every faulty one is told', async () => {
    const measures = published.filter(({ id }) => !PART.test(id.name) && id.name !== 'data-point');
    const points = measures.map(({ id, document }, index) => ({
      header: {
        id: `p${index}`,
        creation_date_time: '2026-01-01T00:00:00Z',
        schema_id: id,
        acquisition_provenance: { source_name: `s${index}` },
      },
      body: document,
    }));
    const seen = await at().bring('all.json', JSON.stringify(points));
    const passing = measures.filter(({ pass }) => pass).length;
    expect(seen).toMatchObject({ state: 'ready', refused: measures.length - passing });
    expect(await at().take(seen.id)).toMatchObject({ state: 'done', taken: passing, refused: measures.length - passing });
  });
});
