// FHIR R4 validation of what comes in, with the path of every fault.
import { OperationOutcomeError, type TypedValueWithPath, validateResource } from '@medplum/core';
import type { OperationOutcomeIssue, Resource, ResourceType } from '@medplum/fhirtypes';
import { Problem } from '../http/problem.ts';
import type { Definitions } from './definitions.ts';

/** The most attachments or binaries may hold as base64, in bytes. */
const BASE64_BYTES = 8 * 1024 * 1024;

export const invalidResource = (details: { path: string; message: string }[], cause?: unknown) =>
  new Problem(
    422,
    'resource-invalid',
    {
      ja: `入力された記録が FHIR R4 の形になっていません。${details[0]?.path ?? ''}`,
      en: `This is not valid FHIR R4: ${details.map(detail => `${detail.path} ${detail.message}`).join('; ')}`,
    },
    { cause, details },
  );

/**
 * Checks structure, types, cardinality, invariants and required codes of a resource and all resources in it.
 * @throws Problem 422 with a path for each fault.
 */
export function validate(definitions: Definitions, resource: Resource): void {
  if (typeof resource !== 'object' || resource === null || Array.isArray(resource))
    throw invalidResource([{ path: '', message: 'a resource is a JSON object' }]);
  const type: unknown = resource.resourceType;
  if (typeof type !== 'string') throw invalidResource([{ path: 'resourceType', message: 'Missing required property' }]);
  if (!definitions.kept(type)) throw invalidResource([{ path: 'resourceType', message: `resources of type ${type} are not kept here` }]);
  definitions.load(typesIn(resource));
  const tokens: Record<string, TypedValueWithPath[]> = {};
  try {
    validateResource(resource, { base64BinaryMaxBytes: BASE64_BYTES, collect: { tokens } });
  } catch (cause) {
    if (cause instanceof OperationOutcomeError) throw invalidResource(cause.outcome.issue.filter(isError).map(detailOf), cause);
    throw invalidResource([{ path: type, message: (cause as Error).message }], cause);
  }
  const foreign = Object.entries(tokens).flatMap(([valueSet, values]) =>
    values
      .filter(({ value }) => !definitions.terminology.allows(valueSet, value))
      .map(({ path }) => ({ path, message: `is not in ${valueSet.split('|')[0]}` })),
  );
  if (foreign.length) throw invalidResource(foreign);
}

const isError = (issue: OperationOutcomeIssue) => issue.severity === 'error' || issue.severity === 'fatal';
const detailOf = (issue: OperationOutcomeIssue) => ({
  path: issue.expression?.[0] ?? '',
  message: issue.details?.text ?? issue.diagnostics ?? issue.code,
});

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
