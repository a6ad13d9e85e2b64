// What /fhir/R4 can do, as a CapabilityStatement that is made from the same tables the server works by.
import type { CapabilityStatement, CapabilityStatementRestResource } from '@medplum/fhirtypes';
import { AUDIT_CAPABILITY } from '../audit/audit-event.ts';
import { type Definitions, type KeptType, type Parameter, RESOURCE_TYPES } from '../definitions.ts';
import { MODIFIERS, ORDERED, PREFIXES } from '../search/search-request.ts';
import { INTERACTIONS, OPERATIONS } from './fhir-router.ts';

type TypeInteraction = NonNullable<CapabilityStatementRestResource['interaction']>[number]['code'];
const ofSystem = ['transaction', 'batch', 'search-system', 'history-system'] as const;
type SystemInteraction = (typeof ofSystem)[number];
const isSystem = (code: string): code is SystemInteraction => (ofSystem as readonly string[]).includes(code);

export function capabilityStatement(definitions: Definitions, url: string, date: Date): CapabilityStatement {
  const codes = [...new Set(INTERACTIONS.map(({ code }) => code))];
  const system = [...codes.filter(isSystem), 'batch' as const];
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
        documentation:
          'Prefer handling=strict makes an unknown search parameter an error; otherwise it is named in a warning of the answer. ' +
          'Pages are followed by the link next. Result parameters: _sort, _count, _total, _summary, _elements, _include, _revinclude (with :iterate), _type.',
        security: {
          cors: false,
          description: 'Signed-in people only. Role, relation to the patient and the patient’s consent decide; every access is audited.',
        },
        resource: [
          ...RESOURCE_TYPES.map(
            (type): CapabilityStatementRestResource => ({
              type,
              interaction: codes.filter(code => !isSystem(code)).map(code => ({ code: code as TypeInteraction })),
              versioning: 'versioned-update',
              readHistory: true,
              updateCreate: false,
              conditionalCreate: true,
              conditionalRead: 'full-support',
              conditionalUpdate: true,
              conditionalDelete: 'single',
              searchInclude: [`${type}:*`, ...references(definitions, type).map(([code]) => `${type}:${code}`)],
              searchRevInclude: pointingAt(definitions, type),
              searchParam: [...definitions.parameters(type)].map(([name, parameter]) => ({
                name,
                definition: parameter.url,
                type: parameter.type,
                documentation: takes(parameter),
              })),
              operation: [VALIDATE, ...OPERATIONS.filter(operation => operation.type === type)].map(({ name, definition }) => ({
                name,
                definition,
              })),
            }),
          ),
          AUDIT_CAPABILITY,
          SUBSCRIPTION,
        ],
        interaction: system.map(code => ({ code })),
        searchParam: [...definitions.parameters('Patient')]
          .filter(([name]) => name.startsWith('_'))
          .map(([name, { url: definition, type }]) => ({ name, definition, type })),
        compartment: ['http://hl7.org/fhir/CompartmentDefinition/patient'],
        operation: EXPORTS,
        extension: [{ url: WEBSOCKET, valueUri: `${url.replace(/^http/, 'ws')}/subscriptions` }],
      },
    ],
  };
}

/** Where a Subscription's websocket is (subscriptions/socket.ts). */
const WEBSOCKET = 'http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket';
/** Each subscriber's own (subscriptions/routes.ts); criteria is a search of one type, channels are rest-hook and websocket. */
const SUBSCRIPTION: CapabilityStatementRestResource = {
  type: 'Subscription',
  documentation: 'Of the own account only. channel.type rest-hook (https) or websocket; payload absent or application/fhir+json.',
  interaction: (['create', 'read', 'update', 'delete', 'search-type'] as const).map(code => ({ code })),
  versioning: 'versioned',
};

/** Bulk Data Access 2.0 (export/routes.ts). */
const EXPORTS = [
  {
    name: 'export',
    definition: 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export',
    documentation: 'GET or POST /$export: administrators, with the parameter purpose (HOPERAT or HRESCH). _type, _since; NDJSON.',
  },
  {
    name: 'export',
    definition: 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export',
    documentation: 'GET or POST /Patient/$export: a doctor the patients the doctor may export, administrators as above.',
  },
  {
    name: 'export',
    definition: 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export',
    documentation: 'GET or POST /Group/[id]/$export: the patients whom the Organization of that id treats; for its doctors.',
  },
];

/** On every type (validate-operation.ts). */
const VALIDATE = { name: 'validate', definition: 'http://hl7.org/fhir/OperationDefinition/Resource-validate' };

const references = (definitions: Definitions, type: KeptType) =>
  [...definitions.parameters(type)].filter(([, { type: kind }]) => kind === 'reference');

const pointingAt = (definitions: Definitions, type: KeptType): string[] =>
  RESOURCE_TYPES.flatMap(source =>
    references(definitions, source)
      .filter(([, { target }]) => target.includes(type))
      .map(([code]) => `${source}:${code}`),
  );

/** Modifiers and prefixes of a parameter, in words: R4 has no element for them. */
function takes({ code, type, target }: Parameter): string {
  const modifiers =
    code === '_id' || code === '_lastUpdated' ? [] : MODIFIERS[type].filter(name => name !== 'of-type' || code === 'identifier');
  return [
    modifiers.length &&
      `Modifiers: ${modifiers.map(name => `:${name}`).join(' ')}${type === 'reference' ? ` :[${target.join(' ')}]` : ''}.`,
    ORDERED.has(type) && `Prefixes: ${PREFIXES.join(' ')}.`,
  ]
    .filter(Boolean)
    .join(' ');
}
