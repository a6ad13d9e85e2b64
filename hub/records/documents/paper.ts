// Paper for a document: lines of Japanese text and tables on A4 pages that break well, with the structure that a screen reader follows (tagged PDF).
import PDFDocument from 'pdfkit';
import { fontPart, GETA, partFor } from './fonts.ts';
import { linesOf } from './lines.ts';

const PAGE = { width: 595.28, height: 841.89 };
const MARGIN = 51;
/** Where words begin and end; above and below stand the running head and the page number. */
const TOP = 84;
const BOTTOM = PAGE.height - 72;
const WIDTH = PAGE.width - 2 * MARGIN;
const LINE = 1.55;
const CELL = 5;
const INK = '#1c2024';
const SOFT = '#5c6167';
const RULE = '#c9c5bc';

interface Run {
  part: string;
  text: string;
}

export interface PaperOptions {
  title: string;
  /** All three stand on every page. */
  head: { left: string; right: string; below: string };
  foot: string;
  /** Stands in the file as the time it was made: the same document gives the same bytes. */
  made: Date;
}

/** A pen on paper. Sizes in points. */
export class Paper {
  readonly #document: PDFKit.PDFDocument;
  readonly #options: PaperOptions;
  readonly #root: PDFKit.PDFStructureElement;
  readonly #chunks: Buffer[] = [];
  readonly #widths = new Map<string, number>();
  readonly #registered = new Set<string>();
  /** A character was written that the font does not have. */
  missing = false;
  #y = TOP;

  constructor(options: PaperOptions) {
    this.#options = options;
    this.#document = new PDFDocument({
      size: 'A4',
      margin: 0,
      lang: 'ja-JP',
      tagged: true,
      displayTitle: true,
      pdfVersion: '1.7',
      bufferPages: true,
      // No standard font: every character comes from what is embedded.
      font: null as unknown as string,
      info: {
        Title: options.title,
        CreationDate: options.made,
        ModDate: options.made,
        Producer: 'remote-care-hub',
        Creator: 'remote-care-hub',
      },
    });
    this.#document.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
    this.#root = this.#document.struct('Document', { lang: 'ja-JP' });
    this.#document.addStructure(this.#root);
  }

  /** A heading of level 1 to 3; it does not stay alone at the foot of a page. */
  heading(level: 1 | 2 | 3, text: string): void {
    const size = [18, 13, 11.5][level - 1]!;
    this.#y += level === 1 ? 0 : 8;
    this.#structured(`H${level}`, () => {
      this.#room(size * LINE + 3 * 10.5 * LINE);
      for (const line of this.#lines(text, WIDTH, size)) this.#line(line, MARGIN, size, INK);
      if (level === 2) {
        const y = this.#y;
        this.#artifact(() =>
          this.#document
            .moveTo(MARGIN, y)
            .lineTo(MARGIN + WIDTH, y)
            .lineWidth(0.6)
            .stroke(RULE),
        );
        this.#y += 4;
      }
    });
  }

  paragraph(text: string, { size = 10.5, soft = false }: { size?: number; soft?: boolean } = {}): void {
    this.#structured('P', () => {
      for (const line of this.#lines(text, WIDTH, size)) this.#line(line, MARGIN, size, soft ? SOFT : INK);
    });
    this.#y += 4;
  }

  /** A table with a head; rows stay whole where they fit on a page. `shares` are the columns' widths in parts. */
  table(head: string[], rows: string[][], shares?: number[]): void {
    const columns = Math.max(head.length, ...rows.map(row => row.length), 1);
    const parts = shares ?? Array.from({ length: columns }, () => 1);
    const whole = parts.reduce((sum, part) => sum + part, 0);
    const widths = parts.map(part => (part / whole) * WIDTH);
    const element = this.#document.struct('Table');
    this.#root.add(element);
    if (head.length) this.#row(element, head, widths, 'TH');
    for (const row of rows) this.#row(element, row, widths, 'TD');
    element.end();
    this.#y += 8;
  }

  #row(table: PDFKit.PDFStructureElement, cells: string[], widths: number[], tag: 'TH' | 'TD'): void {
    const size = 9.5;
    const lines = widths.map((width, index) => this.#lines(cells[index] ?? '', width - 2 * CELL, size));
    const height = Math.max(...lines.map(each => each.length)) * size * LINE + 2 * CELL;
    const row = this.#document.struct('TR');
    table.add(row);
    const cell = (draw: () => void) => row.add(this.#document.struct(tag, {}, draw));
    if (height > BOTTOM - TOP) {
      // Longer than a page: the cells one below the other, so that nothing of them is lost.
      for (const text of cells)
        cell(() => {
          for (const line of this.#lines(text, WIDTH, size)) this.#line(line, MARGIN, size, INK);
        });
      row.end();
      return;
    }
    this.#room(height);
    const top = this.#y;
    let left = MARGIN;
    for (const [index, each] of lines.entries()) {
      this.#y = top + CELL;
      const x = left + CELL;
      cell(() => {
        for (const line of each) this.#line(line, x, size, tag === 'TH' ? SOFT : INK);
      });
      left += widths[index]!;
    }
    row.end();
    const bottom = top + height;
    this.#y = bottom;
    this.#artifact(() =>
      this.#document
        .moveTo(MARGIN, bottom)
        .lineTo(MARGIN + WIDTH, bottom)
        .lineWidth(0.4)
        .stroke(RULE),
    );
  }

  /** The file. Nothing can be written after. */
  async bytes(): Promise<Buffer> {
    this.#root.end();
    const { count } = this.#document.bufferedPageRange();
    for (let page = 0; page < count; page++) {
      this.#document.switchToPage(page);
      this.#artifact(() => this.#frame(page + 1, count));
    }
    const ended = new Promise<void>(resolve => this.#document.once('end', resolve));
    this.#document.end();
    await ended;
    return Buffer.concat(this.#chunks);
  }

  #frame(page: number, count: number): void {
    const { head, foot } = this.#options;
    const size = 8.5;
    this.#draw(this.#fitted(head.left, WIDTH * 0.8, size), MARGIN, 36, size, SOFT);
    this.#draw(this.#fitted(head.below, WIDTH, 7.5), MARGIN, 50, 7.5, SOFT);
    const right = this.#fitted(head.right, WIDTH * 0.18, size);
    this.#draw(right, MARGIN + WIDTH - this.#widthOf(right, size), 36, size, SOFT);
    this.#document
      .moveTo(MARGIN, 60)
      .lineTo(MARGIN + WIDTH, 60)
      .lineWidth(0.5)
      .stroke(RULE);
    const number = `${page} / ${count}`;
    this.#draw(this.#fitted(foot, WIDTH * 0.8, size), MARGIN, PAGE.height - 50, size, SOFT);
    this.#draw(number, MARGIN + WIDTH - this.#widthOf(number, size), PAGE.height - 50, size, SOFT);
  }

  #fitted(text: string, width: number, size: number): string {
    const [first = '', ...more] = this.#lines(text, width, size);
    return more.length ? `${[...first].slice(0, -1).join('')}…` : first;
  }

  #structured(tag: string, draw: () => void): void {
    const element = this.#document.struct(tag, {}, draw);
    this.#root.add(element);
    element.end();
  }

  #artifact(draw: () => void): void {
    this.#document.markContent('Artifact', { type: 'Layout' });
    draw();
    this.#document.endMarkedContent();
  }

  /** Goes to the next page when so much does not fit on this one. */
  #room(height: number): void {
    if (this.#y + height <= BOTTOM) return;
    this.#document.continueOnNewPage({ size: 'A4', margin: 0 });
    this.#y = TOP;
  }

  #line(text: string, x: number, size: number, color: string): void {
    this.#room(size * LINE);
    this.#draw(text, x, this.#y, size, color);
    this.#y += size * LINE;
  }

  #draw(text: string, x: number, y: number, size: number, color: string): void {
    let at = x;
    for (const { part, text: words } of this.#runs(text)) {
      this.#use(part).fontSize(size).fillColor(color).text(words, at, y, { lineBreak: false });
      at += this.#widthOf(words, size);
    }
  }

  #lines(text: string, width: number, size: number): string[] {
    return linesOf(text, width, words => this.#widthOf(words, size));
  }

  #widthOf(text: string, size: number): number {
    let width = 0;
    for (const character of text) width += this.#advance(character);
    return width * size;
  }

  #advance(character: string): number {
    const known = this.#widths.get(character);
    if (known !== undefined) return known;
    const [run] = this.#runs(character);
    const width = run ? this.#use(run.part).fontSize(1000).widthOfString(run.text) / 1000 : 0;
    this.#widths.set(character, width);
    return width;
  }

  /** Neighbouring characters that one part of the font has. */
  #runs(text: string): Run[] {
    const runs: Run[] = [];
    for (const character of text.normalize('NFC').replaceAll('μ', 'µ').replaceAll('\t', ' ')) {
      const part = partFor(character);
      if (!part) this.missing = true;
      const run = part ? { part, text: character } : { part: 'japanese', text: GETA };
      const last = runs.at(-1);
      if (last?.part === run.part) last.text += run.text;
      else runs.push(run);
    }
    return runs;
  }

  #use(part: string): PDFKit.PDFDocument {
    if (!this.#registered.has(part)) {
      this.#document.registerFont(part, fontPart(part));
      this.#registered.add(part);
    }
    return this.#document.font(part);
  }
}
