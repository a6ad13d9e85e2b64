// Notifications on this device (Web Push): whether it can, whether it does, on and off. Asked for by a press alone.
import { api } from '../../shared/api.ts';

/** unable: this browser cannot. refused: the person has said no to the browser, which alone can change that. */
export type Notifying = 'unable' | 'refused' | 'off' | 'on';

const WORKER = '/service-worker.js';
const able = () => 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window;

async function subscription(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/** As the browser and the hub both know it. @throws ApiError */
export async function notifying(): Promise<Notifying> {
  if (!able()) return 'unable';
  if (Notification.permission === 'denied') return 'refused';
  const found = await subscription();
  if (!found) return 'off';
  const { on } = await api.post<{ on: boolean }>('/api/alerts/push/state', { endpoint: found.endpoint });
  return on ? 'on' : 'off';
}

/** Call from a press. @throws ApiError; Error when the browser's own service cannot be reached */
export async function notifyHere(): Promise<Notifying> {
  if ((await Notification.requestPermission()) !== 'granted') return Notification.permission === 'denied' ? 'refused' : 'off';
  const { publicKey } = await api.get<{ publicKey: string }>('/api/alerts/push/key');
  await navigator.serviceWorker.register(WORKER);
  const { pushManager } = await navigator.serviceWorker.ready;
  const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
  await api.post('/api/alerts/push', made.toJSON());
  return 'on';
}

/** @throws ApiError */
export async function notifyNoMore(): Promise<Notifying> {
  const found = await subscription();
  if (found) {
    await api.post('/api/alerts/push/end', { endpoint: found.endpoint });
    await found.unsubscribe();
  }
  return 'off';
}
