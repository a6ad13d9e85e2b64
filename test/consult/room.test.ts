// Who comes into a consultation and how, who is kept out, and what survives: on a real record, over a real socket.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ChatMessage } from '../../hub/consult/contract.ts';
import { type Person, service } from '../../hub/identity/actor.ts';
import { freshDatabase } from '../harness/index.ts';
import { type Clinic, type ConsultServer, foundClinic, idOf, startServer } from './clinic.ts';

/** A PNG of one pixel. */
const PIXEL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

const database = await freshDatabase();
let clinic: Clinic;
let server: ConsultServer;
let encounter: string;

beforeAll(async () => {
  clinic = await foundClinic(database);
  server = await startServer(database, clinic);
});
afterAll(async () => {
  await server.close();
  await database.close();
});
beforeEach(async () => {
  const { status, body } = await server.ask(clinic.doctor, 'POST', '/encounters', {
    pattern: 'DtoPwithD',
    patient: idOf(clinic.patient),
    reason: '夜間のせん妄',
    invite: [idOf(clinic.specialist)],
  });
  expect(status).toBe(201);
  encounter = body.id;
});

/** Doctor and patient, both inside. */
async function meet() {
  const doctor = await server.connect(clinic.doctor);
  const patient = await server.connect(clinic.patient);
  await doctor.join(encounter);
  if ((await patient.join(encounter)).state === 'waiting') {
    await doctor.do('admit', { reference: clinic.patient.reference });
    await patient.join(encounter);
  }
  return { doctor, patient };
}

test('a patient waits until the doctor lets them in, and the others see both', async () => {
  const doctor = await server.connect(clinic.doctor);
  expect((await doctor.join(encounter)).state).toBe('in-room');
  const patient = await server.connect(clinic.patient);
  const waiting = await patient.join(encounter);
  expect(waiting.state).toBe('waiting');
  expect(waiting.routerRtpCapabilities).toBeNull();
  await expect.poll(() => doctor.presence(clinic.patient)).toBe('waiting');
  expect(doctor.seen()?.status).toBe('arrived');
  expect(await patient.refused('openTransport', { direction: 'send' })).toBe('not-in-room');
  expect(await patient.refused('chat', { text: 'もしもし' })).toBe('not-in-room');
  expect(await patient.refused('admit', { reference: clinic.patient.reference })).toBe('doctors-only');

  await doctor.do('admit', { reference: clinic.patient.reference });
  await expect.poll(() => patient.heard('admitted').length).toBe(1);
  expect((await patient.join(encounter)).state).toBe('in-room');
  await expect.poll(() => doctor.presence(clinic.patient)).toBe('present');
  expect(doctor.seen()?.status).toBe('in-progress');
});

test('who is not invited is refused, told why, and written down', async () => {
  for (const uninvited of [clinic.stranger, clinic.colleague]) {
    const caller = await server.connect(uninvited);
    const answer = await caller.send('join', { encounter });
    expect(answer).toMatchObject({ ok: false, error: { code: 'not-invited', ja: expect.stringContaining('招待') } });
    expect(await caller.refused('chat', { text: 'ここにいます' })).toBe('not-in-room');
  }
  const refused = await database.pool.query(
    `select 1 from audit_events where action = 'join' and not allowed and reference = $1 and patients = array[$2]`,
    [clinic.stranger.reference, idOf(clinic.patient)],
  );
  expect(refused.rowCount).toBeGreaterThan(0);
});

test('an invited specialist enters directly', async () => {
  const specialist = await server.connect(clinic.specialist);
  expect((await specialist.join(encounter)).state).toBe('in-room');
});

test('a specialist who is invited during the consultation can come in, and those inside hear of it', async () => {
  const created = await server.ask(clinic.doctor, 'POST', '/encounters', {
    pattern: 'DtoPwithD',
    patient: idOf(clinic.patient),
    reason: '相談',
  });
  encounter = created.body.id;
  const specialist = await server.connect(clinic.specialist);
  expect(await specialist.refused('join', { encounter })).toBe('not-invited');
  const doctor = await server.connect(clinic.doctor);
  await doctor.join(encounter);
  const { status } = await server.ask(clinic.doctor, 'POST', `/encounters/${encounter}/invite`, { practitioner: idOf(clinic.specialist) });
  expect(status).toBe(200);
  await expect.poll(() => doctor.presence(clinic.specialist)).toBe('invited');
  expect((await specialist.join(encounter)).state).toBe('in-room');
});

test('bad and unknown messages are refused clearly and the room goes on', async () => {
  const { doctor, patient } = await meet();
  expect(await patient.refused('fly', {})).toBe('unknown-message');
  expect(await patient.refused('constructor', {})).toBe('unknown-message');
  expect(await patient.refused('chat', { text: '' })).toBe('bad-message');
  expect(await patient.refused('chat', 'text')).toBe('bad-message');
  expect(await patient.refused('join', { encounter: '../../etc' })).toBe('bad-message');
  expect(await patient.refused('join', { encounter: 'no-such-encounter' })).toBe('not-found');
  expect(await patient.refused('produce', { transport: 'x', kind: 'smell' })).toBe('bad-message');
  patient.socket.emit('fly');
  patient.socket.emit('chat', { text: 'こんにちは' });
  await expect.poll(() => doctor.heard('chat').length).toBe(1);
  expect(server.consult.refusals()['unknown-message']).toBeGreaterThanOrEqual(3);
});

test("nobody reaches another's transports and producers", async () => {
  const { doctor, patient } = await meet();
  const { transport } = await doctor.do<{ transport: string }>('openTransport', { direction: 'send' });
  const dtlsParameters = { fingerprints: [{ algorithm: 'sha-256', value: 'AA:BB' }] };
  expect(await patient.refused('connectTransport', { transport, dtlsParameters })).toBe('not-yours');
  expect(await patient.refused('restartIce', { transport })).toBe('not-yours');
  const opus = { codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48000, channels: 2 }], encodings: [{ ssrc: 1111 }] };
  expect(await patient.refused('produce', { transport, kind: 'audio', source: 'microphone', rtpParameters: opus })).toBe('not-yours');
  const { producer } = await doctor.do<{ producer: string }>('produce', {
    transport,
    kind: 'audio',
    source: 'microphone',
    rtpParameters: opus,
  });
  await expect.poll(() => patient.heard('producer')).toMatchObject([{ producer, reference: clinic.doctor.reference }]);
  expect(await patient.refused('closeProducer', { producer })).toBe('not-yours');
  expect(await patient.refused('pauseProducer', { producer, paused: true })).toBe('not-yours');
  // A second microphone takes the place of the first: one person cannot fill the room.
  await doctor.do('produce', { transport, kind: 'audio', source: 'microphone', rtpParameters: { ...opus, encodings: [{ ssrc: 2222 }] } });
  await expect.poll(() => patient.heard('producerClosed')).toEqual([{ producer }]);
  expect((await patient.join(encounter)).producers).toHaveLength(1);
});

test('a pointer reaches the others; patients watch, and a place outside the picture is refused', async () => {
  const { doctor, patient } = await meet();
  const at = { reference: clinic.patient.reference, source: 'camera', x: 0.25, y: 0.75 };
  await doctor.do('point', { at });
  await expect.poll(() => patient.heard('pointer').at(-1)).toEqual({ reference: clinic.doctor.reference, at });
  await doctor.do('point', { at: null });
  await expect.poll(() => patient.heard('pointer').at(-1)).toEqual({ reference: clinic.doctor.reference, at: null });
  expect(doctor.heard('pointer')).toEqual([]);
  expect(await patient.refused('point', { at })).toBe('cannot-point');
  expect(await doctor.refused('point', { at: { ...at, x: 1.5 } })).toBe('bad-message');
  expect(await doctor.refused('point', { at: { ...at, source: 'microphone' } })).toBe('bad-message');
  expect(await doctor.refused('showConsumer', { consumer: crypto.randomUUID(), layer: 0 })).toBe('not-yours');
  expect(await doctor.refused('showConsumer', { consumer: crypto.randomUUID(), layer: 7 })).toBe('bad-message');
});

test('a still comes only from whom it was asked, once, and unchanged', async () => {
  const { doctor, patient } = await meet();
  const send = (as: Person, still: string, content: Uint8Array<ArrayBuffer>, hashed = content) =>
    fetch(`${server.url}/api/consult/stills/${encounter}/${still}?width=1&height=1`, {
      method: 'POST',
      headers: {
        'x-as': as.reference ?? '',
        'content-type': 'image/png',
        'content-digest': `sha-256=:${createHash('sha256').update(hashed).digest('base64')}:`,
      },
      body: content,
    }).then(async answer => [answer.status, (await answer.json()).error?.code]);
  const ask = async () => {
    await doctor.do('askStill', { reference: clinic.patient.reference, source: 'camera' });
    return (patient.heard('stillWanted').at(-1) as { still: string }).still;
  };
  expect(await patient.refused('askStill', { reference: clinic.doctor.reference, source: 'camera' })).toBe('cannot-point');
  expect(await doctor.refused('askStill', { reference: clinic.colleague.reference, source: 'camera' })).toBe('not-in-room');
  expect(await send(clinic.patient, crypto.randomUUID(), PIXEL)).toEqual([409, 'still-not-wanted']);

  expect(await send(clinic.doctor, await ask(), PIXEL)).toEqual([409, 'still-not-wanted']);
  expect(await send(clinic.patient, await ask(), PIXEL, Buffer.from('another'))).toEqual([422, 'content-altered']);
  expect(await send(clinic.patient, await ask(), Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'))).toEqual([415, 'file-type']);
  const still = await ask();
  expect(await send(clinic.patient, still, PIXEL)).toEqual([201, undefined]);
  expect(await send(clinic.patient, still, PIXEL)).toEqual([409, 'still-not-wanted']);
  await expect.poll(() => doctor.heard('still').length).toBe(1);
});

test('malformed media is refused and the room goes on', async () => {
  const { doctor, patient } = await meet();
  const { transport } = await doctor.do<{ transport: string }>('openTransport', { direction: 'send' });
  const broken = { codecs: [{ mimeType: 'video/nonsense', payloadType: 96, clockRate: 90000 }], encodings: [{ ssrc: 1 }] };
  expect(await doctor.refused('produce', { transport, kind: 'video', source: 'camera', rtpParameters: broken })).toBe('media-refused');
  expect(await doctor.refused('produce', { transport, kind: 'video', source: 'microphone', rtpParameters: broken })).toBe('media-refused');
  expect((await patient.do<{ transport: string }>('openTransport', { direction: 'receive' })).transport).toBeTruthy();
});

test('chat reaches the others, is in the record, and is there after coming back', async () => {
  const { doctor, patient } = await meet();
  await patient.do('chat', { text: '眠れません' });
  await expect.poll(() => doctor.heard('chat')).toMatchObject([{ text: '眠れません', name: '山田 ハナ' }]);
  await patient.do('leave');
  const again = await patient.join(encounter);
  expect(again.chat.map((message: ChatMessage) => message.text)).toEqual(['眠れません']);
  const stored = await clinic.records.as(clinic.doctor).search(`Communication?encounter=Encounter/${encounter}`);
  expect(stored).toMatchObject([{ sender: { reference: clinic.patient.reference }, payload: [{ contentString: '眠れません' }] }]);
});

test('leaving and coming back needs no second admission', async () => {
  const { doctor, patient } = await meet();
  await patient.do('leave');
  await expect.poll(() => doctor.presence(clinic.patient)).toBe('away');
  expect((await patient.join(encounter)).state).toBe('in-room');
  await expect.poll(() => doctor.presence(clinic.patient)).toBe('present');
});

test('the same person elsewhere takes the place of the first connection', async () => {
  const { doctor, patient } = await meet();
  const tablet = await server.connect(clinic.patient);
  expect((await tablet.join(encounter)).state).toBe('in-room');
  await expect.poll(() => patient.heard('replaced').length).toBe(1);
  await expect.poll(() => patient.socket.connected).toBe(false);
  expect(doctor.presence(clinic.patient)).toBe('present');
});

test('a page that comes back after a cut finds its transports, and another page does not', async () => {
  const { doctor } = await meet();
  const page = crypto.randomUUID();
  const patient = await server.connect(clinic.patient);
  expect((await patient.join(encounter, page)).mediaKept).toBe(false);
  const { transport } = await patient.do<{ transport: string }>('openTransport', { direction: 'send' });
  patient.socket.disconnect();
  await expect.poll(() => doctor.presence(clinic.patient)).toBe('away');
  const back = await server.connect(clinic.patient);
  expect((await back.join(encounter, page)).mediaKept).toBe(true);
  await back.do('restartIce', { transport });
  const reloaded = await server.connect(clinic.patient);
  expect((await reloaded.join(encounter, crypto.randomUUID())).mediaKept).toBe(false);
  expect(await reloaded.refused('restartIce', { transport })).toBe('not-yours');
});

test('only the doctor ends it; then it is finished in the record and nobody comes in again', async () => {
  const { doctor, patient } = await meet();
  expect(await patient.refused('end')).toBe('doctors-only');
  await doctor.do('end');
  await expect.poll(() => patient.heard('ended').length).toBe(1);
  const stored = await clinic.records.as(service('consult')).read('Encounter', encounter);
  expect(stored.status).toBe('finished');
  expect(stored.period?.end).toBeTruthy();
  expect(stored.participant?.find(each => each.individual?.reference === clinic.doctor.reference)?.period?.end).toBeTruthy();
  const late = await server.connect(clinic.patient);
  expect(await late.refused('join', { encounter })).toBe('encounter-ended');
});

test('too many messages in a short time are refused, and the others are not disturbed', async () => {
  const { doctor, patient } = await meet();
  const codes = await Promise.all(
    Array.from({ length: 400 }, () => patient.send('leave-nothing-behind').then(answer => (answer.ok ? 'ok' : answer.error.code))),
  );
  expect(codes).toContain('rate-exceeded');
  await doctor.do('chat', { text: 'つづけます' });
});
