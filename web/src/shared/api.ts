// The hub's HTTP interface from a page: JSON in and out, and one kind of error whose words may be shown.
import type { OperationOutcome } from '@medplum/fhirtypes';
import type { ProblemBody, Text } from './hub.ts';

/** A request that did not work, with words for the person. `status` 0: the hub could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly text: Text;
  readonly details: { path: string; message: string }[];

  constructor(status: number, code: string, text: Text, details: { path: string; message: string }[] = [], cause?: unknown) {
    super(`${code}: ${text.en}`, { cause });
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.text = text;
    this.details = details;
  }

  /** Trying again later may help: no connection, or the hub is starting, overloaded or broken. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const unreachable: Text = {
  ja: 'つながりませんでした。ネットワークを確かめてください。',
  en: 'No connection. Please check the network.',
};
const broken: Text = {
  ja: 'システムで問題が起きました。少し待って、もう一度試してください。',
  en: 'Something went wrong in the system. Wait a moment and try again.',
};

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/**
 * Sends a request to the hub.
 * @param path begins with `/`, e.g. `/api/session`
 * @throws ApiError
 */
export async function request<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      signal,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': body instanceof Blob ? 'application/octet-stream' : 'application/json' }),
      },
      body: body === undefined || body instanceof Blob ? (body as Blob | undefined) : JSON.stringify(body),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, 'offline', unreachable, [], cause);
  }
  const text = await response.text();
  const answer: unknown = text === '' ? null : parse(text);
  if (response.ok) return answer as T;
  throw readProblem(response.status, answer);
}

/** The words of a refused answer; those of the hub when it gave some. Shared with socket acknowledgements. */
export function readProblem(status: number, answer: unknown): ApiError {
  const outcome = answer as Partial<OperationOutcome> | null;
  if (outcome?.resourceType === 'OperationOutcome') return readOutcome(status, outcome);
  const error = (answer as Partial<ProblemBody> | null)?.error;
  if (error?.ja && error.en) return new ApiError(status, error.code, { ja: error.ja, en: error.en }, error.details);
  return new ApiError(status, 'broken', broken);
}

/** The hub's OperationOutcome: `diagnostics` carries both languages, `expression` the path of each fault. */
function readOutcome(status: number, { issue = [] }: Partial<OperationOutcome>): ApiError {
  const [first] = issue;
  const [ja = '', en = ''] = (first?.diagnostics ?? '').split(' / ');
  const code = first?.details?.coding?.[0]?.code ?? first?.code ?? 'broken';
  const details = issue.map(({ expression, details }) => ({ path: expression?.[0] ?? '', message: details?.text ?? '' }));
  if (ja && en) return new ApiError(status, code, { ja, en }, details);
  // Refusals before the record was asked (not signed in): Japanese in `details`, English in `diagnostics`.
  const text = first?.details?.text;
  return text && ja ? new ApiError(status, code, { ja: text, en: ja }, details) : new ApiError(status, 'broken', broken, details);
}

/** Any thrown thing as an ApiError, so that a page always has words. */
export const asProblem = (error: unknown): ApiError => (error instanceof ApiError ? error : new ApiError(500, 'broken', broken, [], error));

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const api = {
  get: <T>(path: string, signal?: AbortSignal) => request<T>('GET', path, undefined, signal),
  post: <T = unknown>(path: string, body: unknown = {}) => request<T>('POST', path, body),
  put: <T = unknown>(path: string, body: unknown) => request<T>('PUT', path, body),
  /** A file or a part of one. */
  putBytes: <T = unknown>(path: string, body: Blob) => request<T>('PUT', path, body),
  delete: <T = unknown>(path: string) => request<T>('DELETE', path),
};
