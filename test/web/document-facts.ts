// Documents at the stand-in hub: one of a consultation in its second version, a draft, records from elsewhere.
import type { DocumentView, DraftView, ElsewhereView } from '../../hub/records/contract.ts';
import type { Ago } from './world-facts.ts';

export function documentFacts(ago: Ago) {
  const document: DocumentView = {
    id: 'd1',
    kind: 'request',
    title: '診療情報提供書 (専門医への相談)',
    identifier: '1311234567^2026^5b0f-1',
    patient: { id: 'r01', name: '浜口 せつ', birthDate: '1938-04-01' },
    author: '佐藤 美咲',
    confirmer: '山田 健',
    confirmedAt: ago(168),
    proxy: true,
    organization: '青島診療所',
    version: '2.0',
    current: true,
    versions: [
      { id: 'd0', version: '1.0', at: ago(400), by: '', current: false },
      { id: 'd1', version: '2.0', at: ago(168), by: '山田 健', current: true },
    ],
    reason: '脈拍の書き間違い',
    sections: [
      { title: '紹介元情報', code: '920', blocks: [{ kind: 'text', text: '青島診療所\n山田 健' }], sections: [] },
      {
        title: '構造情報',
        code: '300',
        blocks: [],
        sections: [
          { title: '紹介目的', code: '950', blocks: [{ kind: 'text', text: '夕方の落ち着かなさについて相談します。' }], sections: [] },
          {
            title: '検査結果',
            code: '620',
            blocks: [
              {
                kind: 'table',
                head: ['項目', '値', '単位'],
                rows: [
                  ['脈拍', '72', '拍/分'],
                  ['呼吸', '16', '回/分'],
                ],
              },
            ],
            sections: [],
          },
        ],
      },
    ],
    signature: { state: 'good', signer: '山田 健', authority: 'Simulated HPKI CA', local: false, at: ago(168), reason: null },
    stamp: { state: 'waiting', at: null, authority: null, reason: null },
    delivery: {
      id: 'd1',
      document: 'd1',
      title: '診療情報提供書',
      state: 'waiting',
      step: 'delete',
      attempts: 2,
      createdAt: ago(168),
      nextAttempt: ago(-2),
      deliveredAt: null,
      problem: null,
      remedy: null,
      reason: null,
    },
    source: null,
    withheld: null,
    repliesTo: null,
    replies: [{ id: 'd9', by: '', at: ago(60) }],
    may: { amend: true, reply: true },
  };
  const draft: DraftView = {
    id: 'draft-1',
    kind: 'request',
    patient: { id: 'r01', name: '浜口 せつ' },
    content: {
      ...{ purpose: '', complaint: 'レビー小体型認知症の疑い', illness: '', findings: '', allergies: '' },
      ...{ medication: '', labs: '', plan: '', remarks: '', comment: '' },
    },
    to: null,
    withheld: null,
    version: 1,
    author: { reference: 'Practitioner/yamada', name: '山田 健' },
    updatedAt: ago(5),
    replaces: null,
    reason: null,
    repliesTo: null,
    fields: { must: ['purpose', 'complaint', 'illness'], may: ['findings', 'medication', 'plan'] },
    mayConfirm: true,
  };
  const elsewhere: ElsewhereView = { available: true, consentUntil: null, own: true, lastAt: ago(3000), lastCount: 4 };
  return { document, draft, elsewhere };
}
