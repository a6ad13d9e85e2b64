// What comes as a file is judged by its bytes; what goes out as a file is never run by a browser.
import { deflateSync } from 'node:zlib';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { acceptUpload, giveFile, readUpload } from '../../hub/http/index.ts';

/** A PNG's beginning: signature and header chunk. */
function png(width: number, height: number): Buffer {
  const header = Buffer.alloc(25);
  header.writeUInt32BE(13, 0);
  header.write('IHDR', 4);
  header.writeUInt32BE(width, 8);
  header.writeUInt32BE(height, 12);
  header[16] = 8;
  const data = deflateSync(Buffer.alloc(4));
  const chunk = Buffer.concat([Buffer.from([0, 0, 0, data.length]), Buffer.from('IDAT'), data, Buffer.alloc(4)]);
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), header, chunk]);
}
const jpeg = Buffer.from('ffd8ffe000104a46494600010100000100010000ffc0001108012c0190030122000211010311 01ffd9'.replaceAll(' ', ''), 'hex');
const accepted = {
  types: ['image/png', 'image/jpeg', 'application/pdf', 'application/json', 'application/xml', 'text/csv'],
  limit: 100_000,
};
const refusal = (content: Uint8Array | string, named: string) =>
  acceptUpload(Buffer.from(content), named, accepted).then(
    type => `taken as ${type}`,
    error => error.status as number,
  );

describe('taken for what it is:', () => {
  test.each([
    ['a PNG that calls itself a PDF', png(800, 600), 'application/pdf', 'image/png'],
    ['a JPEG', jpeg, 'image/jpeg', 'image/jpeg'],
    ['a PDF', Buffer.from('%PDF-1.7\n%…\n'), '', 'application/pdf'],
    ['JSON', Buffer.from('{"a":1}'), 'application/json; charset=utf-8', 'application/json'],
    [
      'an export of a phone, with its document type',
      Buffer.from('<?xml version="1.0"?><!DOCTYPE HealthData [<!ELEMENT HealthData (Record*)>]><HealthData/>'),
      'application/xml',
      'application/xml',
    ],
    ['a table', Buffer.from('日付,値\n2026-01-01,3\n'), 'text/csv', 'text/csv'],
  ])('%s', async (_, content, named, type) => {
    expect(await acceptUpload(content, named, accepted)).toBe(type);
  });
});

describe('not taken:', () => {
  test.each([
    ['a page that calls itself an image', '<!doctype html><script>1</script>', 'image/png'],
    ['a page that calls itself a table', '  <html><body>x', 'text/csv'],
    ['a drawing', '<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>', 'application/xml'],
    [
      'a drawing behind a comment and a document type',
      '<?xml version="1.0"?><!-- x --><!DOCTYPE svg [<!ENTITY a "b">]>\n<svg:svg xmlns:svg="urn:x"/>',
      'application/xml',
    ],
    ['XML with a style sheet', '<?xml-stylesheet href="x.xsl"?><a/>', 'application/xml'],
    ['a drawing as image', '<svg xmlns="http://www.w3.org/2000/svg"/>', 'image/svg+xml'],
    ['a program for Windows', Buffer.concat([Buffer.from('MZ'), Buffer.alloc(200)]), 'application/pdf'],
    ['a program for Linux', Buffer.concat([Buffer.from('7f454c46020101', 'hex'), Buffer.alloc(200)]), 'image/png'],
    ['a zip that calls itself JSON', Buffer.concat([Buffer.from('504b0304', 'hex'), Buffer.alloc(60)]), 'application/json'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x41]), 'text/csv'],
    ['a script', '#!/bin/sh\nrm', 'application/x-sh'],
    ['nothing', '', 'image/png'],
  ])('%s', async (_, content, named) => {
    expect(await refusal(content, named)).toBe(415);
  });

  test('a small image of very many pixels, and one that says none', async () => {
    expect(await refusal(png(100_000, 100_000), 'image/png')).toBe(422);
    expect(await refusal(png(0, 0), 'image/png')).toBe(422);
    expect(await refusal(jpeg.subarray(0, 20), 'image/jpeg')).toBe(422);
  });

  test('what is larger than the route takes, also when it does not say how large it is', async () => {
    expect(await refusal(Buffer.concat([png(1, 1), Buffer.alloc(200_000)]), 'image/png')).toBe(413);
    const app = new Hono().post('/', async context => context.json((await readUpload(context, accepted)).type));
    let status = 0;
    app.onError((error, context) => {
      status = (error as unknown as { status: number }).status;
      return context.text('refused');
    });
    const body = new ReadableStream({ pull: stream => stream.enqueue(new Uint8Array(50_000)) });
    await app.request('/', { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect(status).toBe(413);
  });
});

test('a file goes out with a sandbox, its own type and a name that ends no header', async () => {
  const app = new Hono().get('/', context =>
    giveFile(context, { content: Buffer.from('%PDF'), type: 'application/pdf', size: 4, name: '紹介状\r\n"x".pdf', inline: true }),
  );
  const { headers } = await app.request('/');
  expect(headers.get('content-security-policy')).toContain('sandbox');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('content-disposition')).toMatch(
    /^inline; filename="[\w.-]+"; filename\*=UTF-8''%E7%B4%B9%E4%BB%8B%E7%8A%B6__%22x%22\.pdf$/,
  );
});

test('what a browser would run is only ever saved, as bytes', async () => {
  const app = new Hono().get('/', context =>
    giveFile(context, { content: Buffer.from('<svg/>'), type: 'image/svg+xml', size: 6, inline: true }),
  );
  const { headers } = await app.request('/');
  expect(headers.get('content-type')).toBe('application/octet-stream');
  expect(headers.get('content-disposition')).toBe('attachment');
});
