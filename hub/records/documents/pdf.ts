// A document on paper: made once for each version, always the same bytes, and kept.
import { createHash } from 'node:crypto';
import type { CompositionSection } from '@medplum/fhirtypes';
import type { Actor } from '../../identity/actor.ts';
import type { Database } from '../../store/index.ts';
import { kanjiName } from '../names.ts';
import type { OpenRecords } from '../open.ts';
import { signedBytes } from './canonical.ts';
import { tablesOf } from './deliveries.ts';
import { blocksOf } from './narrative.ts';
import { Paper } from './paper.ts';
import { attestationOf, type ReadDocument, readDocument } from './read.ts';

export interface PdfFile {
  name: string;
  bytes: Buffer;
}

/** The PDF of a document, in the rights of who asks. The download is audited as an export. @throws Problem 404, 403 */
export async function documentPdf(records: OpenRecords, database: Database, actor: Actor, id: string): Promise<PdfFile> {
  const document = await readDocument(records, actor, id);
  const patient = document.reference.subject?.reference?.split('/')[1] ?? '';
  // Reading and taking a copy away are two rights: a relation may open the first alone.
  await records.require(actor, patient, 'document', 'export', { ja: '文書を PDF で受け取る', en: 'download a document as PDF' });
  const name = `${document.composition.title ?? 'document'}-${document.reference.date?.slice(0, 10) ?? id}.pdf`;
  const tables = tablesOf(database);
  const { id: bundle, meta } = document.bundle;
  const version = meta?.versionId ?? '1';
  const kept = await tables
    .selectFrom('document_files')
    .select('content')
    .where('bundle', '=', bundle)
    .where('version', '=', version)
    .executeTakeFirst();
  if (kept) return { name, bytes: kept.content };
  const bytes = await render(document);
  await tables
    .insertInto('document_files')
    .values({ bundle, version, sha256: createHash('sha256').update(bytes).digest('hex'), content: bytes })
    .onConflict(conflict => conflict.columns(['bundle', 'version']).doNothing())
    .execute();
  return { name, bytes };
}

const day = (time: string | undefined) => {
  if (!time) return '—';
  const at = new Date(time);
  return Number.isNaN(at.getTime())
    ? time
    : new Intl.DateTimeFormat('ja-JP', {
        dateStyle: 'long',
        ...(time.includes('T') ? { timeStyle: 'short' } : {}),
        timeZone: 'Asia/Tokyo',
      }).format(at);
};

/** The bytes depend on the document alone. */
export async function render(document: ReadDocument): Promise<Buffer> {
  const { composition, bundle } = document;
  const attested = attestationOf(document);
  const title = document.reference.description ?? composition.title ?? '文書';
  const name = kanjiName(attested.patient?.name);
  const born = attested.patient?.birthDate ? `${day(attested.patient.birthDate)}生` : '';
  const digest = createHash('sha256').update(signedBytes(bundle)).digest('hex');
  const paper = new Paper({
    title: `${title} ${name} 様`,
    head: {
      left: `${title}  ${name} 様  ${born}`,
      right: `第${Number.parseInt(attested.version, 10) || 1}版`,
      below: `文書番号 ${bundle.identifier?.value ?? ''}`,
    },
    foot: `内容の照合番号 (SHA-256): ${digest.slice(0, 32)}…`,
    made: new Date(composition.date),
  });
  paper.heading(1, title);
  const sexes: Record<string, string> = { male: '男', female: '女', other: 'その他' };
  paper.table(
    [],
    [
      ['患者', `${name} 様`, '生年月日・性別', [born, sexes[attested.patient?.gender ?? ''] ?? ''].filter(Boolean).join(' ')],
      ['作成した人', attested.author, '医療機関', attested.organization],
      ['確定した人', attested.confirmer ?? '—', '確定した日時', day(attested.confirmedAt)],
    ],
    [1, 2, 1.1, 2],
  );
  if (Number.parseInt(attested.version, 10) > 1)
    paper.paragraph(`これは第${Number.parseInt(attested.version, 10)}版です。前の版を置きかえます。`, { soft: true });
  for (const section of composition.section ?? []) write(paper, section, 2);
  paper.paragraph(
    bundle.signature
      ? '電子署名: 元の文書 (FHIR) に付いています。正しいかどうかは、システムの文書の画面で確かめられます。'
      : '電子署名: ありません。',
    { size: 8.5, soft: true },
  );
  if (paper.missing) paper.paragraph('〓 は、印刷用の字体にない文字です。画面で確かめてください。', { size: 8.5, soft: true });
  return paper.bytes();
}

function write(paper: Paper, section: CompositionSection, level: 2 | 3): void {
  paper.heading(level, section.title ?? section.code?.coding?.[0]?.display ?? '');
  for (const block of blocksOf(section.text?.div)) {
    if (block.kind === 'text') paper.paragraph(block.text);
    else paper.table(block.head, block.rows);
  }
  for (const inner of section.section ?? []) write(paper, inner, 3);
}
