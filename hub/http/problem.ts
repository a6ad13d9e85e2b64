// The one error that is meant for people: what happened and what to do, in Japanese and English, with a status and a code.
import type { ContentfulStatusCode } from 'hono/utils/http-status';

export interface Text {
  ja: string;
  en: string;
}

/** One fault among several: where, what is wrong, and for a check by rules which rule, with words for it in Japanese. */
export interface ProblemDetail {
  path: string;
  message: string;
  rule?: string;
  ja?: string;
}

/** Body of every refused request: `{ error: { code, ja, en, details? } }`. */
export interface ProblemBody {
  error: Text & { code: string; details?: ProblemDetail[] };
}

/**
 * An error whose words may be shown to the person who caused it.
 * @example throw new Problem(404, 'encounter-unknown', { ja: 'この診察は見つかりません。', en: 'There is no such consultation.' });
 */
export class Problem extends Error {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly text: Text;
  readonly details?: ProblemDetail[];

  constructor(status: ContentfulStatusCode, code: string, text: Text, options: { cause?: unknown; details?: ProblemDetail[] } = {}) {
    super(`${code}: ${text.en}`, { cause: options.cause });
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.text = text;
    this.details = options.details;
  }

  body(): ProblemBody {
    return { error: { code: this.code, ...this.text, ...(this.details ? { details: this.details } : {}) } };
  }
}

export const notSignedIn = () => new Problem(401, 'not-signed-in', { ja: 'もう一度サインインしてください。', en: 'Please sign in again.' });
export const notAllowed = (cause?: unknown) =>
  new Problem(
    403,
    'not-allowed',
    {
      ja: 'この情報を見る、または変える権限がありません。施設の管理者にきいてください。',
      en: 'You have no right to see or change this. Ask the manager of your facility.',
    },
    { cause },
  );
export const notFound = () => new Problem(404, 'not-found', { ja: '見つかりません。', en: 'There is no such thing.' });

/** PostgreSQL: untranslatable character, character not in repertoire, invalid text representation (a NUL, half a surrogate pair). */
const UNSTORABLE = new Set(['22P05', '22021', '22P02']);

/** The Problem in an error: itself, or that the database can never take such text; undefined for all else. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (!(error instanceof Error) || !UNSTORABLE.has((error as { code?: string }).code ?? '')) return undefined;
  return new Problem(
    422,
    'text-unstorable',
    { ja: '使えない文字がふくまれています。', en: 'The text holds characters that cannot be stored.' },
    { cause: error },
  );
}
