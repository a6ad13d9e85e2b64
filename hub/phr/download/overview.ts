// The overview of a patient's own copy as a PDF: what is known for good first, then the timeline, newest first.
import type { Patient } from '@medplum/fhirtypes';
import { kanjiName, Paper, type TimelineEntry } from '../../records/index.ts';

/** Kinds that hold for long and stand in front. */
const LASTING: TimelineEntry['kind'][] = ['allergy', 'condition', 'medication', 'immunization'];
const TITLES: Readonly<Record<string, string>> = {
  allergy: 'アレルギー',
  condition: '病気',
  medication: '薬',
  immunization: '予防接種',
};
/** Entries that the PDF shows; all of them are in the FHIR file. */
export const SHOWN = 2000;

const day = (at: string) =>
  new Intl.DateTimeFormat('ja-JP', { year: 'numeric', month: 'long', day: 'numeric', timeZone: 'Asia/Tokyo' }).format(new Date(at));

/** @param whole false when there are more entries than are shown */
export async function overview(patient: Patient, entries: TimelineEntry[], made: Date, whole: boolean): Promise<Buffer> {
  const name = kanjiName(patient.name);
  const paper = new Paper({
    title: `${name} 様の記録`,
    head: { left: `${name} 様の記録`, right: day(made.toISOString()), below: '' },
    foot: 'ご本人に渡した写しです。',
    made,
  });
  paper.heading(1, `${name} 様の記録`);
  const sexes: Record<string, string> = { male: '男', female: '女', other: 'その他' };
  paper.table(
    [],
    [
      [
        'お名前',
        `${name} 様`,
        '生年月日・性別',
        [patient.birthDate ? day(`${patient.birthDate}T00:00:00+09:00`) : '', sexes[patient.gender ?? ''] ?? ''].filter(Boolean).join(' '),
      ],
    ],
    [1, 2, 1.2, 2],
  );
  paper.paragraph('全部の記録は、いっしょに入っている FHIR のファイルにあります。', { soft: true });
  for (const kind of LASTING) {
    const found = entries.filter(entry => entry.kind === kind);
    if (!found.length) continue;
    paper.heading(2, TITLES[kind]!);
    paper.table(
      ['日', '内容'],
      found.map(entry => [day(entry.at), told(entry)]),
      [1, 3],
    );
  }
  paper.heading(2, 'これまでの記録 (新しい順)');
  const rest = entries.filter(({ kind }) => !LASTING.includes(kind));
  if (rest.length)
    paper.table(
      ['日', '内容', 'だれが・どこから'],
      rest.map(entry => [day(entry.at), told(entry), from(entry)]),
      [1, 3, 1.2],
    );
  else paper.paragraph('まだありません。');
  if (!whole) paper.paragraph(`ここには新しいほうから ${SHOWN} 件だけを書きました。`, { soft: true });
  if (paper.missing) paper.paragraph('〓 は、印刷用の字体にない文字です。画面で確かめてください。', { size: 8.5, soft: true });
  return paper.bytes();
}

const told = ({ title, lines, text }: TimelineEntry) =>
  [title.ja, ...lines.map(({ label, value }) => `${label.ja}: ${value.ja}`), text].filter(Boolean).join('\n');
const from = ({ by, origin }: TimelineEntry) =>
  [by, origin.kind === 'phr' ? `ご本人が持ってきた記録 ${origin.name ?? ''}` : origin.kind === 'platform' ? '全国の医療情報' : null]
    .filter(Boolean)
    .join('\n');
