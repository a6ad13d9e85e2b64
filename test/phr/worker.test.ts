// The worker by itself: it hears of what a page asked for, does it, and goes on where one before it died.
import { expect, test } from 'vitest';
import type { DownloadView, ImportView } from '../../hub/phr/contract.ts';
import { startPhr } from '../../hub/phr/index.ts';
import { silent } from '../records/people.ts';
import { useStand } from './stand.ts';

const at = useStand();
const state = async (id: string) => (await at().ask<ImportView>(at().self, 'GET', `/api/phr/imports/${id}`)).json.state;
const file = JSON.stringify([
  { body_temperature: { value: 36.6, unit: 'C' }, effective_time_frame: { date_time: '2026-11-01T00:00:00Z' } },
]);

async function send(name: string): Promise<string> {
  const { json } = await at().ask<ImportView>(at().self, 'POST', '/api/phr/imports', { name, size: Buffer.byteLength(file) });
  await at().imports.part(at().self, json.id, 0, Buffer.from(file));
  expect((await at().ask(at().self, 'POST', `/api/phr/imports/${json.id}/check`, {})).status).toBe(202);
  return json.id;
}

test('what was asked while no worker ran is done when one starts, and what is asked then is done at once', async () => {
  const early = await send('early.json');
  expect(await state(early)).toBe('checking');
  const worker = await startPhr({ ...at(), log: silent, pollSeconds: 0.5 });
  try {
    await expect.poll(() => state(early), { timeout: 15_000 }).toBe('ready');
    expect((await at().ask(at().self, 'POST', `/api/phr/imports/${early}/take`, { confirmed: true })).status).toBe(202);
    await expect.poll(() => state(early), { timeout: 15_000 }).toBe('done');
    await at().ask(at().self, 'POST', '/api/phr/downloads', {});
    const copy = async () => (await at().ask<DownloadView[]>(at().self, 'GET', '/api/phr/downloads')).json[0]!.state;
    await expect.poll(copy, { timeout: 15_000 }).toBe('ready');
    await at().ask(at().self, 'POST', `/api/phr/imports/${early}/undo`, {});
    await expect.poll(() => state(early), { timeout: 15_000 }).toBe('undone');
  } finally {
    await worker.close();
  }
});
