// Validation of what comes in: FHIR R4 always, and the profiles that a resource claims, with the path of every fault and the rule it breaks.
import { isResourceType, OperationOutcomeError, type TypedValueWithPath, validateResource } from '@medplum/core';
import type { OperationOutcomeIssue, Resource, ResourceType } from '@medplum/fhirtypes';
import { reachesIntoPrototype } from '../http/index.ts';
import { Problem } from '../http/problem.ts';
import type { Definitions } from './definitions.ts';
import { codingsOf, type Finding, type Profiles } from './profiles/index.ts';

/** The most attachments or binaries may hold as base64, in bytes. */
const BASE64_BYTES = 8 * 1024 * 1024;

const R4_RULES = 'http://hl7.org/fhir/R4';

export interface Checks {
  definitions: Definitions;
  profiles: Profiles;
}

/**
 * Checks a resource and all resources in it: structure, types, cardinality, invariants and required codes of R4, then the profiles that
 * `meta.profile` claims as far as they are known here.
 * @throws Problem 422 with a path for each fault.
 */
export function validate(checks: Checks, resource: Resource): void {
  const faults = baseFindings(checks, resource).filter(isError);
  if (faults.length) throw invalidResource(faults);
  const broken = checks.profiles.check(resource).filter(isError);
  if (broken.length) throw invalidResource(broken);
}

/** Everything there is to say of a resource, faults and remarks, also of profiles (canonicals) that it does not claim itself. */
export function examine(checks: Checks, resource: Resource, profiles: readonly string[] = []): Finding[] {
  const base = baseFindings(checks, resource);
  // What is no R4 cannot be held to a profile: each of its elements would be a fault again.
  return base.some(isError) ? base : [...base, ...checks.profiles.check(resource, profiles)];
}

function invalidResource(faults: Finding[]): Problem {
  const [first] = faults;
  const base = faults.every(({ profile }) => profile === R4_RULES);
  const told = faults.map(({ path, rule, text }) => `${path} ${rule === text.en ? '' : `(${rule}) `}${text.en}`).join('; ');
  return new Problem(
    422,
    'resource-invalid',
    {
      ja: base
        ? `入力された記録が FHIR R4 の形になっていません。${first?.path ?? ''}`
        : `入力された記録が、名のっているプロファイルに合っていません。${first?.path ?? ''}: ${first?.text.ja ?? ''}`,
      en: base ? `This is not valid FHIR R4: ${told}` : `This does not conform to the profiles it claims: ${told}`,
    },
    {
      details: faults.map(({ path, rule, text }) => ({
        path,
        message: rule === text.en ? text.en : `${rule}: ${text.en}`,
        rule,
        ja: text.ja,
      })),
    },
  );
}

const isError = ({ severity }: { severity: Finding['severity'] }) => severity === 'error';

/** What R4 itself has to say. The rule of a fault of form is its text: R4 has no shorter name for it. */
function baseFindings({ definitions, profiles }: Checks, resource: Resource): Finding[] {
  if (typeof resource !== 'object' || resource === null || Array.isArray(resource)) return [fault('', 'a resource is a JSON object')];
  const type: unknown = resource.resourceType;
  if (typeof type !== 'string') return [fault('resourceType', 'Missing required property')];
  if (!definitions.kept(type)) return [fault('resourceType', `resources of type ${type} are not kept here`)];
  // The validator looks elements up in a table, and would find `constructor` there.
  if (reachesIntoPrototype(resource)) return [fault(type, 'has an element with a forbidden name (constructor, __proto__ …)')];
  definitions.load(typesIn(resource));
  const tokens: Record<string, TypedValueWithPath[]> = {};
  let issues: OperationOutcomeIssue[];
  try {
    issues = validateResource(resource, { base64BinaryMaxBytes: BASE64_BYTES, collect: { tokens } });
  } catch (cause) {
    if (!(cause instanceof OperationOutcomeError)) return [fault(type, (cause as Error).message)];
    issues = cause.outcome.issue;
  }
  const foreign = Object.entries(tokens).flatMap(([valueSet, values]) =>
    values
      .filter(({ value }) => isForeign(profiles, valueSet, value))
      .map(({ path }) => fault(path, `is not in ${valueSet.split('|')[0]}`, 'code-invalid')),
  );
  return [...issues.flatMap(findingOf), ...foreign];
}

/**
 * Of a concept's codings one must be from the set. A concept in words only is left to the element's own cardinality, and a set whose
 * codes are not at hand (MIME types, currencies) holds everything.
 */
function isForeign(profiles: Profiles, valueSet: string, value: unknown): boolean {
  const codes = codingsOf(value);
  return codes.length > 0 && codes.every(({ code, system }) => profiles.valueSets.holds(valueSet, code, system) === 'out');
}

const fault = (path: string, en: string, code: Finding['code'] = 'structure'): Finding => ({
  severity: 'error',
  code,
  path,
  rule: en,
  profile: R4_RULES,
  text: { ja: `FHIR R4 の形に合っていません: ${en}`, en },
});

function findingOf(issue: OperationOutcomeIssue): Finding[] {
  const text = issue.details?.text ?? issue.diagnostics ?? issue.code;
  // The library only warns of these two, because data of its own has them; R4 forbids both (references.html, formats.html#choice).
  const target = /^Invalid reference: got "([^"]*)"/.exec(text)?.[1];
  // An address whose type it cannot read (`urn:uuid:…`, `https://…`) is no fault.
  if (target !== undefined && !isResourceType(target)) return [];
  const forbidden = target !== undefined || text.startsWith('Conflicting choice of type properties');
  const severity = forbidden || issue.severity === 'error' || issue.severity === 'fatal' ? 'error' : 'warning';
  return [{ ...fault(issue.expression?.[0] ?? '', text, issue.code), severity }];
}

/** Every resource type in a resource: its own, contained ones, entries of a Bundle. */
function typesIn(value: unknown, found = new Set<ResourceType>()): Set<ResourceType> {
  if (Array.isArray(value)) for (const item of value) typesIn(item, found);
  else if (typeof value === 'object' && value !== null) {
    const { resourceType } = value as { resourceType?: unknown };
    if (typeof resourceType === 'string') found.add(resourceType as ResourceType);
    for (const inner of Object.values(value)) if (typeof inner === 'object') typesIn(inner, found);
  }
  return found;
}
