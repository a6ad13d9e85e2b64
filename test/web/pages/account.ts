// Signing in with two factors in a real browser, against the hub's own routes: passkeys by Chromium's virtual authenticator, a code app, sessions.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { serveStatic } from '@hono/node-server/serve-static';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appRoutes, signedIn } from '../../../hub/identity/index.ts';
import { freePort } from '../../../hub/store/child.ts';
import { codeOf, type Door, openDoor } from '../../identity/stand.ts';
import { built, context, DESK, open, PHONE, page, shot, violations } from './stand.ts';

let door: Door;
let server: Server;
let url: string;

/** A device that has the person's finger at hand, or not. */
async function authenticator(verified = true) {
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: verified,
      automaticPresenceSimulation: true,
    },
  });
}
/** Readable by all and no wider than the window, on a desk and on a phone; pictures of both when somebody wants to look. */
async function usable(name: string): Promise<void> {
  for (const size of [DESK, PHONE]) {
    await page.setViewportSize(size);
    expect(await violations(), name).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), `${name} scrolls sideways`).toBeLessThanOrEqual(0);
    await shot(`${name}${size === PHONE ? '-phone' : ''}`);
  }
  await page.setViewportSize(DESK);
}
const entered = () => expect.poll(() => new URL(page.url()).pathname).toBe('/worklist');

/** Inside a describe: after the application was built. */
function useDoor(): void {
  beforeAll(async () => {
    const port = await freePort();
    url = `http://localhost:${port}`;
    door = await openDoor({ publicUrl: url });
    door.app.use('/api/apps', signedIn(door.identity));
    door.app.route(
      '/api/apps',
      appRoutes(door.identity, async () => '青波島病院'),
    );
    // What these pages ask beside: nothing is there.
    door.app.get('/api/*', answer => answer.json([]));
    door.app.get('/fhir/*', answer => answer.json({ resourceType: 'Bundle', type: 'searchset' }));
    door.app.get('/health/*', answer => answer.json({ status: 'ready', parts: {} }));
    const root = path.relative(process.cwd(), built);
    door.app.use(serveStatic({ root, rewriteRequestPath: file => (file === '/' ? '/-' : file) }));
    door.app.get('*', serveStatic({ root, rewriteRequestPath: () => '/index.html' }));
    server = createServer((request, response) => void getRequestListener(door.app.fetch)(request, response));
    await new Promise<void>(resolve => server.listen(port, 'localhost', resolve));
    expect((server.address() as AddressInfo).port).toBe(port);
  });
  afterAll(async () => {
    server?.closeAllConnections();
    server?.close();
    await door?.close();
  });
}

describe('an account', () => {
  useDoor();

  describe('two factors', () => {
    it('a doctor opens the link, registers a passkey, comes back with it, and sees and ends other sessions', async () => {
      const account = await door.person('doctor');
      await authenticator();
      await page.goto(`${url}/s#${await door.linkOf(account.id)}`);
      await page.getByTestId('register-passkey').waitFor();
      expect(new URL(page.url()).pathname).toBe('/enrol');
      await usable('enrol');
      await page.getByTestId('passkey-name').fill('診察室のPC');
      await page.getByTestId('register-passkey').click();
      await entered();

      await page.getByTestId('menu').click();
      await page.getByTestId('sign-out').click();
      await page.getByTestId('by-passkey').waitFor();
      await usable('sign-in');
      await page.getByTestId('by-passkey').click();
      await entered();

      // Somewhere else, signed in by nothing but the link of a test.
      const elsewhere = door.browser();
      await elsewhere.json('POST', '/api/session/link', { token: await door.linkOf(account.id) });
      await page.goto(`${url}/account`);
      await page.getByTestId('passkey').getByText('診察室のPC').waitFor();
      await expect.poll(() => page.getByTestId('session').count()).toBe(2);
      await usable('account');
      await page.getByTestId('end-others').click();
      await expect.poll(() => page.getByTestId('session').count()).toBe(1);
      expect(await elsewhere.code('GET', '/api/session')).toBe('not-signed-in');
      // It is the last way in.
      await page.getByTestId('remove-passkey').click();
      await page.getByText('これを消すと入れなくなります').waitFor();
    });

    it('a device that did not verify the person registers and proves nothing', async () => {
      await authenticator(false);
      const account = await door.person('doctor');
      await page.goto(`${url}/s#${await door.linkOf(account.id)}`);
      await page.getByTestId('passkey-name').fill('机');
      await page.getByTestId('register-passkey').click();
      await page.getByTestId('passkey-problem').waitFor();
      expect(await door.identity.passkeys.list(account.id)).toEqual([]);
    });

    it('without passkeys: a password, a QR code for the app, backup codes once; the next sign-in asks for the code', async () => {
      const account = await door.person('doctor');
      await page.goto(`${url}/s#${await door.linkOf(account.id)}`);
      await page.getByTestId('new-password').fill('correct horse');
      await page.getByTestId('begin-totp').click();
      const secret = (await page.getByTestId('totp-secret').textContent())!.replace(/\s/g, '');
      await usable('totp');
      await page.getByTestId('code').fill(codeOf(secret, new Date(), -1));
      await page.getByTestId('send-code').click();
      await page.getByTestId('backup-codes').waitFor();
      await usable('backup-codes');
      await page.getByTestId('codes-kept').click();
      await entered();

      await open(DESK);
      await page.goto(`${url}/sign-in`);
      await page.getByTestId('email').fill(account.email);
      await page.getByTestId('password').fill('correct horse');
      await page.getByTestId('sign-in').click();
      await page.getByTestId('code').waitFor();
      expect(new URL(page.url()).pathname).toBe('/second');
      await usable('second');
      await page.getByTestId('code').fill('000000');
      await page.getByTestId('send-code').click();
      await page.getByText('番号が違うか、もう使われました').waitFor();
      await page.getByTestId('code').fill(codeOf(secret, new Date()));
      await page.getByTestId('send-code').click();
      await entered();
    });

    it('an answer of the device is good once, and for the page that asked', async () => {
      const account = await door.person('doctor');
      await authenticator();
      await page.goto(`${url}/s#${await door.linkOf(account.id)}`);
      await page.getByTestId('passkey-name').fill('x');
      await page.getByTestId('register-passkey').click();
      await entered();
      await page.getByTestId('menu').click();
      await page.getByTestId('sign-out').click();
      const sent = page.waitForRequest(request => request.url().endsWith('/api/session/passkey') && request.method() === 'POST');
      await page.getByTestId('by-passkey').click();
      const answer = (await sent).postDataJSON() as { answer: { response: { clientDataJSON: string } } };
      await entered();
      const thief = door.browser();
      for (const [name, value] of Object.entries({
        'hub.asked': (await context.cookies(`${url}/api/session`)).find(each => each.name === 'hub.asked')!.value,
      }))
        thief.cookies.set(name, value);
      expect(await thief.code('POST', '/api/session/passkey', answer), 'replayed').toBe('wrong-passkey');

      // The same device, asked from a page of another origin (phishing).
      const own = await thief.json<{ challenge: string }>('POST', '/api/session/passkey/begin');
      const phished = {
        ...answer.answer,
        response: {
          ...answer.answer.response,
          clientDataJSON: Buffer.from(
            JSON.stringify({ type: 'webauthn.get', challenge: own.challenge, origin: 'https://evil.example' }),
          ).toString('base64url'),
        },
      };
      expect(await thief.code('POST', '/api/session/passkey', { answer: phished })).toBe('wrong-passkey');
      expect(door.audited.filter(({ allowed }) => !allowed).length).toBeGreaterThanOrEqual(2);
    });
  });

  describe('an administrator', () => {
    it('sees what an empty list of apps is for, and how an app is registered', async () => {
      const account = await door.identity.people.create({
        name: '管理 者',
        email: 'apps@example.org',
        reference: null,
        language: 'ja',
        administrator: true,
      });
      await authenticator();
      await page.goto(`${url}/s#${await door.linkOf(account.id)}`);
      await page.getByTestId('passkey-name').fill('x');
      await page.getByTestId('register-passkey').click();
      await expect.poll(() => new URL(page.url()).pathname).toBe('/state');
      await page.goto(`${url}/apps`);
      await page.getByTestId('state-empty').waitFor();
      await page.getByTestId('new-app').click();
      await page.getByTestId('app-kind').selectOption('user');
      await page.getByTestId('app-name').fill('歩数アプリ');
      await page.getByTestId('app-redirect').fill('https://app.example/back');
      await usable('new-app');
      await page.getByTestId('register-app').click();
      await page.getByText('アプリに伝えること').waitFor();
      await page.keyboard.press('Escape');
      await page.getByTestId('app').getByText('歩数アプリ').waitFor();
      await usable('apps');
    });
  });
});
