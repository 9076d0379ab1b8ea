import { scripts } from './scripts.generated.js';

type Name = keyof typeof scripts;

/** What a script builds on: sent in front of it, in this order. */
const LIBRARIES = {
  none: [],
  base: ['lib'],
  index: ['lib', 'index'],
  services: ['lib', 'index', 'services', 'compose', 'slots'],
} as const satisfies Record<string, readonly Name[]>;

type Library = (typeof LIBRARIES)[keyof typeof LIBRARIES][number];
/** The scripts that are sent to hosts. */
export type ScriptName = Exclude<Name, Library>;

const NEEDS_SERVICES: ReadonlySet<Name> = new Set<Name>(['activate', 'finish', 'pause', 'rearm', 'resume', 'revert', 'site', 'status'] as Name[]);

const NEEDS_INDEX: ReadonlySet<Name> = new Set<Name>(['stage', 'prove']);

/**
 * The full text of one remote script: the common library, what it builds on, and the script itself, as they stand in
 * `scripts/`. Parameters are never put into the text; they are passed as arguments (DESIGN §4, law 2).
 */
export function scriptText(name: ScriptName): string {
  const library = name === 'preflight' ? LIBRARIES.none : NEEDS_SERVICES.has(name) ? LIBRARIES.services : NEEDS_INDEX.has(name) ? LIBRARIES.index : LIBRARIES.base;
  return [...library, name].map((part) => scripts[part]).join('\n');
}

/** The names of all scripts that are sent to hosts. */
export function scriptNames(): readonly ScriptName[] {
  const libraries: ReadonlySet<Name> = new Set<Name>(Object.values(LIBRARIES).flat());
  return (Object.keys(scripts) as Name[]).filter((name): name is ScriptName => !libraries.has(name));
}
