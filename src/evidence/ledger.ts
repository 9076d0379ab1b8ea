import { closeSync, fchmodSync, fstatSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from './errors.js';
import type { Evidence } from './record.js';
import { redactRecord, Redactor } from './redact.js';

/** When something began, and how long ago that is. */
export interface Timer {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Whole milliseconds since the start, by a clock that nobody sets back. */
  elapsed(): number;
}

/** Begins to measure: before the work, not when its record is written. */
export function startTimer(): Timer {
  const at = new Date().toISOString();
  const start = performance.now();
  return { at, elapsed: () => Math.round(performance.now() - start) };
}

type Loose<T> = { [K in keyof T]: T[K] | undefined };
type Optional = 'expected' | 'observed' | 'remedy' | 'data';

/** What a check says about itself; the timer adds when and how long. */
export type Finding = Omit<Evidence, Optional | 'at' | 'duration'> & Loose<Partial<Pick<Evidence, Optional>>>;

/** One record from a finding and the timer started before the work; absent fields are left out, not `undefined`. */
export function evidence(finding: Finding, timer: Timer = startTimer()): Evidence {
  const present = Object.fromEntries(Object.entries(finding).filter(([, value]) => value !== undefined));
  return { ...(present as unknown as Omit<Evidence, 'at' | 'duration'>), at: timer.at, duration: timer.elapsed() };
}

/** Opens for appending, readable by the owner only; half a line that a killed run left behind is cut off. */
function openLedger(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  const handle = openSync(file, 'a+', 0o600);
  const stat = fstatSync(handle);
  if (!stat.isFile()) return handle; // a pipe or a device is somebody else's
  fchmodSync(handle, 0o600);
  if (stat.size > 0) {
    const text = readFileSync(file);
    if (text[text.length - 1] !== 0x0a) ftruncateSync(handle, text.lastIndexOf(0x0a) + 1);
  }
  return handle;
}

/**
 * The evidence of one run: JSON Lines in a file of mode 0600, redacted, each record written before `append` returns, so
 * that a kill loses nothing. An existing file is continued.
 */
export class Ledger {
  readonly file: string | undefined;
  readonly #redactor: Redactor;
  readonly #records: Evidence[] = [];
  #handle: number | undefined;
  #failure: Error | undefined;

  /** Without a file the records are kept in memory only. Throws UserError when the file cannot be opened. */
  constructor(file?: string, redactor: Redactor = new Redactor()) {
    this.file = file;
    this.#redactor = redactor;
    if (file === undefined) return;
    try {
      this.#handle = openLedger(file);
    } catch (error) {
      throw new UserError(`The evidence file ${file} cannot be written: ${(error as Error).message}`, {
        remedy: 'Give a path in a folder this user may write to.', cause: error,
      });
    }
  }

  /** What this run has appended, redacted, in order. */
  get records(): readonly Evidence[] {
    return this.#records;
  }

  /** The first error of writing. A full disk must not stop a deploy half-way: look here at the end. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Keeps and writes one record. Never throws. */
  append(record: Evidence): void {
    const clean = redactRecord(record, this.#redactor);
    this.#records.push(clean);
    if (this.#handle === undefined) return;
    try {
      const line = Buffer.from(`${JSON.stringify(clean)}\n`, 'utf8');
      for (let written = 0; written < line.length;) written += writeSync(this.#handle, line, written);
    } catch (error) {
      this.#failure ??= error as Error;
    }
  }

  close(): void {
    if (this.#handle !== undefined) closeSync(this.#handle);
    this.#handle = undefined;
  }
}

/**
 * The records of a ledger. A last line without its newline is what a killed run leaves and is passed over; any other
 * line that is not a record is an error naming it.
 */
export function readLedger(file: string): Evidence[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`The evidence file ${file} cannot be read: ${(error as Error).message}`, { cause: error, remedy: 'Is it the path that the run has put out as `evidence`, and may this user read it?' });
  }
  const lines = text.split('\n').slice(0, -1);
  return lines.flatMap((line, index) => {
    if (line.trim() === '') return [];
    let record: unknown;
    try {
      record = JSON.parse(line);
    } catch {
      record = undefined;
    }
    if (!isEvidence(record)) throw new UserError(`${file}:${index + 1}: is not a record of evidence.`, { remedy: 'Is it a ledger of Slipway\'s, as the run wrote it? Remove the line, or download the file again.' });
    return [record];
  });
}

const STATUSES: readonly unknown[] = ['pass', 'warn', 'fail', 'skip'];

/** Three years in milliseconds: whoever reads a ledger reckons with times. */
const LONGEST = 1e11;

function isEvidence(value: unknown): value is Evidence {
  if (typeof value !== 'object' || value === null) return false;
  const { id, phase, title, subject, status, at, duration } = value as Partial<Record<keyof Evidence, unknown>>;
  return [id, phase, title, subject, at].every((field) => typeof field === 'string')
    && STATUSES.includes(status) && typeof duration === 'number' && Math.abs(duration) < LONGEST;
}
