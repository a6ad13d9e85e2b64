// The report as a page to read and print: one file, both languages, no scripts, nothing fetched.
import type { SignedReport } from './report.ts';
import type { Check, Status } from './verdict.ts';

const STATUS: Record<Status, { mark: string; ja: string; en: string }> = {
  pass: { mark: '✓', ja: '合格', en: 'pass' },
  fail: { mark: '✗', ja: '不合格', en: 'fail' },
  'not-seen': { mark: '?', ja: '未確認', en: 'not seen' },
  'not-applicable': { mark: '–', ja: '対象外', en: 'not applicable' },
};

const STATUSES = Object.keys(STATUS) as Status[];

const escaped = (text: string) =>
  text.replace(/[&<>"']/g, character => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[character]!);
const both = (ja: string, en: string) => `${escaped(ja)}<span class="en" lang="en">${escaped(en)}</span>`;

/** @returns A whole HTML document. */
export function reportPage(report: SignedReport): string {
  const count = (status: Status) => report.checks.filter(check => check.status === status).length;
  const passed = report.result === 'pass';
  const facts: [ja: string, en: string, value: string][] = [
    ['機器', 'Device', report.device],
    ['施設', 'Facility', report.facility],
    ...(report.hub ? [['観察したハブ', 'Observed by the hub', report.hub] as [string, string, string]] : []),
    ['機器の種類', 'Profile', report.profile ? `${report.profile.id}（${report.profile.name.ja}）` : '–'],
    ['開始', 'Begin', report.startedAt],
    ['終了', 'End', report.endedAt],
    ['接続 / メッセージ', 'Connections / messages', `${report.seen.connections} / ${report.seen.messages}`],
    ['署名の鍵', 'Key of the signature', String(report.key.kid)],
  ];
  const summary = STATUSES.map(status => `${STATUS[status].ja} ${count(status)}`).join('、');
  const summaryEn = STATUSES.map(status => `${count(status)} ${STATUS[status].en}`).join(', ');
  return `<!doctype html>
<html lang="ja">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(`適合試験の報告 ${report.device}`)}</title>
<style>
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --soft: #555; --line: #ccc; --good: #0b6b2e; --bad: #a3140f; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --paper: #161616; --soft: #b5b5b5; --line: #444; --good: #6fd08c; --bad: #ff9a92; } }
body { font: 16px/1.6 "Noto Sans JP", system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 0 auto; padding: 24px 16px; }
h1 { font-size: 24px; line-height: 1.3; } h2 { font-size: 18px; margin-top: 32px; }
.en { display: block; color: var(--soft); font-size: 14px; font-weight: normal; }
.result { border: 2px solid; padding: 8px 16px; font-size: 20px; font-weight: bold; }
.pass { color: var(--good); } .fail { color: var(--bad); } .not-seen, .not-applicable { color: var(--soft); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 24px; } dt { font-weight: bold; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; padding-bottom: 8px; }
th, td { border-bottom: 1px solid var(--line); padding: 8px 12px 8px 0; text-align: left; vertical-align: top; } tr { break-inside: avoid; }
td.verdict { white-space: nowrap; font-weight: bold; }
code { font-size: 13px; overflow-wrap: anywhere; } ul { margin: 4px 0 0; padding-left: 20px; }
@media print { :root { --ink: #000; --paper: #fff; --soft: #333; --good: #000; --bad: #000; } body { max-width: none; padding: 0; font-size: 11pt; } thead { display: table-header-group; } @page { margin: 16mm; } }
</style>
</head>
<body>
<main>
<h1>${both('機器の適合試験の報告', 'Conformance report of a device')}</h1>
<p class="result ${passed ? 'pass' : 'fail'}">${passed ? '✓' : '✗'} ${both(`${passed ? '不合格なし' : '不合格あり'}（${summary}）`, `${passed ? 'Nothing failed' : 'Failed'} (${summaryEn})`)}</p>
<dl>
${facts.map(([ja, en, value]) => `<dt>${both(ja, en)}</dt><dd>${escaped(value)}</dd>`).join('\n')}
</dl>
<h2>${both('確認した項目', 'Checks')}</h2>
<table>
<caption>${both('「未確認」「対象外」は合格でも不合格でもありません。', '"Not seen" and "not applicable" are neither a pass nor a fail.')}</caption>
<thead><tr><th scope="col">${both('項目', 'Check')}</th><th scope="col">${both('結果', 'Result')}</th><th scope="col">${both('理由', 'Reason')}</th></tr></thead>
<tbody>
${report.checks.map(row).join('\n')}
</tbody>
</table>
<p>${both(
    '正式な記録は署名付きの report.json です。npm run conformance -- --verify report.json で確かめられます。',
    'The record is the signed report.json. Check it with npm run conformance -- --verify report.json',
  )}</p>
</main>
</body>
</html>
`;
}

function row({ title, status, reason, evidence }: Check): string {
  const { mark, ja, en } = STATUS[status];
  const lines = evidence.length ? `<ul>${evidence.map(line => `<li><code>${escaped(line)}</code></li>`).join('')}</ul>` : '';
  return `<tr><th scope="row">${both(title.ja, title.en)}</th><td class="verdict ${status}">${mark} ${both(ja, en)}</td><td>${both(reason.ja, reason.en)}${lines}</td></tr>`;
}
