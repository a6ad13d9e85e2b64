// Requests for certificates over MQTT while the registry is away: nothing else of the device waits for them.
import { expect, test } from 'vitest';
import { openCertifier } from '../../hub/ingest/certifier.ts';
import { log, noRecords } from './bench-facility.ts';

test('a request that cannot be answered now is refused in words, does not count, and holds nothing up', async () => {
  const refusals: string[] = [];
  const certifier = openCertifier({
    registry: {
      certify: async () => {
        throw new Error('the database is away');
      },
    },
    records: noRecords,
    publish: () => {},
    refuse: (_holder, _topic, _request, { text }) => void refusals.push(text.en),
    log,
  });
  const holder = { kind: 'device' as const, facility: 'f1', device: 'bed-1' };
  for (let count = 0; count < 7; count++)
    await new Promise<void>(done => certifier.answer(holder, 'care/1/f1/bed-1/csr', Buffer.from('request'), done));
  expect(refusals).toHaveLength(7);
  expect(new Set(refusals)).toEqual(new Set([expect.stringContaining('ask again after a while')]));
});
