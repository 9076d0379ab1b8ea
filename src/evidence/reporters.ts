import { formatDuration } from './format.js';
import type { Ledger } from './ledger.js';
import { logLine, logLines } from './lines.js';
import { progressBar } from './progress.js';
import type { Redactor } from './redact.js';
import type { Reporter } from './reporter.js';

export interface ReporterOptions {
  readonly redactor?: Redactor;
  readonly ledger?: Ledger;
  /** Default false; whether the user wants colour (NO_COLOR, a terminal) is for the caller to find out. */
  readonly colour?: boolean;
  /** Shows debug lines. Default false. */
  readonly debug?: boolean;
  readonly clock?: () => Date;
}

/** Where a line goes; a newline is part of `text`. `process.stdout` is one. */
export interface Sink {
  write(text: string): unknown;
}

const COLOURS = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** One line per event: `12:01:07  deploy@203.0.113.10  uploaded 212 files, 1.4 MB  (2.1 s)`, in local time. */
export function plainReporter(write: (text: string) => void, options: ReporterOptions = {}): Reporter {
  const { redactor, ledger, colour = false, debug = false, clock = () => new Date() } = options;
  const paint = (style: keyof typeof COLOURS, text: string): string => colour ? `\u001b[${COLOURS[style]}m${text}\u001b[0m` : text;
  const time = (): string => paint('dim', clock().toTimeString().slice(0, 8));

  const say = (before: string, text: string, style: keyof typeof COLOURS | undefined, after = ''): void => {
    const lines = logLines(text, redactor);
    const head = before === '' ? '' : `${before}  `;
    const output = lines.map((line, index) => {
      const styled = style === undefined ? line : paint(style, line);
      return `${time()}  ${index === 0 ? head : ' '.repeat(head.length)}${styled}${index === lines.length - 1 ? after : ''}\n`;
    });
    write(output.join(''));
  };
  const name = (subject: string): string => logLine(subject, redactor);

  return {
    async group<T>(title: string, body: () => Promise<T>): Promise<T> {
      const start = performance.now();
      const shown = logLine(title, redactor);
      write(`${paint('bold', `▸ ${shown}`)}\n`);
      let ending = 'failed after';
      try {
        const result = await body();
        ending = 'done in';
        return result;
      } finally {
        write(`${paint(ending === 'done in' ? 'green' : 'red', `  ${shown}: ${ending} ${formatDuration(performance.now() - start)}`)}\n`);
      }
    },
    step: (subject, text, duration) => say(name(subject), text, undefined, duration === undefined ? '' : paint('dim', `  (${formatDuration(duration)})`)),
    line: (subject, text) => say(`${name(subject)} |`, text, 'dim'),
    block: (text) => write(logLines(text, redactor).map((line) => `${line}\n`).join('')),
    warn: (text) => say('warning:', text, 'yellow'),
    error: (text) => say('error:', text, 'red'),
    debug: (text) => {
      if (debug) say('debug:', text, 'dim');
    },
    progress: () => undefined,
    evidence: (record) => ledger?.append(record),
  };
}

/** Colour, and while a transfer runs a bar on `err`, drawn on one line only if that is a terminal. */
export function terminalReporter(
  streams: { readonly out: Sink; readonly err: Sink & { readonly isTTY?: boolean; readonly columns?: number } },
  options: ReporterOptions = {},
): Reporter {
  const { redactor } = options;
  const bar = progressBar(streams.err);
  const plain = plainReporter((text) => {
    bar.clear();
    streams.out.write(text);
  }, { colour: true, ...options });
  return { ...plain, progress: (subject, done, total) => bar.update(logLine(subject, redactor), done, total) };
}

/** Says nothing; the evidence still reaches the ledger. */
export function silentReporter(options: Pick<ReporterOptions, 'ledger'> = {}): Reporter {
  const nothing = (): void => undefined;
  return {
    group: (_title, body) => body(),
    step: nothing, line: nothing, block: nothing, warn: nothing, error: nothing, debug: nothing, progress: nothing,
    evidence: (record) => options.ledger?.append(record),
  };
}
