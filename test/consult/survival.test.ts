// A consultation survives a restarted hub, a killed media worker and a lost connection.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDatabase } from '../harness/index.ts';
import { type Clinic, type ConsultServer, foundClinic, idOf, startServer } from './clinic.ts';

const database = await freshDatabase();
let clinic: Clinic;
let server: ConsultServer;

beforeAll(async () => {
  clinic = await foundClinic(database);
  server = await startServer(database, clinic, { limits: { graceMs: 100 } });
});
afterAll(async () => {
  await server.close();
  await database.close();
});

async function planned(): Promise<string> {
  const { body } = await server.ask(clinic.doctor, 'POST', '/encounters', {
    pattern: 'DtoP',
    patient: idOf(clinic.patient),
    reason: '定期の診察',
  });
  return body.id;
}

test('after a restart of the hub everybody comes back to their place, and who was only waiting still waits', async () => {
  const [met, waited] = [await planned(), await planned()];
  const doctor = await server.connect(clinic.doctor);
  const patient = await server.connect(clinic.patient);
  await patient.join(waited);
  await doctor.join(met);
  await patient.join(met);
  await doctor.do('admit', { reference: clinic.patient.reference });
  await patient.join(met);
  await doctor.do('chat', { text: '聞こえますか' });

  await server.close();
  server = await startServer(database, clinic, { limits: { graceMs: 100 } });
  const back = await server.connect(clinic.patient);
  const again = await back.join(met);
  expect(again.state).toBe('in-room');
  expect(again.chat).toHaveLength(1);
  expect(again.encounter.status).toBe('in-progress');
  expect((await back.join(waited)).state).toBe('waiting');
});

test('when the media worker is killed the room gets another one, and those inside are told to set up anew', async () => {
  const encounter = await planned();
  const doctor = await server.connect(clinic.doctor);
  const patient = await server.connect(clinic.patient);
  await doctor.join(encounter);
  await patient.join(encounter);
  await doctor.do('admit', { reference: clinic.patient.reference });
  await patient.join(encounter);
  const { transport } = await doctor.do<{ transport: string }>('openTransport', { direction: 'send' });
  const [before] = server.consult.workers();
  process.kill(before!.pid, 'SIGKILL');
  await expect.poll(() => [doctor.heard('mediaLost').length, patient.heard('mediaLost').length]).toEqual([1, 1]);
  const again = await doctor.join(encounter);
  expect(again.mediaKept).toBe(false);
  expect(again.routerRtpCapabilities).not.toBeNull();
  expect(await doctor.refused('restartIce', { transport })).toBe('not-yours');
  expect(await doctor.do('openTransport', { direction: 'send' })).toMatchObject({ transport: expect.any(String) });
  expect(server.consult.workers()).toMatchObject([{ rooms: 1 }]);
  expect(server.consult.workers()[0]?.pid).not.toBe(before!.pid);
});

test('the media of a person who does not come back ends after the grace time', async () => {
  const encounter = await planned();
  const doctor = await server.connect(clinic.doctor);
  const specialist = await server.connect(clinic.specialist);
  await server.ask(clinic.doctor, 'POST', `/encounters/${encounter}/invite`, { practitioner: idOf(clinic.specialist) });
  await doctor.join(encounter);
  await specialist.join(encounter);
  const { transport } = await doctor.do<{ transport: string }>('openTransport', { direction: 'send' });
  const { producer } = await doctor.do<{ producer: string }>('produce', {
    transport,
    kind: 'audio',
    source: 'microphone',
    rtpParameters: { codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48000, channels: 2 }], encodings: [{ ssrc: 1111 }] },
  });
  doctor.close();
  await expect.poll(() => specialist.presence(clinic.doctor)).toBe('away');
  await expect.poll(() => specialist.heard('producerClosed')).toEqual([{ producer }]);
});
