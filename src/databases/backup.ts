/** What is known of one backup, as the host keeps it. Sizes in bytes, durations in milliseconds, times in ISO 8601 (UTC). */
export interface Backup {
  readonly id: string;
  readonly database: string;
  readonly engine: string;
  readonly began: string;
  readonly ended: string;
  readonly duration: number;
  /** Of the dump. */
  readonly size: number;
  /** Of the archive. */
  readonly stored: number;
  /** sha256 of the archive. */
  readonly sum: string;
  readonly compress: string;
  readonly encrypted: 'none' | 'age' | 'openssl';
  readonly server?: string;
  readonly client?: string;
  readonly schema?: string;
  /** The release that was live when it was made. */
  readonly release?: string;
  readonly why: string;
  /** `bad` never counts; `good` was read back; `drilled` was restored and proven. */
  readonly state: 'bad' | 'unverified' | 'good' | 'drilled';
  /** Why it is bad. */
  readonly reason?: string;
  /** Rows by table. */
  readonly rows: ReadonlyMap<string, number>;
  /** By so many rows a table may differ from `rows` once it is restored: what was written while the dump was made comes back too. */
  readonly moved: ReadonlyMap<string, number>;
  /** False when rows and dump are not of one moment. */
  readonly consistent: boolean;
  /** What the engine had to say: roles, extensions … */
  readonly notes: ReadonlyMap<string, string>;
  readonly verified?: Verification;
  readonly drill?: DrillRecord;
  readonly copies: readonly { readonly at: string; readonly target: string }[];
}

/** `sealed`: it is encrypted and no key was there, so the archive was read back and not opened. */
export interface Verification {
  readonly at: string;
  readonly duration: number;
  readonly level: 'whole' | 'sealed';
}

export interface DrillRecord {
  readonly at: string;
  /** Of the restore. */
  readonly duration: number;
  /** Seconds from the backup to the drill. */
  readonly age: number;
  readonly ok: boolean;
  readonly reason?: string;
}

/** Reads what `describe` of scripts/data.sh says of backups, in its order. */
export function readBackups(output: string): Backup[] {
  const blocks: { id: string; lines: [string, string][] }[] = [];
  for (const line of output.split('\n')) {
    const [kind = '', ...rest] = line.split('\t');
    if (kind === 'backup') blocks.push({ id: rest[0] ?? '', lines: [] });
    else if (KINDS.has(kind)) blocks.at(-1)?.lines.push([kind, rest.join('\t')]);
  }
  return blocks.map(({ id, lines }) => readBackup(id, lines));
}

const MOVED = 'note.moved.';
const KINDS = new Set(['manifest', 'verified', 'drilled', 'bad', 'copied']);

function readBackup(id: string, lines: readonly [string, string][]): Backup {
  const pairs = (kind: string): [string, string][] => lines.flatMap(([of, text]) => (of === kind ? [cut(text)] : []));
  const all = pairs('manifest');
  const manifest = new Map(all);
  const text = (key: string): string => manifest.get(key) ?? '';
  const optional = (key: string): Record<string, string> => (text(key) === '' ? {} : { [key]: text(key) });
  const verified = new Map(pairs('verified'));
  const drilled = new Map(pairs('drilled'));
  const reason = lines.find(([kind]) => kind === 'bad')?.[1];
  const encrypted = text('encrypt');
  const drill: DrillRecord | undefined = drilled.size === 0 ? undefined : {
    at: drilled.get('at') ?? '', duration: Number(drilled.get('duration')), age: Number(drilled.get('age')), ok: drilled.get('result') === 'ok',
    ...(drilled.has('reason') ? { reason: drilled.get('reason') ?? '' } : {}),
  };
  return {
    id, database: text('database'), engine: text('engine'), began: text('began'), ended: text('ended'), duration: Number(text('duration')),
    size: Number(text('size')), stored: Number(text('stored')), sum: text('sum'), compress: text('compress'),
    encrypted: encrypted === 'age' || encrypted === 'openssl' ? encrypted : 'none',
    ...optional('server'), ...optional('client'), ...optional('schema'), ...optional('release'), why: text('why'),
    state: reason !== undefined ? 'bad' : drill?.ok === true ? 'drilled' : verified.size > 0 ? 'good' : 'unverified',
    ...(reason === undefined ? {} : { reason }),
    rows: readRows(all.flatMap(([key, value]) => (key === 'rows' ? [value] : []))),
    moved: new Map(all.flatMap(([key, value]) => (key.startsWith(MOVED) ? [[key.slice(MOVED.length), value === '*' ? Infinity : Number(value)] as const] : []))),
    consistent: text('consistent') === '' || text('consistent').startsWith('yes'),
    notes: new Map(all.flatMap(([key, value]) => (key.startsWith('note.') && !key.startsWith(MOVED) ? [[key.slice('note.'.length), value] as const] : []))),
    ...(verified.size === 0 ? {} : { verified: { at: verified.get('at') ?? '', duration: Number(verified.get('duration')), level: verified.get('level') === 'whole' ? 'whole' as const : 'sealed' as const } }),
    ...(drill === undefined ? {} : { drill }),
    copies: pairs('copied').map(([at, target]) => ({ at, target })),
  };
}

/** Lines `<n> TAB <table>`. */
export function readRows(lines: readonly string[]): Map<string, number> {
  return new Map(lines.filter((line) => line !== '').map((line) => {
    const [count, table] = cut(line);
    return [table, Number(count)];
  }));
}

function cut(line: string): [string, string] {
  const at = line.indexOf('\t');
  return at === -1 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
}
