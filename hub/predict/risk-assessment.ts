// The alert's prediction in the shared record: FHIR R4 RiskAssessment, once for each alert. A record of every minute would bury it.
import type { Patient, RiskAssessment } from '@medplum/fhirtypes';
import type { PredictionView } from '../alerts/contract.ts';

/** https://hl7.org/fhir/R4/riskassessment.html; what has no element of its own (model, coverage, reasons) is in `note`. */
export function riskAssessment(patient: Patient['id'], prediction: PredictionView): RiskAssessment {
  const from = new Date(prediction.at);
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const reasons = prediction.reasons.map(reason => `${reason.text.ja} (${reason.text.en}; +${percent(reason.weight)})`).join('; ');
  const personal = prediction.personal ? ` この人に合わせた値 fitted to this person (log odds ${prediction.personal.toFixed(2)});` : '';
  return {
    resourceType: 'RiskAssessment',
    status: 'final',
    subject: { reference: `Patient/${patient}` },
    occurrencePeriod: { start: from.toISOString(), end: new Date(from.getTime() + prediction.horizonMinutes * 60_000).toISOString() },
    method: { text: `${prediction.model.name} ${prediction.model.version} (decision support, no medical-device review)` },
    prediction: [
      {
        outcome: { text: 'BPSD の発症 (onset of agitation)' },
        probabilityDecimal: Number((prediction.probability ?? 0).toFixed(4)),
        whenPeriod: { start: from.toISOString(), end: new Date(from.getTime() + prediction.horizonMinutes * 60_000).toISOString() },
      },
    ],
    note: [
      {
        time: prediction.at,
        text: `model ${prediction.model.name} ${prediction.model.version};${personal} 観測の割合 coverage ${percent(prediction.coverage)}; 理由 reasons: ${reasons || '–'}`,
      },
    ],
  };
}
