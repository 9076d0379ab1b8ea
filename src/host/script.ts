import { scripts } from './scripts.generated.js';

type Name = keyof typeof scripts;

/**
 * The full text of one remote script: the common library, what it builds on, and the script itself, as they stand in
 * `scripts/`. Parameters are never put into the text; they are passed as arguments (DESIGN §4, law 2).
 */
export function scriptText(name: Exclude<Name, 'lib' | 'services'>): string {
  const parts: Name[] = name === 'preflight' ? [name] : USES_SERVICES.has(name) ? ['lib', 'services', name] : ['lib', name];
  return parts.map((part) => scripts[part]).join('\n');
}

const USES_SERVICES: ReadonlySet<Name> = new Set<Name>(['activate', 'status']);

/** The names of all scripts that are sent to hosts. */
export function scriptNames(): readonly Exclude<Name, 'lib' | 'services'>[] {
  return (Object.keys(scripts) as Name[]).filter((name): name is Exclude<Name, 'lib' | 'services'> => name !== 'lib' && name !== 'services');
}
