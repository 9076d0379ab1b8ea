/** One thing that took its time on a connection; times in milliseconds since the connection was begun. */
export interface Span {
  readonly label: string;
  readonly from: number;
  /** Undefined as long as it goes on. */
  to: number | undefined;
  /** What happened on the way, by name. */
  readonly marks: Record<string, number>;
}

/** Where the time goes on one connection: printed with `--debug`. */
export class Timeline {
  private readonly begun = performance.now();
  private readonly spans: Span[] = [];

  /** @returns what marks a moment of it, and what ends it. */
  begin(label: string): { mark: (name: string) => void; end: () => void } {
    const span: Span = { label, from: this.now(), to: undefined, marks: {} };
    this.spans.push(span);
    return {
      mark: (name) => { span.marks[name] ??= this.now(); },
      end: () => { span.to ??= this.now(); },
    };
  }

  /** A line for each span, in the order in which they began: `  291 …   502   211 ms  open (channel +50, first word +98)`. */
  lines(): string[] {
    return this.spans.map(({ label, from, to, marks }) => {
      const on = Object.entries(marks).map(([name, at]) => `${name} +${Math.round(at - from)}`).join(', ');
      const end = to === undefined ? '     …         ' : `${pad(to)} ${pad(to - from)} ms`;
      return `${pad(from)} …${end}  ${label}${on === '' ? '' : ` (${on})`}`;
    });
  }

  private now(): number {
    return performance.now() - this.begun;
  }
}

const pad = (milliseconds: number): string => String(Math.round(milliseconds)).padStart(6);
