// Reads GET /health/ready: each part of the hub by name, with its backend. A hub that is not ready answers 503 with the same body.
import { ApiError } from '../../shared/api.ts';
import type { Text } from '../../shared/hub.ts';

export interface Part {
  name: string;
  ready: boolean;
  backend: string;
  /** What else it says, in one line. */
  detail: string;
}

export const partName: Record<string, Text> = {
  database: { ja: 'データベース', en: 'Database' },
  samples: { ja: '測定値の保存', en: 'Samples' },
  broker: { ja: '機器の受付 (MQTT)', en: 'Broker (MQTT)' },
  media: { ja: '映像と音声', en: 'Media workers' },
  mediaWorkers: { ja: '映像と音声', en: 'Media workers' },
  modelBackend: { ja: '予測モデル', en: 'Model backend' },
  model: { ja: '予測', en: 'Prediction' },
  ingest: { ja: '受け取り', en: 'Ingest' },
  predict: { ja: '予測', en: 'Prediction' },
  care: { ja: '診察とページ', en: 'Care' },
};

/** @throws ApiError when the hub cannot be reached or says nothing readable */
export async function readiness(signal?: AbortSignal): Promise<Part[]> {
  const unreadable = { ja: 'システムの状態を読めませんでした。', en: 'The state of the system could not be read.' };
  let answer: unknown;
  let status = 0;
  try {
    const response = await fetch('/health/ready', { signal });
    status = response.status;
    answer = await response.json();
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(status, 'unreadable', unreadable, [], cause);
  }
  const parts = readParts(answer);
  if (parts.length === 0) throw new ApiError(status === 200 ? 500 : status, 'unreadable', unreadable);
  return parts;
}

/** Parts as a list or keyed by name; a part is ready by `ok`, `ready`, or a status of `ok`/`ready`/`up`. */
export function readParts(answer: unknown): Part[] {
  const parts = (answer as { parts?: unknown } | null)?.parts;
  if (Array.isArray(parts)) return parts.map(part => readPart(String((part as { name?: unknown } | null)?.name ?? ''), part));
  if (typeof parts === 'object' && parts !== null) return Object.entries(parts).map(([name, part]) => readPart(name, part));
  return [];
}

function readPart(name: string, part: unknown): Part {
  if (typeof part === 'boolean') return { name, ready: part, backend: '', detail: '' };
  if (typeof part !== 'object' || part === null) return { name, ready: part === 'ok', backend: String(part ?? ''), detail: '' };
  const { name: _, ok, ready, status, state, backend, ...rest } = part as Record<string, unknown>;
  const word = status ?? state;
  const isReady =
    typeof ok === 'boolean' ? ok : typeof ready === 'boolean' ? ready : ['ok', 'ready', 'up', 'online'].includes(String(word));
  const detail = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== '')
    .map(([key, value]) => `${key}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
    .join('  ');
  return { name, ready: isReady, backend: typeof backend === 'string' ? backend : '', detail };
}
