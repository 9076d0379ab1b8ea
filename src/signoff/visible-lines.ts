/**
 * The lines of a comment that its author sees on the page as text of their own: without code blocks and comments of HTML, as GitHub
 * reads Markdown (https://github.github.com/gfm/#fenced-code-blocks, #html-blocks). Quoted lines keep their `>`.
 */
export function visibleLines(body: string): string[] {
  const lines: string[] = [];
  let fence: string | undefined;
  let hidden = false;
  for (const line of body.split(/\r\n|\r|\n/)) {
    if (hidden) {
      hidden = !line.includes('-->');
      continue;
    }
    // Behind three backticks there is no other: else it is code within a line.
    const [, mark] = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/.exec(line) ?? [];
    if (fence !== undefined) {
      if (mark?.startsWith(fence) === true && line.trim() === mark) fence = undefined;
    } else if (mark !== undefined) {
      fence = mark;
    } else if (/^ {0,3}<!--/.test(line)) {
      hidden = !line.includes('-->', line.indexOf('<!--') + 4);
    } else {
      lines.push(line);
    }
  }
  return withoutComments(lines);
}

/** Comments of HTML within a paragraph; one that does not end there is text. */
function withoutComments(lines: readonly string[]): string[] {
  return lines.join('\n').split(/\n(?=[ \t]*\n)/).flatMap((paragraph) => {
    let [shown, rest] = ['', paragraph];
    for (let from = rest.indexOf('<!--'); from !== -1; from = rest.indexOf('<!--')) {
      const to = rest.indexOf('-->', from + 4);
      if (to === -1) break;
      shown += rest.slice(0, from);
      rest = rest.slice(to + 3);
    }
    return (shown + rest).split('\n');
  });
}

/** Longer ones begin no mail; it also bounds the work on a hostile line. */
const LONGEST_HEAD = 400;

/** How mail programs begin what they quote without `>`: those that answer a notification of GitHub carry its address in any language. */
const MAIL = [
  /notifications@github\.com|@reply\.github\.com/i,
  /^-{3,} ?\p{L}[\p{L}\p{P} ]{3,40}-{3,}$/u,
  /^_{20,}$/,
  /^\*{0,2}(?:From|Von|De|Da|Van|Fra|Från|Od|Lähettäjä|От|差出人|发件人|보낸 사람)\*{0,2} ?[:：]\*{0,2} *\S/iu,
  /^(?:On|Am|Le|El|Il|Op|Den|Em|W dniu) .*\b(?:\d{4}|\d{1,2}:\d{2})\b.*:$/iu,
];

/** Whether below this line stands the mail that was answered: words of somebody else. */
export function beginsQuotedMail(line: string): boolean {
  return line.length <= LONGEST_HEAD && MAIL.some((pattern) => pattern.test(line.trim()));
}
