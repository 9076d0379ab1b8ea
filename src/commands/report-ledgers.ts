import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import picomatch from 'picomatch';
import { UserError } from '../evidence/errors.js';
import { readLedger } from '../evidence/ledger.js';
import type { Source } from '../report/merge.js';

/** What was found of the ledgers that were asked for. */
export interface Ledgers {
  readonly sources: readonly Source[];
  /** Files that could not be read, and why: a broken ledger must not take the report of the others with it. */
  readonly unreadable: readonly string[];
}

/**
 * The ledgers of some lines: files, folders (every `*.jsonl` below them) and patterns, relative to `workspace`. A half last
 * line, as a run that was killed leaves, is passed over.
 * @throws UserError when a line leads to nothing, or there is no line.
 */
export async function readLedgers(lines: string, workspace: string): Promise<Ledgers> {
  const asked = lines.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  if (asked.length === 0) throw new UserError('no ledger was named', { remedy: 'Name files, folders or patterns: `ledgers: evidence/`.' });
  const files = new Set<string>();
  for (const line of asked) {
    const found = await filesOf(line, workspace);
    if (found.length === 0) throw new UserError(`there is no ledger at ${line}`, { remedy: 'Were the artifacts downloaded (actions/download-artifact), and did a step before write evidence?' });
    for (const file of found) files.add(file);
  }
  const names = new Map<string, string>();
  const sources: Source[] = [];
  const unreadable: string[] = [];
  for (const file of [...files].sort()) {
    try {
      const name = nameOf(file);
      const used = [...names.values()].filter((other) => other === name).length;
      names.set(file, name);
      sources.push({ name: used === 0 ? name : `${name} (${used + 1})`, records: readLedger(file) });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      unreadable.push(error.message.replace(file, relative(workspace, file)));
    }
  }
  return { sources, unreadable };
}

async function filesOf(line: string, workspace: string): Promise<string[]> {
  const { base, isGlob } = picomatch.scan(line);
  const start = resolve(workspace, isGlob ? base : line);
  const found = await stat(start).catch(() => undefined);
  if (found === undefined) return [];
  if (!isGlob && found.isFile()) return [start];
  if (!found.isDirectory()) return [];
  const entries = await readdir(start, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  if (!isGlob) return files.filter((file) => file.endsWith('.jsonl'));
  const matches = picomatch(resolve(workspace, line), { dot: true });
  return files.filter((file) => matches(file));
}

/** A downloaded artifact is a folder named after it, with `evidence.jsonl` in it; the ledger of this job is named by nothing. */
function nameOf(file: string): string {
  const name = basename(file, '.jsonl');
  return name === 'evidence' ? basename(dirname(file)) : name;
}
