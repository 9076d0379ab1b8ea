import { ValueError } from './value-error.js';
import { parseVersionRange, type VersionRange } from './version-range.js';

/**
 * A distribution, by the ID of /etc/os-release (https://www.freedesktop.org/software/systemd/man/os-release.html),
 * and its versions.
 */
export interface OsRequirement {
  readonly id: string;
  readonly versions?: VersionRange;
}

/** Reads `debian >=12`, `ubuntu 22.04`, `debian`. Throws ValueError. */
export function parseOsRequirement(text: string): OsRequirement {
  const match = /^\s*([a-z][a-z0-9._-]*)(?:\s+(\S.*))?$/.exec(text);
  const id = match?.[1];
  if (id === undefined)
    throw new ValueError(`must be a distribution with its versions, such as "debian >=12"; is \`${text}\``);
  return { id, ...(match?.[2] !== undefined && { versions: parseVersionRange(match[2]) }) };
}
