// Passkeys in the browser: the hub asks, the device verifies the person and answers, the hub checks the answer.
import {
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  startAuthentication,
  startRegistration,
} from '@simplewebauthn/browser';
import { ApiError, api } from '../../shared/api.ts';
import type { PasskeyView } from '../../shared/hub.ts';

/** @throws ApiError with words, also when the person stopped or the device cannot */
export async function signInWithPasskey(): Promise<void> {
  await api.post('/api/session/passkey', { answer: await answerTo('/api/session/passkey/begin') });
}

/** A fresh proof for a dangerous act. @throws ApiError */
export async function confirmWithPasskey(): Promise<void> {
  await api.post('/api/session/confirm/passkey', { answer: await answerTo('/api/session/confirm/passkey/begin') });
}

/** @throws ApiError */
export async function registerPasskey(name: string): Promise<PasskeyView> {
  const optionsJSON = await api.post<PublicKeyCredentialCreationOptionsJSON>('/api/session/factors/passkeys/begin');
  const answer = await startRegistration({ optionsJSON }).catch(stopped);
  return api.post<PasskeyView>('/api/session/factors/passkeys', { name, answer });
}

async function answerTo(begin: string) {
  const optionsJSON = await api.post<PublicKeyCredentialRequestOptionsJSON>(begin);
  return startAuthentication({ optionsJSON }).catch(stopped);
}

function stopped(cause: unknown): never {
  const known = (cause as Error).name === 'InvalidStateError';
  const text = known
    ? { ja: 'この機器のパスキーは、もう登録してあります。', en: 'This device’s passkey is registered already.' }
    : {
        ja: 'パスキーは使われませんでした。もう一度試すか、ほかの方法を選んでください。',
        en: 'The passkey was not used. Try again, or choose another way.',
      };
  throw new ApiError(400, 'passkey-stopped', text, [], cause);
}

/** What a person may want to call a passkey made on this device. */
export function deviceName(): string {
  const agent = navigator.userAgent;
  if (/iPhone/.test(agent)) return 'iPhone';
  if (/iPad/.test(agent)) return 'iPad';
  if (/Android/.test(agent)) return 'Android';
  if (/Mac OS X/.test(agent)) return 'Mac';
  return /Windows/.test(agent) ? 'Windows' : '';
}
