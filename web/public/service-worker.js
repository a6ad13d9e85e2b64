// Shows notices that arrive while no page is open, and opens the hub on a press. What it shows names nobody: it is all the hub sends.
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', event => event.waitUntil(self.clients.claim()));

self.addEventListener('push', event => {
  const { title, body, path, tag } = event.data?.json() ?? {
    title: 'つうちがあります',
    body: 'ひらいて見てください',
    path: '/',
    tag: 'notice',
  };
  event.waitUntil(
    self.registration.showNotification(title, { body, tag, renotify: true, requireInteraction: true, data: { path }, icon: '/icon.svg' }),
  );
});

self.addEventListener('notificationclick', event => {
  event.notification.close();
  const target = new URL(event.notification.data?.path ?? '/', self.location.origin);
  if (target.origin !== self.location.origin) return;
  event.waitUntil(
    self.clients.matchAll({ type: 'window', includeUncontrolled: true }).then(async windows => {
      const open = windows.find(window => new URL(window.url).origin === target.origin);
      // A page in a consultation is not taken away: the notice opens beside it.
      if (open && !new URL(open.url).pathname.startsWith('/room/')) {
        await open.focus();
        return open.navigate(target.href);
      }
      return self.clients.openWindow(target.href);
    }),
  );
});

// The browser has renewed its subscription by itself: the hub gets the new one.
self.addEventListener('pushsubscriptionchange', event => {
  const renew = async () => {
    const options = event.oldSubscription?.options ?? { userVisibleOnly: true };
    const subscription = event.newSubscription ?? (await self.registration.pushManager.subscribe(options));
    await fetch('/api/alerts/push', {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(subscription.toJSON()),
    });
  };
  event.waitUntil(renew());
});
