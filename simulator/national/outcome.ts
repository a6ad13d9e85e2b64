// How the platform says no: a FHIR OperationOutcome with one issue per fault, each with its place in the bundle.

export interface Fault {
  /** FHIRPath-like place, e.g. `Bundle.entry[0].resource.section`. */
  path: string;
  code: 'structure' | 'required' | 'value' | 'not-found' | 'duplicate' | 'conflict' | 'invalid' | 'too-long';
  reason: string;
}

export const operationOutcome = (faults: Fault[]) => ({
  resourceType: 'OperationOutcome',
  issue: faults.map(({ path, code, reason }) => ({
    severity: 'error',
    code,
    details: { text: reason },
    ...(path ? { expression: [path] } : {}),
  })),
});
