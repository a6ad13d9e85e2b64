// Documents: confirmed by name, signed, on paper; what was confirmed stays as it was.
import path from 'node:path';
import { inflateSync } from 'node:zlib';
import type { Bundle, Composition, DocumentReference, Provenance, Resource } from '@medplum/fhirtypes';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Person } from '../../hub/identity/index.ts';
import { type DocumentWorld, documentWorld, WORDS } from './document-world.ts';

let at: DocumentWorld;
beforeAll(async () => {
  at = await documentWorld();
});
afterAll(() => at?.close());

describe('a confirmed note', () => {
  test('says who wrote it, who confirmed it and when, and its signature holds', async () => {
    const id = await at.signed(at.world.doctor, at.world.doctor);
    const view = await at.view(at.world.doctor, id);
    expect(view).toMatchObject({
      kind: 'note',
      author: '山田 太郎',
      confirmer: '山田 太郎',
      proxy: false,
      version: '1.0',
      current: true,
      signature: { state: 'good', local: true },
      stamp: { state: 'none' },
      delivery: { state: 'waiting' },
    });
    expect(JSON.stringify(view.sections)).toContain('夜に眠れない');
  });

  test('that another typed is confirmed by name: a proxy entry', async () => {
    const id = await at.signed(at.world.specialist, at.world.doctor);
    expect(await at.view(at.world.doctor, id)).toMatchObject({
      author: '野口 英子',
      confirmer: '山田 太郎',
      proxy: true,
      signature: { state: 'good' },
    });
    const { json: bundle } = await at.ask<Bundle>(at.world.doctor, 'GET', `/api/records/documents/${id}`);
    const composition = bundle.entry![0]!.resource as Composition;
    expect(composition.attester?.map(({ mode, time }) => [mode, Boolean(time)])).toEqual([
      ['professional', true],
      ['legal', true],
    ]);
    expect(bundle.signature?.type.map(({ code }) => code)).toEqual(['1.2.840.10065.1.12.1.5']);
  });

  test('that somebody changed in the store is shown as changed', async () => {
    const id = await at.signed(at.world.doctor, at.world.doctor);
    await sql`update resources set content = replace(content::text, '夜に眠れない', '夜に眠れる')::jsonb
      where type = 'Bundle' and content::text like '%夜に眠れない%'`.execute(at.database.kysely);
    expect((await at.view(at.world.doctor, id)).signature).toMatchObject({ state: 'changed', signer: expect.any(String) });
    await sql`update resources set content = replace(content::text, '夜に眠れる', '夜に眠れない')::jsonb
      where type = 'Bundle' and content::text like '%夜に眠れる%'`.execute(at.database.kysely);
    expect((await at.view(at.world.doctor, id)).signature.state).toBe('good');
  });
});

test('nobody changes or deletes what was confirmed, not even who confirmed it', async () => {
  const id = await at.signed(at.world.doctor, at.world.doctor);
  const view = at.world.records.guarded(at.world.doctor);
  const reference = (await view.read('DocumentReference', id)) as DocumentReference & { id: string };
  const bundle = await view.read('Bundle', reference.content[0]!.attachment.url!.split('/')[1]!);
  const [composition] = await at.world.records.as(at.world.doctor).search<Composition>('Composition?_count=1');
  const [provenance] = await at.world.records.as(at.world.doctor).search<Provenance>(`Provenance?target=DocumentReference/${id}`);
  for (const resource of [reference, bundle, composition!, provenance!] as (Resource & { id: string })[]) {
    await expect(view.update({ ...resource, language: 'en' } as typeof resource), resource.resourceType).rejects.toMatchObject({
      code: 'document-confirmed',
    });
    await expect(view.delete(resource.resourceType, resource.id)).rejects.toMatchObject({ code: 'document-confirmed' });
  }
});

/** Text of a PDF whose fonts carry a table of characters (ToUnicode), page by page. */
function pdfText(bytes: Buffer): { text: string; fonts: string[] } {
  const raw = bytes.toString('latin1');
  const streams = [...raw.matchAll(/(\d+) 0 obj\n<<((?:(?!endobj)[\s\S])*?)>>\nstream\n/g)].map(
    ([whole, number, dictionary], _index, all) => {
      const from = raw.indexOf(whole!) + whole!.length;
      const length = Number(/\/Length (\d+)/.exec(dictionary!)?.[1] ?? 0);
      const body = bytes.subarray(from, from + length);
      return { number: number!, dictionary: dictionary!, body: dictionary!.includes('FlateDecode') ? inflateSync(body) : body, all };
    },
  );
  const maps = new Map<string, Map<number, string>>();
  for (const [, font, unicode] of raw.matchAll(/(\d+) 0 obj\n<<[^>]*?\/Subtype \/Type0[\s\S]*?\/ToUnicode (\d+) 0 R/g)) {
    const table = streams.find(({ number }) => number === unicode)!.body.toString('latin1');
    const map = new Map<number, string>();
    for (const [, from, , list] of table.matchAll(/<([0-9a-f]+)> <([0-9a-f]+)> \[([^\]]*)\]/gi)) {
      const first = Number.parseInt(from!, 16);
      for (const [index, [, hex]] of [...list!.matchAll(/<([0-9a-f ]*)>/gi)].entries())
        map.set(first + index, Buffer.from(hex!.replaceAll(' ', ''), 'hex').swap16().toString('utf16le'));
    }
    maps.set(font!, map);
  }
  const names = new Map([...raw.matchAll(/\/(F\d+) (\d+) 0 R/g)].map(([, name, number]) => [name!, maps.get(number!)!]));
  let text = '';
  for (const { body, dictionary } of streams) {
    if (dictionary.includes('/Length1') || dictionary.includes('CIDInit')) continue;
    let map: Map<number, string> | undefined;
    for (const [, font, shown] of body.toString('latin1').matchAll(/\/(F\d+) [\d.]+ Tf|\[([^\]]*)\] TJ/g)) {
      if (font) map = names.get(font);
      else
        for (const [, hex] of shown!.matchAll(/<([0-9a-f]+)>/g))
          for (let at = 0; at < hex!.length; at += 4) text += map?.get(Number.parseInt(hex!.slice(at, at + 4), 16)) ?? '';
    }
  }
  return { text, fonts: [...raw.matchAll(/\/BaseFont \/([\w+-]+)/g)].map(([, name]) => name!) };
}

describe('on paper', () => {
  test('a document has its words in an embedded font, its people on each page, and the same bytes each time', async () => {
    const long = `${'夜間に何度も起きて、廊下を歩く。'.repeat(200)} 髙橋医師へ①体温37.5℃`;
    const id = await at.signed(at.world.doctor, at.world.doctor, { ...WORDS, subjective: long });
    const pdf = (as: Person) => at.fetchAs(as, `/api/records/documents/${id}.pdf`);
    const first = await pdf(at.world.doctor);
    expect([first.status, first.headers.get('content-type')]).toEqual([200, 'application/pdf']);
    const bytes = Buffer.from(await first.arrayBuffer());
    if (process.env.DOCUMENT_SHOTS) (await import('node:fs')).writeFileSync(path.join(process.env.DOCUMENT_SHOTS, 'note.pdf'), bytes);
    const { text, fonts } = pdfText(bytes);
    expect(text).toContain('診療情報提供書');
    expect(text).toContain('髙橋医師へ①体温37.5℃');
    expect(text.match(/田中 ハナ 様/g)!.length).toBeGreaterThan(2);
    expect(text).toContain('1 / 3');
    expect(new Set(fonts.map(name => name.split('+')[1]))).toEqual(new Set(['BIZUDPGothic-Regular']));
    const raw = bytes.toString('latin1');
    for (const part of ['/Lang (ja-JP)', '/MarkInfo', '/StructTreeRoot', '/FontFile2']) expect(raw).toContain(part);
    expect(bytes.length).toBeLessThan(300_000);
    // Rendered anew from the same version it is the same, to the byte.
    await sql`delete from document_files`.execute(at.database.kysely);
    expect(Buffer.from(await (await pdf(at.world.self)).arrayBuffer()).equals(bytes)).toBe(true);
    expect((await pdf(at.world.caregiver)).status).toBe(403);
  });
});
