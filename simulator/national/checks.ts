// The platform's own checks of a referral document bundle (JP-CLINS eReferral). Written from the guide, not from the hub's code.
import type { Fault } from './outcome.ts';

type Json = Record<string, unknown>;

const BUNDLE_IDENTIFIER = 'http://jpfhir.jp/fhir/clins/bundle-identifier';
const BUNDLE_PROFILE = 'http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Bundle_eReferral';
const COMPOSITION_PROFILE = 'http://jpfhir.jp/fhir/eReferral/StructureDefinition/JP_Composition_eReferral';
const DOC_TYPES = 'http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes';
const SECTIONS = 'http://jpfhir.jp/fhir/clins/CodeSystem/document-section';
const INSTITUTION = 'http://jpfhir.jp/fhir/core/IdSystem/insurance-medical-institution-no';
const MEMBER = 'http://jpfhir.jp/fhir/clins/Idsystem/JP_Insurance_memberID';
const FACILITY_PATIENT = /^urn:oid:1\.2\.392\.100495\.20\.3\.51\.1[0-4][0-9][1-3][0-9]{7}$/;
const MEMBER_VALUE = /^[0-9]{8}:[^:\s]*:[^:\s]*:([0-9]{2})?$/;
const INSTITUTION_VALUE = /^[0-4][0-9][1-3][0-9]{7}$/;
const IDENTIFIER_VALUE = /^([0-4][0-9][1-3][0-9]{7})\^([0-9]{4})\^([A-Za-z0-9-]{1,36})$/;
const TOP_SECTIONS: Record<string, [least: number, most: number]> = {
  '910': [1, 1],
  '920': [1, 1],
  '300': [1, 1],
  '200': [0, 1],
  '210': [0, 1],
  '220': [0, 1],
  '230': [0, 1],
};
const BODY_SECTIONS: Record<string, [least: number, most: number]> = { '950': [1, 1], '340': [1, 1], '360': [1, 1] };

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What is wrong with a bundle; nothing when it can be taken. */
export function faultsOf(bundle: unknown): Fault[] {
  const faults: Fault[] = [];
  const say = (path: string, code: Fault['code'], reason: string) => faults.push({ path, code, reason });
  if (!isObject(bundle) || bundle.resourceType !== 'Bundle') {
    say('', 'structure', 'Only a Bundle is taken here');
    return faults;
  }
  if (bundle.type !== 'document') say('Bundle.type', 'value', 'must be document');
  if (!profiles(bundle).some(profile => profile.split('|')[0] === BUNDLE_PROFILE))
    say('Bundle.meta.profile', 'required', `must name ${BUNDLE_PROFILE}`);
  if (!text((bundle.meta as Json | undefined)?.lastUpdated)) say('Bundle.meta.lastUpdated', 'required', 'is missing');
  if (Number.isNaN(Date.parse(text(bundle.timestamp)))) say('Bundle.timestamp', 'required', 'must be an instant');
  const identifier = isObject(bundle.identifier) ? bundle.identifier : {};
  if (identifier.system !== BUNDLE_IDENTIFIER) say('Bundle.identifier.system', 'value', `must be ${BUNDLE_IDENTIFIER}`);
  if (!IDENTIFIER_VALUE.test(text(identifier.value)))
    say('Bundle.identifier.value', 'value', 'must be <institution 10 digits>^<year>^<1-36 of A-Za-z0-9->');

  const entries = list(bundle.entry);
  const addresses = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const address = text(entry.fullUrl);
    if (!/^urn:uuid:[0-9a-f-]{36}$/.test(address)) say(`Bundle.entry[${index}].fullUrl`, 'value', 'must be urn:uuid:…');
    if (addresses.has(address)) say(`Bundle.entry[${index}].fullUrl`, 'duplicate', 'is used twice');
    addresses.add(address);
    if (!isObject(entry.resource)) say(`Bundle.entry[${index}].resource`, 'required', 'is missing');
  }
  for (const [index, entry] of entries.entries()) {
    for (const { path, reference } of references(entry.resource, `Bundle.entry[${index}].resource`)) {
      if (!addresses.has(reference)) say(path, 'not-found', 'points at nothing in this bundle');
    }
  }
  const byAddress = new Map(entries.map(entry => [text(entry.fullUrl), isObject(entry.resource) ? entry.resource : {}]));
  const first = entries[0]?.resource;
  if (!isObject(first) || first.resourceType !== 'Composition') {
    say('Bundle.entry[0].resource', 'structure', 'the first entry must be the Composition');
    return faults;
  }
  checkComposition(first, byAddress, text(identifier.value).slice(0, 10), say);
  checkParts(entries, say);
  return faults;
}

type Say = (path: string, code: Fault['code'], reason: string) => void;

function checkComposition(composition: Json, byAddress: Map<string, Json>, institution: string, say: Say) {
  const at = 'Bundle.entry[0].resource';
  if (!profiles(composition).some(profile => profile.split('|')[0] === COMPOSITION_PROFILE))
    say(`${at}.meta.profile`, 'required', `must name ${COMPOSITION_PROFILE}`);
  if (composition.status !== 'final') say(`${at}.status`, 'value', 'must be final');
  if (composition.title !== '診療情報提供書') say(`${at}.title`, 'value', 'must be 診療情報提供書');
  const type = list((composition.type as Json | undefined)?.coding);
  if (!type.some(coding => coding.system === DOC_TYPES && coding.code === '57133-1'))
    say(`${at}.type`, 'value', `must be ${DOC_TYPES}#57133-1`);
  if (!text((composition.identifier as Json | undefined)?.value)) say(`${at}.identifier`, 'required', 'is missing');
  if (Number.isNaN(Date.parse(text(composition.date)))) say(`${at}.date`, 'required', 'must be a time');
  const target = (reference: unknown) => byAddress.get(text((isObject(reference) ? reference : {}).reference));
  if (target(composition.subject)?.resourceType !== 'Patient') say(`${at}.subject`, 'required', 'must be the Patient of this bundle');
  const authors = list(composition.author).map(target);
  if (!authors.some(author => author?.resourceType === 'Practitioner')) say(`${at}.author`, 'required', 'a Practitioner is missing');
  const custodian = target(composition.custodian);
  if (custodian?.resourceType !== 'Organization') say(`${at}.custodian`, 'required', 'must be the Organization that writes');
  else if (!list(custodian.identifier).some(({ system, value }) => system === INSTITUTION && value === institution))
    say('Bundle.identifier.value', 'value', 'does not begin with the number of the institution that writes');

  const sections = list(composition.section);
  checkSections(sections, TOP_SECTIONS, `${at}.section`, say);
  for (const code of ['910', '920']) {
    const index = sections.findIndex(section => codeOf(section) === code);
    const found = sections[index];
    if (found && !list(found.entry).some(entry => target(entry)?.resourceType === 'Organization'))
      say(`${at}.section[${index}].entry`, 'required', `section ${code} must name its Organization`);
  }
  const body = sections.findIndex(section => codeOf(section) === '300');
  if (body !== -1) checkSections(list(sections[body]!.section), BODY_SECTIONS, `${at}.section[${body}].section`, say);
}

function checkSections(sections: Json[], wanted: Record<string, [number, number]>, at: string, say: Say) {
  for (const [code, [least, most]] of Object.entries(wanted)) {
    const count = sections.filter(section => codeOf(section) === code).length;
    if (count < least) say(at, 'required', `section ${code} is missing`);
    if (count > most) say(at, 'duplicate', `section ${code} may be there once, and is there ${count} times`);
  }
  for (const [index, section] of sections.entries()) {
    if (!codeOf(section)) say(`${at}[${index}].code`, 'required', `must be a code of ${SECTIONS}`);
    const narrative = isObject(section.text) ? section.text : undefined;
    if (codeOf(section) !== '300' && !text(narrative?.div).startsWith('<div xmlns="http://www.w3.org/1999/xhtml">'))
      say(`${at}[${index}].text.div`, 'required', 'must be an XHTML div');
    if (narrative && narrative.status !== 'additional') say(`${at}[${index}].text.status`, 'value', 'must be additional');
  }
}

function checkParts(entries: Json[], say: Say) {
  const organizations = entries.filter(entry => (entry.resource as Json | undefined)?.resourceType === 'Organization').length;
  if (organizations < 2) say('Bundle.entry', 'required', 'two Organizations are needed: who refers and who is referred to');
  const patients = entries.filter(entry => (entry.resource as Json | undefined)?.resourceType === 'Patient').length;
  if (patients !== 1) say('Bundle.entry', 'structure', `exactly one Patient is needed, not ${patients}`);
  for (const [index, entry] of entries.entries()) {
    const at = `Bundle.entry[${index}].resource`;
    const resource = isObject(entry.resource) ? entry.resource : {};
    const identifiers = list(resource.identifier);
    if (resource.resourceType === 'Patient') {
      checkPatientNumbers(identifiers, `${at}.identifier`, say);
      if (!list(resource.name).some(name => text(name.family) && text(name.text)))
        say(`${at}.name`, 'required', 'a name with family and text is needed');
      if (!/^\d{4}-\d{2}-\d{2}$/.test(text(resource.birthDate))) say(`${at}.birthDate`, 'required', 'must be a date');
      if (!['male', 'female', 'other', 'unknown'].includes(text(resource.gender)))
        say(`${at}.gender`, 'value', 'is missing or unknown to FHIR');
      if (!text(list(resource.address)[0]?.text)) say(`${at}.address`, 'required', 'an address with text is needed');
    }
    if (resource.resourceType === 'Organization') {
      const number = identifiers.find(({ system }) => system === INSTITUTION);
      if (!number || !INSTITUTION_VALUE.test(text(number.value)))
        say(`${at}.identifier`, 'value', 'a medical institution number of 10 digits is needed');
      if (!text(resource.name)) say(`${at}.name`, 'required', 'is missing');
    }
    if (resource.resourceType === 'Practitioner' && !list(resource.name).some(name => text(name.text) || text(name.family)))
      say(`${at}.name`, 'required', 'is missing');
  }
}

/** Rules R1010, R1012 and R1013 of JP_Patient_eCS. */
function checkPatientNumbers(identifiers: Json[], at: string, say: Say) {
  const members = identifiers.filter(({ system }) => system === MEMBER);
  if (members.length !== 1) say(at, 'required', `R1012: exactly one insured person’s number (${MEMBER}) is needed`);
  for (const member of members) {
    if (!MEMBER_VALUE.test(text(member.value)))
      say(at, 'value', 'R1013: must be <insurer 8 digits>:<symbol>:<number>:<branch, 2 digits or none>');
  }
  for (const { system } of identifiers) {
    if (text(system).startsWith('urn:oid:1.2.392.100495.20.3.51.') && !FACILITY_PATIENT.test(text(system)))
      say(at, 'value', 'R1010: a facility’s patient number is in urn:oid:1.2.392.100495.20.3.51.1<institution 10 digits>');
  }
}

const profiles = (resource: Json): string[] => {
  const named = (resource.meta as Json | undefined)?.profile;
  return Array.isArray(named) ? named.filter(profile => typeof profile === 'string') : [];
};

const codeOf = (section: Json): string => {
  const coding = list((section.code as Json | undefined)?.coding).find(({ system }) => system === SECTIONS);
  return text(coding?.code);
};

/** Every literal reference in a resource with its place. */
function* references(value: unknown, path: string): Generator<{ path: string; reference: string }> {
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* references(item, `${path}[${index}]`);
  else if (isObject(value)) {
    if (typeof value.reference === 'string') yield { path: `${path}.reference`, reference: value.reference };
    for (const [key, inner] of Object.entries(value)) if (typeof inner === 'object') yield* references(inner, `${path}.${key}`);
  }
}
