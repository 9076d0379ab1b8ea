import { StringDecoder } from 'node:string_decoder';

/** A line longer than this, in characters, is passed on in pieces. */
const LONGEST_LINE = 1024 * 1024;

/** Cuts a stream of bytes into lines: UTF-8 split over chunks stays whole, `\r\n` counts as one line end. */
export class LineSplitter {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';

  constructor(private readonly onLine: (line: string) => void) {}

  write(chunk: Buffer): void {
    this.feed(this.decoder.write(chunk));
  }

  /** Passes on a last line without a line end. */
  end(): void {
    this.feed(this.decoder.end());
    if (this.rest !== '') this.onLine(this.rest);
    this.rest = '';
  }

  private feed(text: string): void {
    const lines = text.split('\n');
    lines[0] = this.rest + (lines[0] ?? '');
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    while (this.rest.length > LONGEST_LINE) {
      this.onLine(this.rest.slice(0, LONGEST_LINE));
      this.rest = this.rest.slice(LONGEST_LINE);
    }
  }
}

/** Collects a stream and keeps its last `limit` bytes. */
export class Tail {
  private chunks: Buffer[] = [];
  private size = 0;
  /** Whether anything was dropped. */
  overflowed = false;

  constructor(private readonly limit: number) {}

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size <= this.limit) return;
    this.overflowed = true;
    // Copying once per half of the limit keeps the cost per byte constant.
    if (this.size > this.limit * 1.5) this.trim();
  }

  toString(): string {
    if (this.size > this.limit) this.trim();
    const bytes = Buffer.concat(this.chunks);
    if (!this.overflowed) return bytes.toString('utf8');
    // The cut may have gone through a character: skip what is left of it.
    let start = 0;
    while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
    return bytes.toString('utf8', start);
  }

  private trim(): void {
    const kept = Buffer.from(Buffer.concat(this.chunks).subarray(-this.limit));
    this.chunks = [kept];
    this.size = kept.length;
  }
}
