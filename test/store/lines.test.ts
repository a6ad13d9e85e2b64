// Samples as line protocol: what is written comes back the same, also with odd names, and the store's refusal is told from its absence.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, inject, test } from 'vitest';
import { linesOf, openWriter } from '../../hub/store/lines.ts';
import { SAMPLE_DATABASE } from '../../hub/store/samples.ts';
import { sampleStore, unique } from '../harness/index.ts';

const now = Math.floor(Date.now() / 1000) * 1000;
const point = { profile: 'bed', facility: 'f', device: 'd', subject: 'Patient/p', time: 1_700_000_000_000, values: { heart_rate: 62 } };

test('points become lines, one each, with their tags in order and times in ms', () => {
  const values = { heart_rate: 61.5, in_bed: 1 };
  expect(linesOf([point, { ...point, time: point.time + 1000, values }, { ...point, device: 'e' }])).toBe(
    'bed,device=d,facility=f,subject=Patient/p heart_rate=62 1700000000000\n' +
      'bed,device=d,facility=f,subject=Patient/p heart_rate=61.5,in_bed=1 1700000001000\n' +
      'bed,device=e,facility=f,subject=Patient/p heart_rate=62 1700000000000\n',
  );
});

test('a point that differs from the last in its subject, facility or profile alone gets tags of its own', () => {
  const lines = linesOf([point, { ...point, subject: 'Patient/q' }, { ...point, facility: 'g' }, { ...point, profile: 'room' }]);
  expect(
    lines
      .trim()
      .split('\n')
      .map(line => line.split(' ')[0]),
  ).toEqual([
    'bed,device=d,facility=f,subject=Patient/p',
    'bed,device=d,facility=f,subject=Patient/q',
    'bed,device=d,facility=g,subject=Patient/p',
    'room,device=d,facility=f,subject=Patient/p',
  ]);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('%d is refused for good, as the store would', value => {
  expect(() => linesOf([{ ...point, values: { heart_rate: value } }])).toThrow(expect.objectContaining({ res: { statusCode: 400 } }));
});

test.each(['a b', 'a,b', 'a=b', '日本語', 'a"b'])('the name %s comes back from the store as it was', async name => {
  const store = await sampleStore();
  const [profile, subject] = [unique('odd,profile name'), `Patient/${unique(name)}`];
  await store.write([{ ...point, profile, subject, device: name, time: now, values: { [name]: 1e-7, plain: 1e21 } }]);
  expect(await store.readAll(profile, [name, 'plain'], now, now + 1)).toEqual([
    { profile, facility: 'f', device: name, subject, time: now, values: { [name]: 1e-7, plain: 1e21 } },
  ]);
});

test('what the store can never take is told by its status, a store that is away is not', async () => {
  const write = openWriter(inject('influxUrl'), SAMPLE_DATABASE);
  await expect(write('this is no line\n')).rejects.toMatchObject({ res: { statusCode: 400 } });
  await expect(openWriter(inject('influxUrl'), unique('no-database'))(linesOf([point]))).rejects.toMatchObject({
    res: { statusCode: 404 },
  });
  const away = await openWriter('http://127.0.0.1:1', SAMPLE_DATABASE)(linesOf([point])).catch(error => error);
  expect(away).toMatchObject({ code: 'ECONNREFUSED' });
  expect(away.res).toBeUndefined();
});

test('user, password and a path in front are passed on', async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, answer) => {
    asked.push(request.url, request.headers.authorization);
    request.resume().once('end', () => answer.writeHead(204).end());
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await openWriter(`http://us%40er:pass@127.0.0.1:${port}/influx/`, 'a b')(linesOf([point]));
  expect(asked).toEqual(['/influx/write?db=a%20b&precision=ms', `Basic ${Buffer.from('us@er:pass').toString('base64')}`]);
  server.closeAllConnections();
  await new Promise(resolve => server.close(resolve));
});
