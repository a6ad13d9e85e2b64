// What /fhir/R4 can do, as a CapabilityStatement that is made from the same tables the server works by.
import type { CapabilityStatement } from '@medplum/fhirtypes';
import { type Definitions, RESOURCE_TYPES } from './definitions.ts';

const INTERACTIONS = ['read', 'vread', 'update', 'patch', 'delete', 'history-instance', 'create', 'search-type'] as const;

export function capabilityStatement(definitions: Definitions, url: string, date: Date): CapabilityStatement {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    kind: 'instance',
    date: date.toISOString(),
    fhirVersion: '4.0.1',
    format: ['json', 'application/fhir+json'],
    patchFormat: ['application/json-patch+json'],
    software: { name: 'Remote Care Hub' },
    implementation: { description: 'Remote Care Hub', url },
    rest: [
      {
        mode: 'server',
        security: {
          cors: false,
          description: 'Signed-in people only. Role, relation to the patient and the patient’s consent decide; every access is audited.',
        },
        resource: RESOURCE_TYPES.map(type => ({
          type,
          interaction: INTERACTIONS.map(code => ({ code })),
          versioning: 'versioned',
          readHistory: true,
          updateCreate: false,
          conditionalCreate: true,
          conditionalUpdate: true,
          conditionalDelete: 'single',
          searchInclude: [...definitions.parameters(type)]
            .filter(([, { type: kind }]) => kind === 'reference')
            .map(([code]) => `${type}:${code}`),
          searchParam: [...definitions.parameters(type)].map(([name, parameter]) => ({
            name,
            definition: parameter.url,
            type: parameter.type,
          })),
        })),
        interaction: [{ code: 'transaction' }, { code: 'batch' }],
      },
    ],
  };
}
