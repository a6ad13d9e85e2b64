// Errors as FHIR speaks of them: every refusal is an OperationOutcome with a code, words in both languages and, where known, the path.
import { OperationOutcomeError } from '@medplum/core';
import type { OperationOutcome, OperationOutcomeIssue } from '@medplum/fhirtypes';
import { Problem } from '../../http/problem.ts';

const CODES: Readonly<Record<number, OperationOutcomeIssue['code']>> = {
  400: 'invalid',
  401: 'login',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  410: 'deleted',
  412: 'multiple-matches',
  413: 'too-long',
  422: 'structure',
};

/** Where the status alone does not say it (R4 valueset-issue-type.html). */
const BY_CODE: Readonly<Record<string, OperationOutcomeIssue['code']>> = {
  'search-invalid': 'not-supported',
  'version-conflict': 'conflict',
};

/** Ids by which @medplum's router knows an outcome's status. */
const STATUS_IDS: Readonly<Record<number, string>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  410: 'gone',
  412: 'precondition-failed',
  413: 'content-too-large',
  422: 'business-rule',
};

/** The outcome of a Problem: one issue for each of its details. */
export function outcomeOf(problem: Problem): OperationOutcome {
  const code = BY_CODE[problem.code] ?? CODES[problem.status] ?? 'exception';
  const details = problem.details ?? [{ path: '', message: '' }];
  return {
    resourceType: 'OperationOutcome',
    ...(STATUS_IDS[problem.status] ? { id: STATUS_IDS[problem.status] } : {}),
    issue: details.map(({ path, message, rule, ja }) => ({
      severity: 'error',
      code,
      details: {
        coding: [
          { system: 'urn:remote-care-hub:problem', code: problem.code },
          ...(rule ? [{ system: 'urn:remote-care-hub:rule', code: rule }] : []),
        ],
        text: message || problem.text.en,
      },
      diagnostics: ja ? `${ja} / ${message}` : `${problem.text.ja} / ${problem.text.en}`,
      ...(path ? { expression: [path] } : {}),
    })),
  };
}

/** Wraps a Problem for the FHIR router; other errors stay as they are. */
export function outcomeError(error: unknown): unknown {
  return error instanceof Problem ? new OperationOutcomeError(outcomeOf(error), { cause: error }) : error;
}

/** The Problem an error of the FHIR router carries, if it does. */
export function problemIn(error: unknown): Problem | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (at instanceof Problem) return at;
  return undefined;
}
