// The gateway's status page, for whoever stands in front of it: is the hub there, what waits, which devices speak. No personal data.
import { createServer } from 'node:http';

export interface EdgeStatus {
  facility: string;
  /** ISO time. */
  now: string;
  hub: { connected: boolean; since: string; lastError: string | null };
  queue: { packs: number; limit: number; full: boolean; heldBack: number; inFlight: number; delivered: number };
  /** False until the hub's list of devices came for the first time. */
  listKnown: boolean;
  devices: { device: string; profile: string; connected: boolean; lastPack: string | null; packs: number; refused: number }[];
}

/** Serves `/` (HTML) and `/status` (JSON: EdgeStatus). Returns the port. */
export async function openStatusPage(
  { host, port }: { host: string; port: number },
  status: () => EdgeStatus,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    // Not parsed as a URL: an address such as `//` is none, and must not end the gateway.
    const [pathname] = (request.url ?? '/').split('?', 1);
    const headers = {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'",
    };
    if (request.method !== 'GET') response.writeHead(405, headers).end();
    else if (pathname === '/status') {
      const now = status();
      response.writeHead(200, { ...headers, 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(now));
    } else if (pathname === '/') response.writeHead(200, { ...headers, 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
    else response.writeHead(404, headers).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    async close() {
      server.closeAllConnections();
      await new Promise<void>(resolve => server.close(() => resolve()));
    },
  };
}

const PAGE = `<!doctype html>
<html lang="ja"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>ゲートウェイ</title>
<style>
body { font: 16px/1.6 system-ui, sans-serif; margin: 1rem auto; max-width: 60rem; padding: 0 1rem; color: #1c2426; background: #f7f8f8 }
h1 { font-size: 1.3rem } small { color: #566 } table { border-collapse: collapse; width: 100%; background: #fff }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid #d8dddd; font-variant-numeric: tabular-nums }
p.state { padding: .6rem .8rem; background: #fff; border-left: .4rem solid #9aa; margin: .5rem 0 } p.good { border-color: #1d7a4d } p.bad { border-color: #b3261e }
</style>
<h1>ゲートウェイ <small>Gateway <span id="facility"></span></small></h1>
<p class="state" id="hub" role="status"></p><p class="state" id="queue" role="status"></p>
<table><thead><tr><th>機器 <small>Device</small></th><th>種類 <small>Profile</small></th><th>接続 <small>Connection</small></th><th>最後のデータ <small>Last data</small></th><th>件数 <small>Packs</small></th><th>拒否 <small>Refused</small></th></tr></thead><tbody id="devices"></tbody></table>
<script>
const time = text => text ? new Date(text).toLocaleString('ja-JP') : '—';
const say = (id, good, text) => { const p = document.getElementById(id); p.className = 'state ' + (good ? 'good' : 'bad'); p.textContent = text; };
async function show() {
  try {
    const s = await (await fetch('/status')).json();
    document.getElementById('facility').textContent = s.facility;
    say('hub', s.hub.connected, s.hub.connected ? 'ハブとつながっています（' + time(s.hub.since) + ' から）。 Connected to the hub.'
      : 'ハブとつながっていません（' + time(s.hub.since) + ' から）。データはここに保存しています。 No connection to the hub; data is kept here.');
    say('queue', !s.queue.full, s.queue.full ? '保存場所がいっぱいです。機器を待たせています。ハブとの接続を直してください。 Storage is full; devices are held back.'
      : '送信待ち ' + s.queue.packs + ' 件、送信済み ' + s.queue.delivered + ' 件。 Waiting ' + s.queue.packs + ', delivered ' + s.queue.delivered + '.');
    document.getElementById('devices').replaceChildren(...s.devices.map(d => {
      const tr = document.createElement('tr');
      for (const text of [d.device, d.profile, d.connected ? '接続中 Online' : '切断 Offline', time(d.lastPack), d.packs, d.refused]) tr.insertCell().textContent = text;
      return tr;
    }));
  } catch { say('hub', false, 'ゲートウェイが応答しません。 The gateway does not answer.'); }
}
show(); setInterval(show, 5000);
</script></html>
`;
