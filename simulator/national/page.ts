// The platform's page for the demonstration: what was received, section by section.
import type { Taken } from './archive.ts';

type Json = Record<string, unknown>;
const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const escaped = (value: unknown) =>
  String(value ?? '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

export function page(documents: Taken[]): string {
  return `<!doctype html><html lang="ja"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>共有基盤 (模擬)</title><style>
body{font:16px/1.6 "Noto Sans JP",system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1c2024;background:#fbfaf7}
article{border:1px solid #ccc8bf;border-radius:8px;padding:1rem 1.25rem;margin:1rem 0;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:0}dt{font-weight:700;margin-top:.5rem}dd{margin:0 0 0 1rem}small{color:#5c6167}code{overflow-wrap:anywhere}
</style></head><body><h1>全国医療情報プラットフォーム (模擬) / Shared record platform (simulated)</h1>
<p>受け取った文書 ${documents.length} 件 / documents received</p>${documents.map(article).join('') || '<p>まだありません。 / None yet.</p>'}</body></html>`;
}

function article({ key, identifier, receivedAt, bundle }: Taken): string {
  const resources = list(bundle.entry).map(entry => entry.resource as Json);
  const composition = resources[0] ?? {};
  const named = (type: string) => resources.filter(({ resourceType }) => resourceType === type);
  const patient = list(named('Patient')[0]?.name)[0];
  const at = new Date(receivedAt).toLocaleString('ja-JP', { timeZone: 'Asia/Tokyo' });
  return `<article><h2>${escaped(composition.title)}: ${escaped(patient?.text)}</h2>
<small>${escaped(at)} 受付 · <code>${escaped(identifier)}</code> · <a href="/bundles/${key}">FHIR JSON</a></small>
<dl>${sections(list(composition.section))}</dl>
<small>${named('Observation').length} 測定 / observations · ${named('RiskAssessment').length} 予測 / risk assessments</small></article>`;
}

const sections = (all: Json[]): string =>
  all
    .map(section => {
      const words = String((section.text as Json | undefined)?.div ?? '')
        .replace(/<br\/?>/g, '\n')
        .replace(/<[^>]*>/g, '');
      // The narrative is XHTML: its entities are decoded by the browser, everything else in it is text.
      const shown = words ? `<dd>${words.replaceAll('<', '&lt;').replaceAll('\n', '<br>')}</dd>` : '';
      return `<dt>${escaped(section.title)}</dt>${shown}${section.section ? `<dd><dl>${sections(list(section.section))}</dl></dd>` : ''}`;
    })
    .join('');
