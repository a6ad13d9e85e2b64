// The stand-in for the shared record platform: takes what follows the guide, refuses the rest with place and reason.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Bundle, Composition, OperationOutcome } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Platform, startPlatform } from '../../simulator/national/platform.ts';
import { jpfhir } from '../records/fhir-package.ts';

const data = mkdtempSync(path.join(tmpdir(), 'platform-'));
let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ port: 0, data });
});
afterAll(async () => {
  await platform?.close();
  rmSync(data, { recursive: true, force: true });
});

const uuid = (number: number) => `urn:uuid:00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
const section = (code: string, entry?: string) => ({
  title: code,
  code: { coding: [{ system: 'http://jpfhir.jp/fhir/clins/CodeSystem/document-section', code }] },
  text: { status: 'additional', div: '<div xmlns="http://www.w3.org/1999/xhtml">文</div>' },
  ...(entry ? { entry: [{ reference: entry }] } : {}),
});
/** A document as the guide has it, made here by hand. */
function document(key = 'key-1'): Bundle {
  const organization = (number: string) => ({
    resourceType: 'Organization',
    name: '病院',
    identifier: [{ system: 'http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no', value: number }],
  });
  return {
    resourceType: 'Bundle',
    meta: { lastUpdated: '2025-06-01T12:00:00+09:00', profile: ['http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_eReferral|1'] },
    identifier: { system: 'http://jpfhir.jp/fhir/clins/bundle-identifier', value: `1311234567^2025^${key}` },
    type: 'document',
    timestamp: '2025-06-01T12:00:00+09:00',
    entry: [
      {
        fullUrl: uuid(1),
        resource: {
          resourceType: 'Composition',
          meta: { profile: ['http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral|1'] },
          identifier: { value: 'x' },
          status: 'final',
          title: '診療情報提供書',
          date: '2025-06-01T12:00:00+09:00',
          type: { coding: [{ system: 'http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes', code: '57133-1' }] },
          subject: { reference: uuid(2) },
          author: [{ reference: uuid(3) }],
          custodian: { reference: uuid(4) },
          section: [
            section('920', uuid(4)),
            section('910', uuid(5)),
            { ...section('300'), text: undefined, section: [section('950'), section('340'), section('360')] },
          ],
        } as never,
      },
      {
        fullUrl: uuid(2),
        resource: {
          resourceType: 'Patient',
          identifier: [{ system: 'http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID', value: '00012345:あ:187:05' }],
          name: [{ text: '田中 ハナ', family: '田中', given: ['ハナ'] }],
          birthDate: '1938-04-01',
          gender: 'female',
          address: [{ text: '東京都' }],
        },
      },
      { fullUrl: uuid(3), resource: { resourceType: 'Practitioner', name: [{ text: '山田 太郎' }] } },
      { fullUrl: uuid(4), resource: organization('1311234567') as never },
      { fullUrl: uuid(5), resource: organization('1319876543') as never },
    ],
  };
}
async function send(body: unknown) {
  const response = await fetch(`${platform.url}/bundles`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
  return { status: response.status, json: (await response.json()) as OperationOutcome & { key: string } };
}

test('takes a document, keeps it over a restart, and takes the same one only once', async () => {
  const first = await send(document());
  expect(first.status).toBe(201);
  expect((await send(document())).status).toBe(200);
  const other = document();
  (other.entry![0]!.resource as Composition).date = '2025-06-02T12:00:00+09:00';
  expect((await send(other)).status).toBe(409);
  await platform.close();
  platform = await startPlatform({ port: 0, data });
  const found = (await (await fetch(`${platform.url}/bundles?identifier=${encodeURIComponent('1311234567^2025^key-1')}`)).json()) as {
    key: string;
  }[];
  expect(found.map(({ key }) => key)).toEqual([first.json.key]);
  expect(await (await fetch(`${platform.url}/bundles/${first.json.key}`)).json()).toEqual(JSON.parse(JSON.stringify(document())));
  expect(await (await fetch(platform.url)).text()).toContain('田中 ハナ');
});

describe('an update', () => {
  const member = '00012345:あ:187:05';
  const post = async (at: string, body: unknown) => {
    const response = await fetch(`${platform.url}${at}`, { method: 'POST', body: JSON.stringify(body) });
    return { status: response.status, text: await response.text() };
  };
  const replacing = (former: string, key: string) => {
    const bundle = document(key);
    (bundle.entry![0]!.resource as Composition).relatesTo = [{ code: 'replaces', targetIdentifier: { value: former } }];
    return bundle;
  };

  test('is taken after the former one was taken back, on the same day; what was taken back can be put there again', async () => {
    const former = '1311234567^2025^first';
    const held = { member, identifier: former };
    await send(document('first'));
    expect((await send(replacing(former, 'second'))).status).toBe(422);
    expect((await post('/bundles/delete', held)).status).toBe(200);
    expect((await post('/bundles/delete', held)).status).toBe(200);
    expect((await post('/bundles/delete', { member, identifier: 'never' })).status).toBe(404);

    // The day ends in Japan; the platform starts anew on the next one.
    await platform.close();
    platform = await startPlatform({ port: 0, data, now: () => new Date(Date.now() + 86_400_000) });
    const late = await send(replacing(former, 'second'));
    expect([late.status, late.json.issue[0]?.details?.text]).toEqual([422, expect.stringContaining('SAME-DAY')]);
    expect((await post('/bundles/undo', held)).status).toBe(200);
    expect((await post('/bundles/delete', held)).status).toBe(200);
    expect((await send(replacing(former, 'second'))).status).toBe(201);
    expect((await send(replacing(former, 'second'))).status).toBe(200);
    await platform.close();
    platform = await startPlatform({ port: 0, data });
  });

  test('of a document that never came is taken as it is', async () => {
    expect((await send(replacing('1311234567^2025^never', 'third'))).status).toBe(201);
  });

  test('shows in what others get, who need the patient’s consent', async () => {
    expect((await post('/query', { member })).status).toBe(403);
    const { text } = await post('/query', { member, consent: 'c1' });
    const identifiers = (JSON.parse(text) as Bundle).entry!.map(({ resource }) => (resource as Bundle).identifier!.value);
    expect(identifiers).toContain('1311234567^2025^second');
    expect(identifiers).not.toContain('1311234567^2025^first');
    expect((JSON.parse((await post('/query', { member: 'other', consent: 'c1' })).text) as Bundle).entry).toEqual([]);
  });
});

describe('refuses, with place and reason,', () => {
  const composition = (bundle: Bundle) => bundle.entry![0]!.resource as Composition;
  test.each<[string, (bundle: Bundle) => void, string]>([
    ['a bundle that is no document', bundle => (bundle.type = 'collection'), 'Bundle.type'],
    ['an identifier of another form', bundle => (bundle.identifier!.value = '123^2025^a b'), 'Bundle.identifier.value'],
    ['an identifier of another institution', bundle => (bundle.identifier!.value = '1319876543^2025^a'), 'Bundle.identifier.value'],
    ['a first entry that is no Composition', bundle => bundle.entry!.reverse(), 'Bundle.entry[0].resource'],
    ['another document type', bundle => (composition(bundle).type.coding![0]!.code = '18842-5'), 'Bundle.entry[0].resource.type'],
    ['a missing section', bundle => composition(bundle).section!.shift(), 'Bundle.entry[0].resource.section'],
    [
      'a section twice',
      bundle => composition(bundle).section![2]!.section!.push(section('340') as never),
      'Bundle.entry[0].resource.section[2].section',
    ],
    [
      'a reference that leads out of the bundle',
      bundle => (composition(bundle).author[0]!.reference = 'Practitioner/1'),
      'Bundle.entry[0].resource.author[0].reference',
    ],
    ['a document without its patient', bundle => bundle.entry!.splice(1, 1), 'Bundle.entry'],
    [
      'a patient without an insured person’s number',
      bundle => (bundle.entry![1]!.resource = { ...bundle.entry![1]!.resource, identifier: [] } as never),
      'Bundle.entry[1].resource.identifier',
    ],
    ['one institution alone', bundle => bundle.entry!.pop(), 'Bundle.entry'],
  ])('%s', async (_, spoil, place) => {
    const bundle = document('spoiled');
    spoil(bundle);
    const { status, json } = await send(bundle);
    expect(status).toBe(422);
    expect(json.issue.map(issue => issue.expression?.[0])).toContain(place);
    expect(json.issue.every(issue => issue.details?.text)).toBe(true);
  });

  test('what is not JSON, and what is no Bundle', async () => {
    expect((await send('{"resourceType"')).status).toBe(400);
    expect((await send([1, 2])).status).toBe(422);
    expect((await send({ resourceType: 'Patient' })).status).toBe(422);
  });
});

test.skipIf(!jpfhir)('finds in the guide’s own example only what is really wrong with it', async () => {
  const file = path.join(jpfhir!, 'examples/jp-clins-examples/Bundle-Bundle-CLINS-Referral-NoEntry-Example-01.json');
  const { json } = await send(readFileSync(file, 'utf8'));
  // Its identifier begins with another institution's number than its custodian has.
  expect(json.issue.map(issue => issue.expression?.[0])).toEqual(['Bundle.identifier.value']);
});
