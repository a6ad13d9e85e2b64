// Required bindings: whether what stands at an element is one of the codes it must have (R4 terminologies.html#required).
import type { ValueSets } from './codes.ts';
import { type Finding, WORDS } from './findings.ts';
import type { Element, Schema } from './schema.ts';
import { isObject } from './values.ts';

export interface Code {
  code: string;
  /** Absent for elements that hold a code alone; '' for a Coding without system. */
  system?: string;
}

/** The codes in a code, Coding, CodeableConcept or Quantity. */
export function codingsOf(value: unknown): Code[] {
  if (typeof value === 'string') return [{ code: value }];
  if (!isObject(value)) return [];
  if (Array.isArray(value.coding)) return value.coding.flatMap(codingsOf);
  return typeof value.code === 'string' ? [{ code: value.code, system: typeof value.system === 'string' ? value.system : '' }] : [];
}

/** What is wrong with a value at an element with a required binding. */
export function bindingFindings(
  valueSets: ValueSets,
  { id, binding }: Element,
  value: unknown,
  path: string,
  schema: Schema,
): (Omit<Finding, 'profile' | 'severity'> & { severity?: Finding['severity'] })[] {
  if (binding?.strength !== 'required' || !binding.valueSet || value === undefined) return [];
  const rule = `${id} binding ${binding.valueSet}`;
  const codes = codingsOf(value);
  // R4's own check of its codes knows what may stand in for a missing code; a profile that asks for one means one.
  if (!codes.length) return [{ code: 'code-invalid', path, rule, text: WORDS.bindingMissing(binding.valueSet) }];
  const answers = codes.map(({ code, system }) => valueSets.holds(binding.valueSet!, code, system, schema.package));
  if (answers.includes('in')) return [];
  if (answers.includes('unknown'))
    return [{ severity: 'information', code: 'not-supported', path, rule, text: WORDS.bindingUnknown(binding.valueSet) }];
  const named = codes.map(({ code, system }) => (system ? `${system}|${code}` : code)).join(', ');
  return [{ code: 'code-invalid', path, rule, text: WORDS.binding(named, binding.valueSet) }];
}
