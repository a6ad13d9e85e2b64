// Extensions wherever they stand: held to the definition that their address names, and to where that definition lets them stand.
import { tryGetDataType } from '@medplum/core';
import { type Finding, WORDS } from './findings.ts';
import { inspector, type Tools } from './inspect.ts';
import type { Scope } from './references.ts';
import type { Schema } from './schema.ts';
import { isObject, typeOfSuffix } from './values.ts';

/** Where an extension stands: the paths and types by which a definition's context may name it (R4 defining-extensions.html#context). */
interface Standing {
  names: string[];
  type: string;
}

/** Holds each extension of a resource whose definition is known to it; extensions of resources inside it are left to those. */
export function extensionsOf(tools: Tools, scope: Scope, path: string, within: string | undefined): Finding[] {
  const inspection = inspector(tools);
  const findings: Finding[] = [];
  const type = scope.resource.resourceType;
  visit(scope.resource as unknown as Record<string, unknown>, path, { names: [type], type });
  return [...findings, ...inspection.findings];

  function visit(object: Record<string, unknown>, at: string, standing: Standing) {
    for (const [property, value] of Object.entries(object)) {
      if (property === 'resourceType' || property === 'contained' || typeof value !== 'object' || value === null) continue;
      const name = property.startsWith('_') ? property.slice(1) : property;
      for (const [index, item] of (Array.isArray(value) ? value : [value]).entries()) {
        if (!isObject(item) || (typeof item.resourceType === 'string' && standing.type !== 'Reference')) continue;
        const place = `${at}.${name}${Array.isArray(value) ? `[${index}]` : ''}`;
        if (name === 'extension' || name === 'modifierExtension') extension(item, place, standing);
        // Parts of a complex extension are for its definition to judge.
        else visit(item, place, standingOf(standing, name));
      }
    }
  }

  function extension(value: Record<string, unknown>, at: string, standing: Standing) {
    const known = typeof value.url === 'string' ? tools.schemas.named(value.url, within).filter(each => each.type === 'Extension') : [];
    const schema = inspection.hold(value, known, at, scope);
    if (!schema) return;
    const allowed = schema.contexts.filter(context => context.type === 'element').map(({ expression }) => expression);
    if (!schema.contexts.length || allowed.length < schema.contexts.length || allowed.some(each => standing.names.includes(each))) return;
    findings.push({
      severity: 'error',
      code: 'extension',
      path: at,
      rule: 'StructureDefinition.context',
      profile: nameOf(schema),
      text: WORDS.context(allowed),
    });
  }
}

const nameOf = ({ url, version }: Schema) => (version ? `${url}|${version}` : url);

/** Names of a child: by its path from the resource, by its path from the nearest data type, and by its own type. */
function standingOf({ names, type }: Standing, property: string): Standing {
  const elements = tryGetDataType(type)?.elements ?? {};
  const choice = Object.keys(elements).find(each => each.endsWith('[x]') && property.startsWith(each.slice(0, -3)));
  const element = elements[property] ?? (choice ? elements[choice] : undefined);
  const named = elements[property] || !choice ? property : choice;
  const inner = elements[property] || !choice ? (element?.type[0]?.code ?? '') : typeOfSuffix(property.slice(choice.length - 3));
  return {
    names: [...names.filter(name => name !== 'Element' && name !== 'Resource').map(name => `${name}.${named}`), inner, 'Element'],
    type: inner,
  };
}
