// Code and identifier systems that the hub writes, each by its published URL; those of its own begin with `urn:remote-care-hub`.
export const OWN = 'urn:remote-care-hub';

/** PractitionerRole.code: our PersonRole values. */
export const ROLE_SYSTEM = `${OWN}:role`;
/** Encounter.type `residence`: a person lives in a care facility (Encounter.location names the room). */
export const ENCOUNTER_TYPE_SYSTEM = `${OWN}:encounter-type`;
/** Encounter.type of a consultation: its pattern (DtoP, DtoD …). */
export const PATTERN_SYSTEM = `${OWN}:encounter-pattern`;
/** Location.physicalType */
export const LOCATION_TYPE_SYSTEM = 'http://terminology.hl7.org/CodeSystem/location-physical-type';
export const ACT_CODE_SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
/** Facility number: insurance medical institution number, 10 digits (JP Core). */
export const INSTITUTION_NUMBER = 'http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no';
export const MEDICAL_REGISTRATION_NUMBER = 'http://jpfhir.jp/fhir/core/mhlw/IdSystem/medicalRegistrationNumber';
export const INSURED_PERSON = 'http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID';
/** Name representation (JP Core): IDE kanji, SYL kana. */
export const NAME_REPRESENTATION = 'http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation';
/** Care hint of a facility for one resident, on the residence Encounter. */
export const CARE_HINT_EXTENSION = `${OWN}:care-hint`;
/** UCUM units. */
export const UCUM = 'http://unitsofmeasure.org';
/** Observation statistics of HL7 (average, minimum, maximum, count). */
export const STATISTICS = 'http://terminology.hl7.org/CodeSystem/observation-statistics';
export const DOCUMENT_TYPE = 'http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes';
export const DOCUMENT_SUBTYPE = 'http://jpfhir.jp/fhir/Common/CodeSystem/doc-subtypecodes';
export const DOCUMENT_SECTION = 'http://jpfhir.jp/fhir/clins/CodeSystem/document-section';
/** JP-CLINS: identifier of a document bundle, `<facility10>^<year>^<1-36 of A-Za-z0-9->`. */
export const BUNDLE_IDENTIFIER = 'http://jpfhir.jp/fhir/clins/bundle-identifier';
export const RESOURCE_INSTANCE = 'http://jpfhir.jp/fhir/core/IdSystem/resourceInstance-identifier';
/** Facility patient ID: this and the institution's ten digits. */
export const FACILITY_PATIENT_PREFIX = 'urn:oid:1.2.392.100495.20.3.51.1';
/** Tag of where a resource came from: `phr` is what the patient brought along (patient-generated health data). */
export const ORIGIN_SYSTEM = `${OWN}:origin`;
/** Tag whose code is the name of the app, device or hospital that something brought along came from. */
export const BROUGHT_FROM = `${OWN}:brought-from`;
/** Tag of what is kept for completeness and would bury the rest on a page: a RiskAssessment of every hour. */
export const HOURLY_TAG = { system: `${OWN}:tag`, code: 'hourly' };
/** DocumentReference.category: the kind of a document of this hub (documents/contract.ts). */
export const DOCUMENT_KIND = `${OWN}:document-kind`;
/** Tags of JP-CLINS on what the patient has not been told (UNINFORMED) or given (UNDELIVERED) yet. */
export const INDICATION = 'http://jpfhir.jp/fhir/clins/CodeSystem/JP_ehrshrs_indication';
