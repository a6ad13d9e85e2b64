// `$validate` (R4 resource-operation-validate.html): what the record would say of a resource, without keeping it.
import { allOk } from '@medplum/core';
import type { FhirRequest, FhirResponse, FhirRouteHandler, FhirRouter } from '@medplum/fhir-router';
import type { OperationOutcome, OperationOutcomeIssue, Parameters, Resource } from '@medplum/fhirtypes';
import { Problem } from '../../http/problem.ts';
import type { Finding } from '../profiles/index.ts';
import { type Checks, examine } from '../validation.ts';
import { outcomeError } from './outcome.ts';

const ISSUE_SOURCE = 'http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-source';
const MODES = ['create', 'update', 'delete', 'profile'];

interface Asked {
  resource?: Resource;
  mode?: string;
  profiles: string[];
}

/** Adds `$validate` on types and on instances. */
export function addValidate(router: FhirRouter, checks: Checks): void {
  const handler: FhirRouteHandler = async (request, repository): Promise<FhirResponse> => {
    const { resourceType: type = '', id } = request.params;
    const { resource: given, mode, profiles } = askedIn(request);
    if (mode !== undefined && !MODES.includes(mode)) throw refused('mode', { ja: MODES.join('、'), en: MODES.join(', ') });
    if (mode === 'delete' && id === undefined)
      throw refused('mode', { ja: '消す記録のアドレスで呼んでください。', en: 'delete needs an instance' });
    // The stored resource stands in for one that was not sent; reading it is an access like any other.
    const stored = id !== undefined && (given === undefined || mode !== undefined) ? await repository.readResource(type, id) : undefined;
    if (mode === 'delete') return [allOk, outcomeOf([], { ja: '消せます。', en: 'It could be deleted by those who may.' })];
    const resource = given ?? stored;
    if (!resource) throw refused('resource', { ja: 'たしかめる記録を送ってください。', en: 'send the resource to validate' });
    const misplaced: Finding[] = [];
    if (resource.resourceType !== type) {
      misplaced.push(remark('invalid', 'resourceType', { ja: `${type} ではありません。`, en: `is no ${type}` }));
    }
    if (mode === 'update' && resource.id === undefined) {
      misplaced.push(remark('required', 'id', { ja: '更新には id がいります。', en: 'an update needs an id' }));
    }
    if (id !== undefined && resource.id !== undefined && resource.id !== id) {
      misplaced.push(remark('value', 'id', { ja: 'id がアドレスと違います。', en: 'is not the id of the address' }));
    }
    return [allOk, outcomeOf([...misplaced, ...examine(checks, resource, profiles)])];
  };
  router.add('POST', ':resourceType/$validate', handler);
  router.add('POST', ':resourceType/:id/$validate', handler);
  router.add('GET', ':resourceType/:id/$validate', handler);
}

/** The resource itself, or Parameters with `resource`, `mode` and `profile`; the latter two may stand in the address too. */
function askedIn({ body, query }: FhirRequest): Asked {
  const inAddress = (name: string) => [query?.[name] ?? []].flat();
  const sent = body as Resource | undefined;
  const given: Asked = { mode: inAddress('mode')[0], profiles: inAddress('profile') };
  if (sent?.resourceType !== 'Parameters') return { ...given, resource: sent };
  const parameters = ((sent as Parameters).parameter ?? []).filter(each => typeof each === 'object' && each !== null);
  const named = (name: string) => parameters.filter(parameter => parameter.name === name);
  const wrapped = named('resource')[0]?.resource as Resource | undefined;
  return {
    resource: wrapped,
    mode: named('mode')[0]?.valueCode ?? given.mode,
    profiles: [...given.profiles, ...named('profile').flatMap(({ valueUri, valueCanonical }) => valueUri ?? valueCanonical ?? [])],
  };
}

/** An OperationOutcome with an issue for each finding: place, rule, and words in both languages. */
export function outcomeOf(findings: Finding[], none = { ja: '問題はありません。', en: 'No issues.' }): OperationOutcome {
  const issue = findings.map(
    ({ severity, code, path, rule, profile, text }): OperationOutcomeIssue => ({
      ...{ severity, code },
      extension: [{ url: ISSUE_SOURCE, valueString: profile }],
      details: { coding: [{ system: 'urn:remote-care-hub:rule', code: rule }], text: rule === text.en ? text.en : `${rule}: ${text.en}` },
      diagnostics: `${text.ja} / ${text.en}`,
      ...(path ? { expression: [path] } : {}),
    }),
  );
  const fine: OperationOutcomeIssue = { severity: 'information', code: 'informational', details: { text: `${none.ja} / ${none.en}` } };
  return { resourceType: 'OperationOutcome', issue: issue.some(({ severity }) => severity === 'error') ? issue : [fine, ...issue] };
}

const remark = (code: Finding['code'], path: string, text: Finding['text']): Finding => ({
  ...{ severity: 'error', code, path, text },
  rule: `$validate ${path}`,
  profile: 'http://hl7.org/fhir/OperationDefinition/Resource-validate',
});

const refused = (parameter: string, what: { ja: string; en: string }) =>
  outcomeError(
    new Problem(400, 'validate-invalid', {
      ja: `${parameter} を直してください: ${what.ja}`,
      en: `The parameter ${parameter} cannot be used: ${what.en}`,
    }),
  );
