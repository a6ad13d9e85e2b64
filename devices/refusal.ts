// Why a pack or a reading is not taken: a short reason for machines and words for the maker, in Japanese and English.

/** The same words in both languages of the hub. */
export interface Text {
  ja: string;
  en: string;
}

export type RefusalReason =
  | 'topic-unknown'
  | 'packet-too-large'
  | 'not-senml'
  | 'unit-wrong'
  | 'quantity-unknown'
  | 'out-of-range'
  | 'time-implausible'
  | 'not-assigned'
  | 'profile-unknown'
  | 'rate-exceeded'
  | 'csr-refused';

/** One reading that is not taken; the others of its pack may be. */
export interface Refusal {
  reason: RefusalReason;
  text: Text;
  quantity?: string;
}

/** A whole pack that is not taken. `path` names the place in the pack, e.g. `[3].v`; empty for the pack itself. */
export class PackRefusal extends Error {
  readonly reason: RefusalReason;
  readonly text: Text;
  readonly path: string;

  constructor(reason: RefusalReason, text: Text, path = '', options: { cause?: unknown } = {}) {
    super(`${reason}${path && ` at ${path}`}: ${text.en}`, options);
    this.name = 'PackRefusal';
    this.reason = reason;
    this.text = text;
    this.path = path;
  }
}
