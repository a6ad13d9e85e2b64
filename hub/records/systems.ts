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
