// The words of a section: paragraphs and tables, to the XHTML that FHIR keeps and back from anybody's XHTML, so that no page shows foreign markup.
import sax from 'sax';
import type { Block } from './contract.ts';

const XHTML = 'http://www.w3.org/1999/xhtml';
/** Elements that begin a new paragraph. */
const BREAKING = new Set(['p', 'div', 'li', 'ul', 'ol', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'tr', 'table', 'dl', 'dt', 'dd', 'caption']);

/** Blocks as the XHTML `div` of a FHIR Narrative. */
export function xhtmlOf(blocks: Block[]): string {
  return `<div xmlns="${XHTML}">${blocks.map(inMarkup).join('')}</div>`;
}

function inMarkup(block: Block): string {
  if (block.kind === 'text') return `<p>${lines(block.text)}</p>`;
  const row = (cells: string[], tag: 'th' | 'td') => `<tr>${cells.map(cell => `<${tag}>${lines(cell)}</${tag}>`).join('')}</tr>`;
  const head = block.head.length ? `<thead>${row(block.head, 'th')}</thead>` : '';
  return `<table>${head}<tbody>${block.rows.map(cells => row(cells, 'td')).join('')}</tbody></table>`;
}

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const lines = (text: string) => escaped(text).replace(/\r?\n/g, '<br/>');

/** What a Narrative's `div` says, whoever wrote it: its text by paragraphs and its tables; all other markup is dropped. */
export function blocksOf(div: string | undefined): Block[] {
  const blocks: Block[] = [];
  let text = '';
  let table: { head: string[]; rows: string[][]; row: string[] | null; headed: boolean } | null = null;
  const flush = () => {
    const said = text
      .split('\n')
      .map(line => line.replace(/[ \t]+/g, ' ').trim())
      .join('\n')
      .trim();
    text = '';
    if (said) blocks.push({ kind: 'text', text: said });
  };
  // Not strict: what other systems wrote is read as far as it goes.
  const parser = sax.parser(false, { lowercase: true });
  parser.onerror = () => {
    parser.resume();
  };
  parser.ontext = said => {
    text += said.replace(/[\r\n]+/g, ' ');
  };
  parser.onopentag = ({ name }) => {
    if (name === 'br') text += '\n';
    else if (name === 'table') {
      flush();
      table = { head: [], rows: [], row: null, headed: false };
    } else if (table && name === 'tr') {
      table.row = [];
      table.headed = false;
      text = '';
    } else if (table && (name === 'td' || name === 'th')) {
      text = '';
      if (name === 'th') table.headed = true;
    } else if (!table && BREAKING.has(name)) flush();
  };
  parser.onclosetag = name => {
    if (!table) {
      if (BREAKING.has(name)) flush();
      return;
    }
    if (name === 'td' || name === 'th') {
      table.row?.push(text.trim());
      text = '';
    } else if (name === 'tr' && table.row) {
      if (table.headed && !table.head.length && !table.rows.length) table.head = table.row;
      else table.rows.push(table.row);
      table.row = null;
    } else if (name === 'table') {
      if (table.head.length || table.rows.length) blocks.push({ kind: 'table', head: table.head, rows: table.rows });
      table = null;
      text = '';
    }
  };
  parser.write(div ?? '').close();
  flush();
  return blocks;
}
