/** What hosts, answers and people say, for an issue: it must not become markup, nor call people or other issues. */
export function plainText(text: string): string {
  return text.replace(/[<>&]/g, (sign) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[sign] ?? '').replace(/@(?=\w)/g, '@\u200b').replace(/#(?=\d)/g, '#\u200b');
}
