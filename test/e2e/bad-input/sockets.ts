// Sockets: nobody follows what is not theirs, and what is no message is refused in words.
import type { Socket } from 'socket.io-client';
import { describe, expect, test } from 'vitest';
import { ROLES } from '../route-rights.ts';
import { say, Visitor } from '../visitor.ts';
import { foreign, hub, nobody, people, world } from './stand.ts';

describe('sockets', () => {
  test.each(['/live', '/consult'])('%s takes nobody without a session, and nobody from another site', async namespace => {
    await expect(nobody.socket(namespace)).rejects.toMatchObject({
      data: { error: { code: 'not-signed-in', ja: expect.stringMatching(/./) } },
    });
    await expect(people.doctor.socket(namespace, { origin: 'https://evil.example' })).rejects.toThrow();
  });

  test('what one may not follow is refused in words', async () => {
    const expected = { ok: false, error: { code: 'not-allowed', ja: expect.stringMatching(/./), en: expect.stringMatching(/./) } };
    for (const role of ROLES) {
      const socket = await people[role].socket('/live');
      expect(await say(socket, 'vitals:watch', { patient: foreign.patient }), role).toEqual(expected);
      expect(await say(socket, 'floor:follow', { facility: foreign.facility }), role).toEqual(expected);
      // An administrator keeps all devices; what a resident's device measures is not shown on a bench.
      if (role !== 'manager' && role !== 'maker' && role !== 'administrator')
        expect(await say(socket, 'bench:watch', { device: foreign.device }), role).toEqual(expected);
      const consult = await people[role].socket('/consult');
      expect(await say(consult, 'join', { encounter: foreign.encounter }), role).toMatchObject({
        ok: false,
        error: { code: 'not-invited' },
      });
      expect(await say(consult, 'chat', { text: 'x' }), role).toMatchObject({ ok: false, error: { code: 'not-in-room' } });
    }
  });

  test('messages that are none are refused in words', async () => {
    const live = await people.caregiver.socket('/live');
    const consult = await people.doctor.socket('/consult');
    const malformed: [Socket, string, ...unknown[]][] = [
      [live, 'vitals:watch'],
      [live, 'vitals:watch', null],
      [live, 'vitals:watch', { patient: '../x' }],
      [live, 'floor:follow'],
      [live, 'floor:follow', { facility: ['a'] }],
      [live, 'no:such'],
      [live, 'bench:watch', { device: '#' }],
      [consult, 'join'],
      [consult, 'join', { encounter: 7 }],
      [consult, 'no-such', {}],
      [consult, 'constructor', {}],
      [consult, 'produce', { transport: 'x' }],
    ];
    for (const [socket, event, ...sent] of malformed) {
      const answer = await say(socket, event, ...sent);
      expect(answer, `${event} ${JSON.stringify(sent)}`).toMatchObject({
        ok: false,
        error: { code: expect.stringMatching(/./), ja: expect.stringMatching(/./) },
      });
      expect(answer.error?.code, event).not.toBe('failed');
    }
  });

  test('signing out ends the person’s open connections', async () => {
    const { url } = await world.administrator.send<{ url: string }>('POST', `/api/people/${world.accounts.caregiver}/link`, {});
    const leaving = await new Visitor(hub.url).signIn(url);
    const socket = await leaving.socket('/live');
    const ended = new Promise<string>(resolve => socket.once('disconnect', resolve));
    expect((await leaving.ask('DELETE', '/api/session')).status).toBe(204);
    expect(await ended).toBe('io server disconnect');
  });

  test('a patient’s denial ends the live stream of the home’s carers at once', async () => {
    const patient = world.residents[0]!.patient;
    const page = await people.manager.socket('/live');
    expect(await say(page, 'vitals:watch', { patient })).toEqual({ ok: true });
    const ended = new Promise(resolve => page.once('vitals:ended', resolve));
    const share = (allow: boolean) => people.patient.ask('POST', '/api/records/sharing', { organization: world.organizations.home, allow });
    expect((await share(false)).status).toBe(200);
    expect(await ended).toEqual({ patient });
    expect(await say(page, 'vitals:watch', { patient })).toMatchObject({ ok: false, error: { code: 'not-allowed' } });
    expect((await share(true)).status).toBe(200);
    expect(await say(page, 'vitals:watch', { patient })).toEqual({ ok: true });
  });
});
