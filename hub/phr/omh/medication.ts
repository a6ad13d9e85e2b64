// Descriptions of what Open mHealth says of medicines: the medicine, the prescription, its schedule, what was dispensed and taken.
import { z } from 'zod';
import type { Versions } from './measures.ts';
import {
  amount,
  dayOfWeek,
  duration,
  durationRange,
  exactlyOne,
  frequency,
  localTime,
  partOfDay,
  range,
  timeFrame,
  toMeal12,
  toSleep,
  words,
} from './parts.ts';

/** Ways a medicine is given (the FDA's list of routes of administration), units of strength, forms, and packs; separated by bars. */
const ROUTES =
  'arteriovenous fistula|arteriovenous graft|body cavity|auricular|buccal|caudal|colostomy|conjunctival|cutaneous|dental|' +
  'digestive tract|electro-osmosis|endocervical|endosinusial|enteral|epidural|esophagostomy|extra-amniotic|' +
  'extracorporeal|fistula|gastro-intestinal stoma|gastroenteral|gastrostomy|gingival|ileostomy|hemodialysis|infiltration|' +
  'interstitial|intra-abdominal|intra-amniotic|intra-arterial|intra-articular|intrabiliary|intrabronchial|intrabursal|' +
  'intracardiac|intracartilaginous|intracaudal|intracavernous|intracavitary|intracerebral|intracerebroventricular|' +
  'intracisternal|intracolonic|intracorneal|intracoronal|intracoronary|intracorporus cavernosum|intracranial|intradermal|' +
  'intradiscal|intraductal|intraduodenal|intradural|intraepicardial|intraepidermal|intraesophageal|intragastric|' +
  'intragingival|intrahepatic|intraileal|intrajejunal|intralesional|intralingual|intraluminal|intralymphatic|' +
  'intramammary|intramedullary|intrameningeal|intramuscular|intramyometrial|intranodal|intraocular|intraomentum|' +
  'intraosseous|intraovarian|intrapericardial|intraperitoneal|intrapleural|intraprostatic|intrapulmonary|intraruminal|' +
  'intrasinal|intraspinal|intrasternal|intrasynovial|intratendinous|intratesticular|intrathecal|intrathoracic|' +
  'intratubular|intratumor|intratympanic|intrauterine|intravascular|intravenous|intravenous central|' +
  'intravenous peripheral|intravesical|intravitreal|iontophoresis|irrigation|jejunostomy|laryngeal|' +
  'lower respiratory tract|mucous fistula|nasal|nasoduodenal|nasogastric|nasojejunal|not applicable|' +
  'occlusive dressing technique|ophthalmic|oral|orogastric|oromucosal|oropharyngeal|otic|parenteral|paracervical|' +
  'paravertebral|percutaneous|periarticular|peribulbar|peridural|perineural|periodontal|periosteal|peritendinous|' +
  'periurethral|rectal|retrobulbar|soft tissue|subarachnoid|subconjunctival|subcutaneous|subgingival|sublingual|' +
  'submucosal|suborbital|subretinal|subtendinous|surgical cavity|surgical drain|topical|transcervical|transdermal|' +
  'transendocardial|transmucosal|transplacental|transtracheal|transtympanic|transurethral|tumor cavity|ureteral|urethral|' +
  'urostomy|vaginal';
const STRENGTHS =
  "%|AU|AU/mL|BAU|BAU/mL|BU|CCID_50|Ci|cm^2|D'ag'U|dL|FFU|g|hp_C|hp_M|hp_Q|hp_X|IU|IU/L|IU/mL|kp_C|L|Lf|LfU/mL|mCi|" +
  'mCi/mL|mEq|mg|mg/actuat|mg/hr|mg/mg|mg/mL|mL|mmol|mol|mU|ng|nmol|organisms|PFU|PNU|PNU/mL|TCID_50|U|uCi|ug|ug/mL|uL|' +
  "umol|unt|unt/mL|USP'U|X";
const FORMS =
  'bar|bead|capsule|cellular sheet|cloth|disc|douche|drop|globule|granule|gum|lozenge|pastille|patch|pellet|pill|pouch|' +
  'puff|ring|salve|stick|strip|suppository|swab|tablet|tampon|tape|tbsp|tsp|vial|wafer';
const PACKS =
  'ampule|applicator|bag|blister|bottle|box|can|canister|carton|cartridge|container|cup|cylinder|dose pack|inhaler|jar|' +
  'jug|kit|package|packet|piece|syringe|troche|tube';

const list = (...texts: string[]) => texts.flatMap(text => text.split('|'));
export const route10 = words(...list(ROUTES), 'endotracheal', 'intraventricular', 'respiratory (inhalation)');
export const route20 = words(
  ...list(ROUTES),
  ...[
    'endotracheopulmonary',
    'intracameral',
    'intramural',
    'intraneural',
    'intraventricular - cardiac',
    'respiratory tract',
    'sublesional',
  ],
);
export const doseUnits = list(STRENGTHS, FORMS);
const dose = amount(...doseUnits);
// Spoons, drops, puffs and douches are doses and no packs.
const packed = amount(...list(FORMS, PACKS).filter(form => !['douche', 'drop', 'puff', 'tbsp', 'tsp'].includes(form)));

const medicine = z
  .object({
    generic_name: z.string().optional(),
    trade_name: z.string().optional(),
    strength: z.array(amount(...list(STRENGTHS)).extend({ ingredient_name: z.string().optional() })),
    rxnorm_code: z.number().optional(),
  })
  .superRefine((value, context) => {
    if (value.generic_name === undefined && value.trade_name === undefined)
      context.addIssue({ code: 'custom', message: 'generic_name or trade_name must be there' });
  });

const LASTING = { duration: duration.optional(), duration_range: durationRange.optional(), time_frame: timeFrame.optional() };
const lasting = exactlyOne(z.object({ ...LASTING, free_text: z.string().optional() }), [...Object.keys(LASTING), 'free_text']);
const given = exactlyOne(
  z.object({
    dose: dose.optional(),
    dose_range: range(...doseUnits).optional(),
    dose_array: z.array(z.object({ dose, dose_trigger: z.string() })).optional(),
  }),
  ['dose', 'dose_range', 'dose_array'],
);
const recurrence = z.object({
  frequency: frequency.optional(),
  dose_prn_trigger: z.string().optional(),
  timing: z
    .array(
      z.object({
        part_of_day: partOfDay.optional(),
        day_of_week: dayOfWeek.optional(),
        time_of_day: localTime.optional(),
        temporal_relationship_to_meal: toMeal12.optional(),
        temporal_relationship_to_sleep: toSleep.optional(),
        time_frame_of_temporal_relationship_to_meal: duration.optional(),
        time_frame_of_temporal_relationship_to_sleep: duration.optional(),
      }),
    )
    .optional(),
  sequence: z.array(amount('min', 'h', 'd', 'wk', 'Mo', 'yr')).optional(),
});

const prescription = (route: z.ZodType) =>
  z.object({
    description: z.string().optional(),
    medication: medicine,
    route: route.optional(),
    prescription_trigger: z.string().optional(),
    schedule: z.array(
      z.object({
        dose_duration: lasting,
        dose_administration_duration: lasting.optional(),
        medication_dose: given,
        dose_recurrence: recurrence,
      }),
    ),
  });
const scheduled = (route: z.ZodType) =>
  prescription(route).extend({ acceptable_window: z.object({ before: duration.optional(), after: duration.optional() }).optional() });
const adherence = (route: z.ZodType) =>
  z.object({
    medication_prescription: prescription(route),
    effective_time_frame: timeFrame.optional(),
    medication_adherence_percent: amount('%'),
  });
const dispensing = (route: z.ZodType) =>
  z.object({
    medication_prescription: prescription(route),
    medication_dispensed: z.string(),
    amount_dispensed: packed,
    time_frame_medication_dispensed: timeFrame,
    remaining_refills: z.number().optional(),
  });
/** Both versions of what names a route. */
const both = (made: (route: z.ZodType) => z.ZodType): Versions => ({ '1.0': made(route10), '2.0': made(route20) });

export const MEDICINES: Readonly<Record<string, Versions>> = {
  medication: { '1.0': medicine },
  'medication-prescription': both(prescription),
  'patient-medication-schedule': both(scheduled),
  'medication-adherence-percent': both(adherence),
  'pharmacy-medication-dispensing': both(dispensing),
  'single-medication-dose-taken': {
    '1.0': z.object({
      medication: medicine,
      dose,
      effective_time_frame: timeFrame,
      reason_dose_taken_not_as_prescribed: z.string().optional(),
    }),
  },
  'reason-single-medication-dose-not-taken': {
    '1.0': z.object({ medication: medicine, effective_time_frame: timeFrame, reason_for_missing_dose: z.string() }),
  },
};
