// Reading a request: its body through a zod schema, the ids in it, its peer's address.
import { getConnInfo } from '@hono/node-server/conninfo';
import type { Context } from 'hono';
import { z } from 'zod';
import { parseJson } from './json.ts';
import { Problem } from './problem.ts';
import type { HubEnv } from './server-types.ts';

/** The id of a record in a path, a query or a body: of a patient, a facility, a practitioner (FHIR R4 section 2.24.0.1, type id). */
export const resourceId = z.string().regex(/^[A-Za-z0-9.-]{1,64}$/);

/**
 * The request's JSON body as the schema says; an empty body counts as `{}`.
 * @throws Problem 400 (not JSON), 422 (nested too deep) or 422 with the path of each wrong field.
 */
export async function readBody<T extends z.ZodType>(context: Context, schema: T): Promise<z.infer<T>> {
  const text = await context.req.text();
  return checked(schema, text === '' ? {} : parseJson(text));
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

/**
 * The client's address as the connection knows it. Behind a proxy of the hub's own (`proxied`), the last address that the proxy added to
 * X-Forwarded-For: what stands before it the client itself may have written.
 */
export function peerOf(context: Context<HubEnv>): string {
  const forwarded = context.var.proxied ? context.req.header('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined;
  if (forwarded) return forwarded;
  try {
    return getConnInfo(context).remote.address ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
