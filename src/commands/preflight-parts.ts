import type { Family } from '../checks/model.js';
import { UserError } from '../evidence/errors.js';

/** The parts of preflight, by what must be at hand: a check-out with its history, the tools of the build, the hosts with their secrets. */
const PARTS = ['repository', 'build', 'hosts'] as const;
export type Part = (typeof PARTS)[number];
const REPOSITORY: ReadonlySet<Family> = new Set<Family>(['window', 'repository', 'github']);
const BUILD: ReadonlySet<Family> = new Set<Family>(['runner', 'quality', 'bundle']);

/** The part that a family of checks belongs to. */
export function partOf(family: Family): Part {
  return REPOSITORY.has(family) ? 'repository' : BUILD.has(family) ? 'build' : 'hosts';
}

/** Whether a preflight of these parts asks hosts. */
export function preflightAsksHosts({ part }: { readonly part?: string | undefined }): boolean {
  return readParts(part).has('hosts');
}

/** The parts a text names, with commas or blanks between; all of them without one. Throws a UserError for a part that is none. */
export function readParts(text: string | undefined): ReadonlySet<Part> {
  const names = (text ?? '').split(/[\s,]+/).filter((name) => name !== '');
  const unknown = names.filter((name) => !(PARTS as readonly string[]).includes(name));
  if (unknown.length > 0) throw new UserError(`preflight has no part ${unknown.join(', ')}`, { remedy: `One or more of: ${PARTS.join(', ')}.` });
  return new Set(names.length === 0 ? PARTS : (names as Part[]));
}
