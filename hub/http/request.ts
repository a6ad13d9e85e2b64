// Reading a request: its body through a zod schema, the ids in it, its peer's address.
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { z } from 'zod';
import { Problem } from './problem.ts';

/** The id of a record in a path, a query or a body: of a patient, a facility, a practitioner (FHIR R4 section 2.24.0.1, type id). */
export const resourceId = z.string().regex(/^[A-Za-z0-9.-]{1,64}$/);

/**
 * The request's JSON body as the schema says; an empty body counts as `{}`.
 * @throws Problem 400 (not JSON) or 422 with the path of each wrong field.
 */
export async function readBody<T extends z.ZodType>(context: Context, schema: T): Promise<z.infer<T>> {
  const text = await context.req.text();
  let body: unknown;
  try {
    body = text === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new Problem(400, 'not-json', { ja: '送られた内容が JSON ではありません。', en: 'The body is not JSON.' }, { cause });
  }
  return checked(schema, body);
}

/** A value as the schema says. @throws Problem 422 with the path of each wrong field. */
export function checked<T extends z.ZodType>(schema: T, value: unknown): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Problem(
    422,
    'invalid',
    { ja: '送られた内容に、正しくないところがあります。', en: 'Some of what was sent is not right.' },
    { details: parsed.error.issues.map(issue => ({ path: issue.path.join('.'), message: issue.message })) },
  );
}

/** The client's address as the connection knows it. */
export function peerOf(context: Context): string {
  try {
    return getConnInfo(context).remote.address ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
