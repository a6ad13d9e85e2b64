// A resource of the record in words, Japanese and English: its title on the timeline and what more there is to say, line by line.
import type {
  AllergyIntolerance,
  CarePlan,
  CodeableConcept,
  Communication,
  Condition,
  DiagnosticReport,
  DocumentReference,
  Dosage,
  Encounter,
  Immunization,
  MedicationRequest,
  MedicationStatement,
  Observation,
  Procedure,
  Quantity,
  QuestionnaireResponse,
  Resource,
  RiskAssessment,
} from '@medplum/fhirtypes';
import type { Text } from '../../http/problem.ts';
import { STATISTICS } from '../systems.ts';

export interface InWords {
  title: Text;
  lines: { label: Text; value: Text }[];
  text: string | null;
  /** References to who did it, the most telling first. */
  by: (string | undefined)[];
}
type Line = InWords['lines'][number];

const both = (ja: string, en = ja): Text => ({ ja, en });
const nameOf = (concept: CodeableConcept | undefined) =>
  concept?.text ?? concept?.coding?.find(coding => coding.display)?.display ?? concept?.coding?.[0]?.code;
const line = (ja: string, en: string, value: string | Text | undefined): Line[] =>
  value ? [{ label: both(ja, en), value: typeof value === 'string' ? both(value) : value }] : [];
const notes = (it: { note?: { text?: string }[] }) => line('メモ', 'Note', it.note?.map(note => note.text).join('\n'));

/** Up to four digits, as a person would write it. */
const number = (value: number) => String(Number(value.toPrecision(4)));
/** A unit as Japanese and English readers know it; the unit as it was written where there is nothing better. */
const UNITS: Readonly<Record<string, Text>> = {
  '/min': both('回/分', '/min'),
  '{steps}': both('歩', 'steps'),
  '{count}': both('回', 'times'),
  'mm[Hg]': both('mmHg'),
  Cel: both('℃', '°C'),
  '[degF]': both('°F'),
  '[lb_av]': both('ポンド', 'lb'),
  '[in_i]': both('インチ', 'in'),
  '[mi_i]': both('マイル', 'mi'),
  s: both('秒', 's'),
  min: both('分', 'min'),
  h: both('時間', 'h'),
  d: both('日', 'd'),
  a: both('年', 'years'),
  '1': both(''),
};
export function amountInWords({ value, unit, code, comparator }: Quantity): Text {
  if (value === undefined) return both('—');
  const words = UNITS[code ?? ''] ?? both(unit ?? code ?? '');
  const space = (text: string) => (text && !/^[%℃歩回分秒時日年]/.test(text) ? ` ${text}` : text);
  const shown = `${comparator ?? ''}${number(value)}`;
  return both(`${shown}${space(words.ja)}`, `${shown}${words.en && words.en !== '%' ? ' ' : ''}${words.en}`);
}

const STATISTIC_WORDS: Readonly<Record<string, Text>> = {
  average: both('平均', 'average'),
  maximum: both('最大', 'maximum'),
  minimum: both('最小', 'minimum'),
  count: both('回数', 'count'),
  sum: both('合計', 'sum'),
  median: both('中央値', 'median'),
};

/** Several measurements of a day in one. */
export interface DaySum {
  count: number;
  low: number | null;
  high: number | null;
  mean: number | null;
  sum: number | null;
}
/** LOINC codes whose values of a day add up: steps, energy, sleep, exercise, distance. */
const ADDS_UP: ReadonlySet<string> = new Set(['55423-8', '41981-2', '93832-4', '55411-3', 'distance', 'stand-hour']);

function observation(it: Observation, day: DaySum | null): InWords {
  const name = nameOf(it.code) ?? '';
  const english = it.code.coding?.find(coding => coding.display)?.display ?? name;
  const parts = (it.component ?? []).filter(part => part.valueQuantity);
  const pressure = ['8480-6', '8462-4'].map(
    code => parts.find(part => part.code.coding?.some(coding => coding.code === code))?.valueQuantity,
  );
  const [high, low] = pressure;
  let value: Text | null = null;
  if (day && day.count > 1 && day.low !== null && it.valueQuantity) {
    const of = (amount: number) => amountInWords({ ...it.valueQuantity, value: amount });
    const adds = it.code.coding?.some(coding => ADDS_UP.has(coding.code ?? ''));
    const [least, most] = [number(day.low), of(day.high!)];
    value = adds
      ? of(day.sum!)
      : both(`${least}～${most.ja} (平均 ${number(day.mean!)})`, `${least} to ${most.en} (average ${number(day.mean!)})`);
  } else if (it.valueQuantity) value = amountInWords(it.valueQuantity);
  else if (high?.value !== undefined && low?.value !== undefined) value = both(`${number(high.value)} / ${number(low.value)} mmHg`);
  else if (it.valueCodeableConcept) value = both(nameOf(it.valueCodeableConcept) ?? '');
  else if (it.valueString) value = both(it.valueString);
  else if (it.valueInteger !== undefined) value = both(String(it.valueInteger));
  else if (it.valueBoolean !== undefined) value = it.valueBoolean ? both('はい', 'yes') : both('いいえ', 'no');
  const shown = high && low ? parts.filter(part => !pressure.includes(part.valueQuantity)) : parts;
  const lines = shown.flatMap(part => {
    const coding = part.code.coding?.[0];
    const words =
      (coding?.system === STATISTICS && STATISTIC_WORDS[coding.code ?? '']) ||
      both(nameOf(part.code) ?? '', coding?.display ?? nameOf(part.code) ?? '');
    return [{ label: words, value: amountInWords(part.valueQuantity!) }];
  });
  const times = day && day.count > 1 ? line('測った回数', 'Measurements', both(`${day.count}回`, String(day.count))) : [];
  const range = it.referenceRange?.[0];
  const normal = range?.text ?? (range?.low || range?.high ? `${range.low?.value ?? ''}～${range.high?.value ?? ''}` : undefined);
  return {
    title: value ? both(`${name} ${value.ja}`, `${english} ${value.en}`) : both(name, english),
    lines: [
      ...times,
      ...lines,
      ...line('めやす', 'Reference range', normal),
      ...line('判定', 'Interpretation', nameOf(it.interpretation?.[0])),
      ...notes(it),
    ],
    text: null,
    by: (it.performer ?? []).map(performer => performer.reference),
  };
}

/** What was foreseen, in natural frequencies that never claim certainty. Only agitation is predicted so far (models/facility). */
function risk(it: RiskAssessment): InWords {
  const ten = Math.round((it.prediction?.[0]?.probabilityDecimal ?? 0) * 10);
  const [ja, en] =
    ten === 0 ? ['1回より少なく', 'fewer than 1 in 10'] : ten === 10 ? ['9回より多く', 'more than 9 in 10'] : [`${ten}回`, `${ten} in 10`];
  return {
    title: both(
      `落ち着かなくなるかもしれない、という予測 (似た状態の10回のうち${ja})`,
      `Restlessness was foreseen (${en} in a state like this)`,
    ),
    lines: [],
    text: it.prediction?.[0]?.rationale ?? null,
    by: [],
  };
}

const dosageOf = (dosage: Dosage[] | undefined) =>
  dosage
    ?.map(one => one.text ?? one.patientInstruction)
    .filter(Boolean)
    .join('\n') || undefined;

const STATUS: Readonly<Record<string, Text>> = {
  'not-taken': both('飲まなかった', 'not taken'),
  stopped: both('やめた', 'stopped'),
  cancelled: both('取り消し', 'cancelled'),
  completed: both('終わった', 'completed'),
  'on-hold': both('休んでいる', 'on hold'),
};

function medication(it: MedicationRequest | MedicationStatement): InWords {
  const medicine = nameOf(it.medicationCodeableConcept) ?? it.medicationReference?.display ?? '';
  const request = it.resourceType === 'MedicationRequest';
  return {
    title: request ? both(`薬の処方: ${medicine}`, `Prescribed: ${medicine}`) : both(`薬: ${medicine}`, `Medicine: ${medicine}`),
    lines: [
      ...line('飲み方・使い方', 'How to take it', dosageOf(request ? it.dosageInstruction : it.dosage)),
      ...line('状態', 'State', STATUS[it.status ?? '']),
      ...line('理由', 'Reason', nameOf(it.reasonCode?.[0])),
      ...notes(it),
    ],
    text: null,
    by: [request ? it.requester?.reference : it.informationSource?.reference],
  };
}

const CLINICAL: Readonly<Record<string, Text>> = {
  active: both('今ある', 'active'),
  recurrence: both('また出た', 'recurrence'),
  relapse: both('また出た', 'relapse'),
  inactive: both('今はない', 'inactive'),
  remission: both('落ち着いている', 'remission'),
  resolved: both('なおった', 'resolved'),
};
const clinical = (status: CodeableConcept | undefined) =>
  line('状態', 'State', CLINICAL[status?.coding?.[0]?.code ?? ''] ?? nameOf(status));

function problem(it: Condition | AllergyIntolerance): InWords {
  const name = nameOf(it.code) ?? '';
  const allergy = it.resourceType === 'AllergyIntolerance';
  const reaction = allergy ? it.reaction?.flatMap(({ manifestation }) => manifestation.map(nameOf)).join('、') : undefined;
  return {
    title: allergy ? both(`アレルギー: ${name}`, `Allergy: ${name}`) : both(`病名: ${name}`, `Condition: ${name}`),
    lines: [...line('出かた', 'Reaction', reaction), ...clinical(it.clinicalStatus), ...notes(it)],
    text: null,
    by: [it.asserter?.reference, it.recorder?.reference],
  };
}

function encounter(it: Encounter): InWords {
  const reason = it.reasonCode?.map(nameOf).filter(Boolean).join('、') ?? '';
  return {
    title: both(`診察: ${reason}`, `Consultation: ${reason}`),
    lines: line('場所', 'Where', it.serviceProvider?.display),
    text: null,
    by: (it.participant ?? []).map(({ individual }) => individual?.reference).filter(reference => reference?.startsWith('Practitioner/')),
  };
}

function answers(it: QuestionnaireResponse): InWords {
  const lines = (it.item ?? []).flatMap(item => {
    const [answer] = item.answer ?? [];
    const value = answer?.valueString ?? answer?.valueCoding?.display ?? answer?.valueDate ?? answer?.valueInteger ?? answer?.valueDecimal;
    return item.text && value !== undefined ? [{ label: both(item.text), value: both(String(value)) }] : [];
  });
  return { title: both('問診の答え', 'Answers to a questionnaire'), lines, text: null, by: [it.author?.reference] };
}

const plain = (title: Text, lines: Line[], by: (string | undefined)[], text: string | null = null): InWords => ({ title, lines, by, text });

/** @param day what the day's measurements sum up to, when the entry stands for several */
export function inWords(resource: Resource, day: DaySum | null = null): InWords {
  switch (resource.resourceType) {
    case 'Encounter':
      return encounter(resource);
    case 'Observation':
      return observation(resource, day);
    case 'RiskAssessment':
      return risk(resource);
    case 'MedicationRequest':
    case 'MedicationStatement':
      return medication(resource);
    case 'Condition':
    case 'AllergyIntolerance':
      return problem(resource);
    case 'QuestionnaireResponse':
      return answers(resource);
    case 'DocumentReference': {
      const it: DocumentReference = resource;
      const title = it.description ?? nameOf(it.type) ?? '文書';
      const signed = it.content[0]?.attachment.url?.startsWith('Bundle/');
      return plain(
        both(title, signed ? 'Signed note (referral document)' : title),
        [],
        (it.author ?? []).map(author => author.reference),
      );
    }
    case 'Communication': {
      const it: Communication = resource;
      return plain(both('連絡', 'Message'), [], [it.sender?.reference], it.payload?.[0]?.contentString ?? null);
    }
    case 'DiagnosticReport': {
      const it: DiagnosticReport = resource;
      const name = nameOf(it.code) ?? '';
      return plain(
        both(`検査の報告: ${name}`, `Report: ${name}`),
        [],
        (it.performer ?? []).map(who => who.reference),
        it.conclusion ?? null,
      );
    }
    case 'Procedure': {
      const it: Procedure = resource;
      const name = nameOf(it.code) ?? '';
      return plain(
        both(`手術・処置: ${name}`, `Procedure: ${name}`),
        notes(it),
        (it.performer ?? []).map(({ actor }) => actor.reference),
      );
    }
    case 'Immunization': {
      const it: Immunization = resource;
      const name = nameOf(it.vaccineCode) ?? '';
      const lines = [...line('ロット番号', 'Lot', it.lotNumber), ...notes(it)];
      return plain(
        both(`予防接種: ${name}`, `Vaccination: ${name}`),
        lines,
        (it.performer ?? []).map(({ actor }) => actor.reference),
      );
    }
    case 'CarePlan': {
      const it: CarePlan = resource;
      const name = it.title ?? nameOf(it.category?.[0]) ?? '';
      return plain(both(`診療の計画: ${name}`, `Care plan: ${name}`), notes(it), [it.author?.reference], it.description ?? null);
    }
    default:
      return plain(both(resource.resourceType), [], []);
  }
}
