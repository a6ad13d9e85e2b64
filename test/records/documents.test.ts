// Documents: confirmed by name, signed, on paper; what was confirmed stays as it was.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inflateSync } from 'node:zlib';
import type { Bundle, Composition } from '@medplum/fhirtypes';
import { Hono } from 'hono';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../hub/config.ts';
import type { NoteView } from '../../hub/consult/contract.ts';
import { Problem } from '../../hub/http/problem.ts';
import type { HubEnv } from '../../hub/http/server-types.ts';
import type { Person } from '../../hub/identity/index.ts';
import type { DocumentView } from '../../hub/records/documents/contract.ts';
import { documentRoutes, noteRoutes, openSigning } from '../../hub/records/index.ts';
import type { Database } from '../../hub/store/index.ts';
import { freshDatabase } from '../harness/index.ts';
import { type SmallWorld, silent, smallWorld } from './people.ts';

let database: Database;
let world: SmallWorld;
let app: Hono<HubEnv>;
let actor: Person;
const folder = mkdtempSync(path.join(tmpdir(), 'hub-documents-'));

beforeAll(async () => {
  database = await freshDatabase();
  world = await smallWorld(database);
  const config = readConfig({ HUB_DATA: folder });
  const signing = await openSigning({ config, seed: Buffer.alloc(32, 7), log: silent });
  app = new Hono<HubEnv>();
  app.use(async (context, next) => {
    context.set('actor', actor);
    await next();
  });
  app.onError((error, context) =>
    error instanceof Problem ? context.json(error.body(), error.status) : context.json({ error: String(error.stack) }, 500),
  );
  app.route('/api/consult', noteRoutes({ records: world.records, database, config, ...signing }));
  app.route('/api/records', documentRoutes({ records: world.records, database, ...signing }));
});
afterAll(async () => {
  await database?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function ask<T>(as: Person, method: string, address: string, body?: unknown): Promise<{ status: number; json: T }> {
  actor = as;
  const response = await app.request(address, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  return { status: response.status, json: (await response.json()) as T };
}
const words = { subjective: '夜に眠れない', objective: '脈拍 72 整', assessment: '不眠症', plan: '照明を調整する' };

/** A signed note: typed by one, confirmed by another where they differ. */
async function signed(typist: Person, confirmer: Person, note: object = words): Promise<string> {
  const encounter = await world.consultation();
  const address = `/api/consult/encounters/${encounter.id}/note`;
  await ask(typist, 'PUT', address, { ...note, version: 0 });
  const { json, status } = await ask<NoteView>(confirmer, 'POST', `${address}/sign`, {});
  expect(status, JSON.stringify(json)).toBe(200);
  return json.document!.id;
}
const viewOf = async (as: Person, id: string) => (await ask<DocumentView>(as, 'GET', `/api/records/documents/${id}/view`)).json;

describe('a confirmed note', () => {
  test('says who wrote it, who confirmed it and when, and its signature holds', async () => {
    const id = await signed(world.doctor, world.doctor);
    const view = await viewOf(world.doctor, id);
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
    const id = await signed(world.specialist, world.doctor);
    expect(await viewOf(world.doctor, id)).toMatchObject({
      author: '野口 英子',
      confirmer: '山田 太郎',
      proxy: true,
      signature: { state: 'good' },
    });
    const { json: bundle } = await ask<Bundle>(world.doctor, 'GET', `/api/records/documents/${id}`);
    const composition = bundle.entry![0]!.resource as Composition;
    expect(composition.attester?.map(({ mode, time }) => [mode, Boolean(time)])).toEqual([
      ['professional', true],
      ['legal', true],
    ]);
    expect(bundle.signature?.type.map(({ code }) => code)).toEqual(['1.2.840.10065.1.12.1.5']);
  });

  test('that somebody changed in the store is shown as changed', async () => {
    const id = await signed(world.doctor, world.doctor);
    await sql`update resources set content = replace(content::text, '夜に眠れない', '夜に眠れる')::jsonb
      where type = 'Bundle' and content::text like '%夜に眠れない%'`.execute(database.kysely);
    expect((await viewOf(world.doctor, id)).signature).toMatchObject({ state: 'changed', signer: expect.any(String) });
    await sql`update resources set content = replace(content::text, '夜に眠れる', '夜に眠れない')::jsonb
      where type = 'Bundle' and content::text like '%夜に眠れる%'`.execute(database.kysely);
    expect((await viewOf(world.doctor, id)).signature.state).toBe('good');
  });
});

/** Text of a PDF whose fonts carry a table of characters (ToUnicode), page by page. */
function pdfText(bytes: Buffer): { text: string; fonts: string[] } {
  const raw = bytes.toString('latin1');
  const streams = [...raw.matchAll(/(\d+) 0 obj\n<<([\s\S]*?)>>\nstream\n/g)].map(([whole, number, dictionary], _index, all) => {
    const from = raw.indexOf(whole!) + whole!.length;
    const length = Number(/\/Length (\d+)/.exec(dictionary!)?.[1] ?? 0);
    const body = bytes.subarray(from, from + length);
    return { number: number!, dictionary: dictionary!, body: dictionary!.includes('FlateDecode') ? inflateSync(body) : body, all };
  });
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
    const id = await signed(world.doctor, world.doctor, { ...words, subjective: long });
    const pdf = async (as: Person) => {
      actor = as;
      return app.request(`/api/records/documents/${id}.pdf`);
    };
    const first = await pdf(world.doctor);
    expect([first.status, first.headers.get('content-type')]).toEqual([200, 'application/pdf']);
    const bytes = Buffer.from(await first.arrayBuffer());
    if (process.env.DOCUMENT_SHOTS) (await import('node:fs')).writeFileSync(path.join(process.env.DOCUMENT_SHOTS, 'note.pdf'), bytes);
    const { text, fonts } = pdfText(bytes);
    expect(text).toContain('診療情報提供書');
    expect(text).toContain('髙橋医師へ①体温37.5℃');
    expect(text.match(/田中 ハナ 様/g)!.length).toBeGreaterThan(2);
    expect(text).toContain('1 / 2');
    expect(new Set(fonts.map(name => name.split('+')[1]))).toEqual(new Set(['BIZUDPGothic-Regular']));
    const raw = bytes.toString('latin1');
    for (const part of ['/Lang (ja-JP)', '/MarkInfo', '/StructTreeRoot', '/FontFile2']) expect(raw).toContain(part);
    expect(bytes.length).toBeLessThan(300_000);
    // Rendered anew from the same version it is the same, to the byte.
    await sql`delete from document_files`.execute(database.kysely);
    expect(Buffer.from(await (await pdf(world.self)).arrayBuffer()).equals(bytes)).toBe(true);
    expect((await pdf(world.caregiver)).status).toBe(403);
  });
});
