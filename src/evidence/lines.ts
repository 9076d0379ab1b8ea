import type { Redactor } from './redact.js';
import { splitLines, stripControls } from './text.js';

/**
 * Text from anywhere as lines fit for a log: no escape sequences, no secrets, and nothing the Actions runner would take
 * for one of its commands (`::set-env …` at the start of a line, `##[…]` anywhere in it), whoever wrote it.
 */
export function logLines(text: string, redactor: Redactor | undefined): string[] {
  const plain = stripControls(text);
  const clean = redactor === undefined ? plain : redactor.redact(plain);
  return splitLines(clean.replace(/[\r\n]+$/, '')).map((line) => line.replace(/^(\s*):(?=:)/, '$1: ').replaceAll('##[', '## ['));
}

/** The same on one line, for titles. */
export function logLine(text: string, redactor: Redactor | undefined): string {
  return logLines(text, redactor).join(' ');
}
