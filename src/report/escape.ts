import { stripControls } from '../evidence/text.js';

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text from anywhere for HTML, between tags or in a quoted attribute; control characters and bidirectional overrides go. */
export function html(text: string): string {
  return stripControls(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** The same for addresses and ids: a line may end behind `@`, `:` and slashes, before a word is cut. */
export function breakable(text: string): string {
  return html(text).replace(/[@:/]+(?=[^@:/])/g, '$&<wbr>');
}

/** A sentence of ours for HTML: what stands between backticks is code. Whatever else it holds is escaped first. */
export function prose(text: string): string {
  return html(text).replace(/`([^`\n]+)`/g, '<code>$1</code>');
}

/** `text` when it is an address that a browser may be led to; undefined for everything else (`javascript:` …). */
export function webAddress(text: string | undefined): string | undefined {
  if (text === undefined || !/^https?:\/\/[^\s"'<>]+$/i.test(text)) return undefined;
  return URL.canParse(text) ? text : undefined;
}
