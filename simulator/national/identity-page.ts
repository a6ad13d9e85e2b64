// The simulated sign-in page: who are you? Choosing stands for the card, the phone and the PIN.
import type { Identified } from './identity-people.ts';

const escaped = (text: string) => text.replace(/[&<>"']/g, letter => `&#${letter.charCodeAt(0)};`);

/** A whole page; every person is a link back to the same address. */
export function choosePage(kind: 'patient' | 'clinician', people: Identified[]): string {
  const title = kind === 'patient' ? 'デジタル認証アプリ(シミュレーション)' : 'HPKI 認証(シミュレーション)';
  const rows = people.map(
    ({
      id,
      name,
      birthdate,
      medicalRegistrationNumber,
      hint,
    }) => `<li><a href="?person=${encodeURIComponent(id)}"><strong>${escaped(name)}</strong>
      <span>${escaped(birthdate ?? `医籍登録番号 ${medicalRegistrationNumber ?? ''}`)}</span></a>${hint ? `<p>${escaped(hint)}</p>` : ''}</li>`,
  );
  return `<!doctype html><html lang="ja"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
    <style>body{font:18px/1.6 sans-serif;max-width:32em;margin:2em auto;padding:0 1em;color:#1d2329}ul{list-style:none;padding:0}
    a{display:flex;justify-content:space-between;gap:1em;padding:.7em 1em;border:1px solid #80858a;border-radius:8px;color:#0a5a73}
    li{margin:.5em 0}p{margin:.2em 1em;color:#525961;font-size:.9em}</style>
    <main><h1>${title}</h1><p>だれとして入りますか。(人はすべて架空です)</p><ul>${rows.join('')}</ul></main></html>`;
}
