// `/trust`: the hub's own authority for installing on tablets and computers, with words how. Also in plain text: it comes before all trust.
import { createHash, X509Certificate } from 'node:crypto';
import { Hono } from 'hono';
import type { HubEnv } from './server-types.ts';

const CERTIFICATE = '/trust/hub-ca.crt';

const STYLE = `
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.7; }
body { max-width: 46rem; margin: 0 auto; padding: 1.5rem; }
a.get { display: inline-block; padding: .75rem 1.25rem; border: 2px solid; border-radius: .5rem; font-weight: 600; }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
h2 { margin-top: 2.5rem; } dt { font-weight: 600; margin-top: .75rem; } dd { margin-inline-start: 0; }
`;

export interface TrustPage {
  /** SHA-256 of the certificate as people compare it: `AB:CD:…`. */
  fingerprint: string;
  /** The answer to a path; null when it is none of this page's. */
  answer(path: string): { type: string; body: string; style: string } | null;
}

export function trustPage(caPem: string): TrustPage {
  const { fingerprint256: fingerprint } = new X509Certificate(caPem);
  const page = pageOf(fingerprint);
  const style = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;
  return {
    fingerprint,
    answer(path) {
      const asked = path.split('?')[0];
      if (asked === CERTIFICATE) return { type: 'application/x-x509-ca-cert', body: caPem, style };
      return asked === '/trust' ? { type: 'text/html; charset=utf-8', body: page, style } : null;
    },
  };
}

/** The policy of the page: its own style by hash, and nothing else. */
export const trustPolicy = (style: string) =>
  `default-src 'none'; style-src ${style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

export function trustRoutes(page: TrustPage): Hono<HubEnv> {
  return new Hono<HubEnv>().get('/*', (context, next) => {
    const given = page.answer(context.req.path);
    if (!given) return next();
    return Promise.resolve(
      context.body(given.body, 200, { 'content-type': given.type, 'content-security-policy': trustPolicy(given.style) }),
    );
  });
}

const pageOf = (fingerprint: string) => `<!doctype html>
<html lang="ja">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>このハブを信頼する — Trust this hub</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>このハブの証明書を入れる</h1>
<p>この施設のハブは、自分の認証局（CA）で通信をまもります。タブレットやパソコンに、この証明書を1回だけ入れてください。入れたあとは、警告が出なくなります。</p>
<p><a class="get" href="${CERTIFICATE}">証明書をダウンロード (hub-ca.crt)</a></p>
<p>入れる前に、次の番号（SHA-256）が、ハブの起動画面の番号と同じか確かめてください。ちがうときは入れないで、管理者に知らせてください。<br><code>${fingerprint}</code></p>
<dl>
<dt>iPad・iPhone</dt>
<dd>Safari で上のボタン → 「許可」 → 設定アプリの「プロファイルがダウンロードされました」 → 「インストール」。そのあと、設定 → 一般 → 情報 → 証明書信頼設定 で、このハブを「オン」にします。</dd>
<dt>Android</dt>
<dd>上のボタン → 設定 → セキュリティ → 暗号化と認証情報 → 証明書のインストール → 「CA 証明書」 → hub-ca.crt を選びます。</dd>
<dt>Windows</dt>
<dd>ファイルを開く → 「証明書のインストール」 → 「ローカル コンピューター」 → 「信頼されたルート証明機関」に入れます。</dd>
<dt>Mac</dt>
<dd>ファイルを開く → キーチェーンアクセスの「システム」に入れる → 証明書をダブルクリック → 「信頼」 → 「常に信頼」。</dd>
</dl>
<section lang="en">
<h2>Install this hub’s certificate</h2>
<p>The hub protects its connections with an authority (CA) of its own. Install its certificate once on each tablet and computer; browsers no longer warn afterwards.</p>
<p><a class="get" href="${CERTIFICATE}">Download the certificate (hub-ca.crt)</a></p>
<p>First compare this number (SHA-256) with the one the hub printed when it started. If they differ, do not install it and tell your administrator.<br><code>${fingerprint}</code></p>
<dl>
<dt>iPad, iPhone</dt>
<dd>The button above in Safari → Allow → Settings: Profile Downloaded → Install. Then Settings → General → About → Certificate Trust Settings: turn this hub on.</dd>
<dt>Android</dt>
<dd>The button above → Settings → Security → Encryption and credentials → Install a certificate → CA certificate → hub-ca.crt.</dd>
<dt>Windows</dt>
<dd>Open the file → Install Certificate → Local Machine → Trusted Root Certification Authorities.</dd>
<dt>Mac</dt>
<dd>Open the file → add it to the System keychain → double-click it → Trust → Always Trust.</dd>
</dl>
</section>
</main>
</body>
</html>
`;
