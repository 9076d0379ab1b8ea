const SEGMENTS = new Intl.Segmenter('en', { granularity: 'grapheme' });
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]+$/u;
/** East Asian wide and full-width ranges and emoji shown as pictures (Unicode Standard Annex 11, abridged). */
const WIDE = new RegExp('[\\u1100-\\u115f\\u2e80-\\u303e\\u3041-\\u33ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\ua000-\\ua4cf\\uac00-\\ud7a3'
  + '\\uf900-\\ufaff\\ufe30-\\ufe4f\\uff00-\\uff60\\uffe0-\\uffe6\\u{20000}-\\u{3fffd}]|\\p{Emoji_Presentation}|\\ufe0f', 'u');

function cellWidth(grapheme: string): number {
  if (ZERO_WIDTH.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

/** How many columns of a terminal `text` takes. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e\u00a0-\u02ff]*$/.test(text)) return text.length; // Latin, by far the most
  let width = 0;
  for (const { segment } of SEGMENTS.segment(text)) width += cellWidth(segment);
  return width;
}

/** `text` filled with spaces up to `width` columns; longer text stays whole. */
export function padTo(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)));
}

/** The first `width` columns of `text`, ended by `…` when something was cut. */
export function truncate(text: string, width: number): string {
  if (text.length * 2 <= width || displayWidth(text) <= width) return text;
  let result = '';
  let used = 0;
  for (const { segment } of SEGMENTS.segment(text)) {
    const step = cellWidth(segment);
    if (used + step > width - 1) break;
    result += segment;
    used += step;
  }
  return `${result}…`;
}

/** `text` in lines of at most `width` columns, broken at spaces where there are any. Existing line breaks are kept. */
export function wrap(text: string, width: number): string[] {
  return splitLines(text).flatMap((line) => wrapLine(line, Math.max(2, width)));
}

function wrapLine(line: string, width: number): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(/ +/)) {
    const joined = current === '' ? word : `${current} ${word}`;
    if (displayWidth(joined) <= width) {
      current = joined;
      continue;
    }
    if (current !== '') lines.push(current);
    const pieces = breakWord(word, width);
    lines.push(...pieces.slice(0, -1));
    current = pieces.at(-1) ?? '';
  }
  return [...lines, current];
}

function breakWord(word: string, width: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  let used = 0;
  for (const { segment } of SEGMENTS.segment(word)) {
    const step = cellWidth(segment);
    if (used + step > width) {
      pieces.push(piece);
      piece = '';
      used = 0;
    }
    piece += segment;
    used += step;
  }
  return [...pieces, piece];
}

/**
 * The lines of a text by every kind of line break. A lone carriage return counts: the Actions runner ends a line there
 * too, and what follows could pass for one of its commands.
 */
export function splitLines(text: string): string[] {
  return text.split(/\r\n|[\r\n\u0085\u2028\u2029]/);
}

 
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|[ -/]*[0-~])/g;
 
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** `text` without terminal escape sequences, control characters and bidirectional overrides; tabs and line breaks stay. */
export function stripControls(text: string): string {
  return text.replace(ESCAPES, '').replace(CONTROLS, '');
}
