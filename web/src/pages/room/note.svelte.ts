// The consultation note while it is written: saved by itself, never over somebody else's newer version.
import { ApiError, api, asProblem } from '../../shared/api.ts';
import type { NoteView } from '../../shared/hub.ts';

export const PARTS = ['subjective', 'objective', 'assessment', 'plan'] as const;
export type Part = (typeof PARTS)[number];
type Words = Record<Part, string> & { to: string | null };

/** After so many ms without a key the draft is saved. */
const SAVE_AFTER = 1200;
/** After a failed save the next one, ms. */
const RETRY_AFTER = 5000;
/** While a signed document is under way, its state is asked for again, ms. */
const LOOK_AGAIN = 4000;

export class Note {
  /** What the editor shows. */
  words = $state<Words>({ subjective: '', objective: '', assessment: '', plan: '', to: null });
  /** As last known from the hub; null before it was loaded. */
  stored = $state.raw<NoteView | null>(null);
  state = $state<'loading' | 'saved' | 'changed' | 'saving' | 'not-saved' | 'conflict' | 'failed'>('loading');
  savedAt = $state<number | null>(null);
  problem = $state.raw<ApiError | null>(null);
  readonly #path: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> | undefined;

  constructor(encounter: string) {
    this.#path = `/api/consult/encounters/${encounter}/note`;
  }

  get signed(): boolean {
    return this.stored?.status === 'signed';
  }
  get empty(): boolean {
    return PARTS.every(part => this.words[part].trim() === '');
  }

  async load(): Promise<void> {
    this.state = 'loading';
    this.problem = null;
    try {
      this.#take(await api.get<NoteView>(this.#path), true);
    } catch (error) {
      this.problem = asProblem(error);
      this.state = 'failed';
    }
  }

  /** The person wrote something. */
  changed(): void {
    if (this.state === 'conflict' || this.signed) return;
    this.state = 'changed';
    this.#later(SAVE_AFTER);
  }

  /** Saves now what is not saved yet. */
  async save(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#saving;
    if (this.state !== 'changed' && this.state !== 'not-saved') return;
    this.#saving = this.#put();
    await this.#saving;
  }

  /** In a conflict: throws away the own words, or keeps them over the newer version. */
  async settle(keep: 'mine' | 'theirs'): Promise<void> {
    try {
      const theirs = await api.get<NoteView>(this.#path);
      this.#take(theirs, keep === 'theirs');
      if (keep === 'mine') {
        this.state = 'changed';
        await this.save();
      }
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  /** 確定. @throws ApiError */
  async sign(): Promise<void> {
    await this.save();
    if (this.state !== 'saved') throw this.problem ?? new ApiError(0, 'not-saved', NOT_SAVED);
    this.#take(await api.post<NoteView>(`${this.#path}/sign`, { version: this.stored?.version ?? 0 }), true);
  }

  close(): void {
    clearTimeout(this.#timer);
    void this.save();
  }

  async #put(): Promise<void> {
    const sent = { ...this.words, version: this.stored?.version ?? 0 };
    this.state = 'saving';
    try {
      const stored = await api.put<NoteView>(this.#path, sent);
      this.stored = stored;
      this.savedAt = Date.now();
      this.problem = null;
      const more = [...PARTS, 'to' as const].some(part => this.words[part] !== sent[part]);
      this.state = more ? 'changed' : 'saved';
      if (more) this.#later(SAVE_AFTER);
    } catch (error) {
      this.problem = asProblem(error);
      this.state = this.problem.status === 409 ? 'conflict' : 'not-saved';
      if (this.problem.passing) this.#later(RETRY_AFTER);
    }
  }

  #take(note: NoteView, overwrite: boolean): void {
    this.stored = note;
    if (overwrite) {
      const { subjective, objective, assessment, plan, to } = note;
      this.words = { subjective, objective, assessment, plan, to };
      this.state = 'saved';
    }
    this.problem = null;
    if (note.status === 'signed' && note.document?.delivery === 'waiting') {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#look(), LOOK_AGAIN);
    }
  }

  async #look(): Promise<void> {
    try {
      this.#take(await api.get<NoteView>(this.#path), true);
    } catch {
      this.#timer = setTimeout(() => void this.#look(), LOOK_AGAIN);
    }
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(), ms);
  }
}

const NOT_SAVED = {
  ja: '記録がまだ保存されていません。少し待って、もう一度試してください。',
  en: 'The note is not saved yet. Wait a moment and try again.',
};
