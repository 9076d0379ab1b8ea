import { scripts } from './scripts.generated.js';

type Name = keyof typeof scripts;

/** What a script builds on: sent in front of it, in this order. */
const LIBRARIES = {
  none: [],
  base: ['lib'],
  index: ['lib', 'index'],
  services: ['lib', 'index', 'services', 'compose', 'slots'],
  data: ['lib', 'input', 'data'],
  certbot: ['lib', 'input', 'services'],
  server: ['lib', 'input', 'server-lib', 'server-base', 'server-software', 'harden', 'harden-login'],
} as const satisfies Record<string, readonly Name[]>;

/** What an engine is to the scripts for backups: one file each, sent behind `data`. */
export type EngineName = { [K in Name]: K extends `engine-${infer Engine}` ? Engine : never }[Name];

type Library = (typeof LIBRARIES)[keyof typeof LIBRARIES][number] | `engine-${EngineName}`;
/** The scripts that are sent to hosts. */
export type ScriptName = Exclude<Name, Library>;

const NEEDS_SERVICES: ReadonlySet<Name> = new Set<Name>(['activate', 'finish', 'pause', 'rearm', 'resume', 'revert', 'site', 'status'] as Name[]);

const NEEDS_INDEX: ReadonlySet<Name> = new Set<Name>(['stage', 'prove']);

/** Scripts for backups that do not speak to the database. */
const NEEDS_DATA: ReadonlySet<Name> = new Set<Name>(['backup-list', 'backup-read', 'backup-prune', 'backup-copy', 'backup-receive', 'backup-schedule', 'backup-scheduled'] as Name[]);
/** Scripts for backups that do. */
const NEEDS_ENGINE: ReadonlySet<Name> = new Set<Name>(['backup-create', 'backup-verify', 'backup-drill', 'backup-restore', 'backup-rows', 'backup-facts'] as Name[]);

/**
 * The full text of one remote script: the common library, what it builds on, and the script itself, as they stand in
 * `scripts/`. Parameters are never put into the text; they are passed as arguments (DESIGN §4, law 2).
 */
export function scriptText(name: ScriptName, engine?: EngineName): string {
  return [...libraryOf(name, engine), name].map((part) => scripts[part]).join('\n');
}

function libraryOf(name: ScriptName, engine: EngineName | undefined): readonly Name[] {
  if (NEEDS_ENGINE.has(name)) {
    if (engine === undefined) throw new Error(`${name} needs an engine`);
    return [...LIBRARIES.data, `engine-${engine}`];
  }
  if (NEEDS_DATA.has(name)) return LIBRARIES.data;
  if (name === 'server') return LIBRARIES.server;
  if (name === 'certbot') return LIBRARIES.certbot;
  if (name === 'preflight' || name === 'as-root') return LIBRARIES.none;
  if (NEEDS_SERVICES.has(name)) return LIBRARIES.services;
  return NEEDS_INDEX.has(name) ? LIBRARIES.index : LIBRARIES.base;
}

/** The names of all scripts that are sent to hosts. */
export function scriptNames(): readonly ScriptName[] {
  const libraries: ReadonlySet<Name> = new Set<Name>(Object.values(LIBRARIES).flat());
  return (Object.keys(scripts) as Name[]).filter((name): name is ScriptName => !libraries.has(name) && !name.startsWith('engine-'));
}

/** The engines there are scripts for. */
export function engineNames(): readonly EngineName[] {
  return (Object.keys(scripts) as Name[]).filter((name) => name.startsWith('engine-')).map((name) => name.slice('engine-'.length) as EngineName);
}

/** Whether a script is sent with an engine. */
export function needsEngine(name: ScriptName): boolean {
  return NEEDS_ENGINE.has(name);
}
