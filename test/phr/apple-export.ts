// Writes an export of Apple Health as the telephone does, for tests: document type and all.
export interface Export {
  days: number;
  /** Heart rates a day, one a minute: 60, 61 … */
  heartRates: number;
  birthDate?: string;
  /** Makes another file of the same records. */
  note?: string;
}

const HEAD = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 14 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout|ActivitySummary|ClinicalRecord)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
<!ELEMENT Record ((MetadataEntry|HeartRateVariabilityMetadataList)*)>
]>`;

export function* appleLines({ days, heartRates, birthDate = '1938-04-01', note = '' }: Export): Generator<string> {
  yield `${HEAD}\n<HealthData locale="ja_JP">\n <ExportDate value="2026-11-20 10:00:00 +0900"/><!-- ${note} -->\n`;
  yield ` <Me HKCharacteristicTypeIdentifierDateOfBirth="${birthDate}" HKCharacteristicTypeIdentifierBiologicalSex="HKBiologicalSexFemale"/>\n`;
  const day = (number: number) => new Date(Date.UTC(2026, 9, 1 + number)).toISOString().slice(0, 10);
  const record = (
    type: string,
    unit: string,
    value: string | number,
    on: string,
    from: string,
    to = from,
    source = 'ハナのApple&#160;Watch',
  ) =>
    ` <Record type="HKQuantityTypeIdentifier${type}" sourceName="${source}" sourceVersion="10" device="&lt;&lt;HKDevice: 0x1&gt;, name:Apple Watch, model:Watch&gt;" unit="${unit}" creationDate="${on} ${from} +0900" startDate="${on} ${from} +0900" endDate="${on} ${to} +0900" value="${value}"/>\n`;
  for (let number = 0; number < days; number++) {
    const on = day(number);
    for (let index = 0; index < heartRates; index++) {
      const minute = `${String(8 + (Math.floor(index / 60) % 12)).padStart(2, '0')}:${String(index % 60).padStart(2, '0')}:${String(Math.floor(index / 720) % 60).padStart(2, '0')}`;
      yield record('HeartRate', 'count/min', 60 + (index % 40), on, minute);
    }
    yield record('StepCount', 'count', 1000, on, '09:00:00', '10:00:00');
    yield record('StepCount', 'count', 2000, on, '11:00:00', '12:00:00');
    yield record('OxygenSaturation', '%', 0.97, on, '07:00:00');
    yield record('RestingHeartRate', 'count/min', 58, on, '00:00:00', '23:59:00');
    yield record('HeartRateVariabilitySDNN', 'ms', 41.5, on, '03:00:00');
    yield record('FlightsClimbed', 'count', 1, on, '09:00:00');
    const [high, low] = [
      record('BloodPressureSystolic', 'mmHg', 128, on, '07:30:00'),
      record('BloodPressureDiastolic', 'mmHg', 72, on, '07:30:00'),
    ];
    yield ` <Correlation type="HKCorrelationTypeIdentifierBloodPressure" sourceName="血圧計" startDate="${on} 07:30:00 +0900" endDate="${on} 07:30:00 +0900">\n${high}${low} </Correlation>\n`;
    yield ` <Record type="HKCategoryTypeIdentifierSleepAnalysis" sourceName="ハナのApple&#160;Watch" startDate="${on} 00:10:00 +0900" endDate="${on} 01:10:00 +0900" value="HKCategoryValueSleepAnalysisAsleepDeep"/>\n`;
  }
  yield '</HealthData>\n';
}

export const appleExport = (options: Export): string => [...appleLines(options)].join('');
