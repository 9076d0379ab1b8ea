interface Version {
  /** What stands before the numbers: `v`, `release-`, `api-v`. */
  readonly prefix: string;
  readonly numbers: readonly number[];
  /** `-rc.1` and the like. */
  readonly candidate: boolean;
}

/** `v1.2.3`, `release-2026.11.21`, `2026-11-21`, `v2.0.0-rc.1`; undefined for a name without numbers at its end. */
function readVersion(name: string): Version | undefined {
  const [, prefix, numbers, suffix] = /^(.*?)(\d+(?:[._-]\d+)*)((?:-[A-Za-z][\w.-]*)?(?:\+[\w.-]+)?)$/.exec(name) ?? [];
  if (prefix === undefined || numbers === undefined) return undefined;
  return { prefix, numbers: numbers.split(/[._-]/).map(Number), candidate: (suffix ?? '').startsWith('-') };
}

/** Negative when `a` is the older one; both have as many numbers. */
function compare(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((value, at) => value !== b[at]);
  return index < 0 ? 0 : (a[index] ?? 0) - (b[index] ?? 0);
}

/** Whether `tag` is of a lower version than `other`, both written alike; false where that cannot be said. */
export function isOlder(tag: string, other: string): boolean {
  const [one, two] = [readVersion(tag), readVersion(other)];
  return one !== undefined && two !== undefined && one.prefix === two.prefix && one.numbers.length === two.numbers.length && compare(one.numbers, two.numbers) < 0;
}

/**
 * The release before `tag`: the highest lower version among tags written alike (same prefix, as many numbers, no
 * candidate), so that `v1` or `nightly` are no releases of `v1.2.3`. Without a tag: the highest of the form `1.2.3` or
 * `v1.2.3`. Undefined when there is none.
 */
export function previousTag(names: readonly string[], tag: string | undefined): string | undefined {
  const current = tag === undefined ? undefined : readVersion(tag);
  if (tag !== undefined && current === undefined) return undefined;
  const counts = (name: string, { prefix, numbers, candidate }: Version): boolean => {
    if (candidate) return false;
    if (current === undefined) return /^v?\d+\.\d+\.\d+$/.test(name);
    return prefix === current.prefix && numbers.length === current.numbers.length && compare(numbers, current.numbers) < 0;
  };
  return names
    .flatMap((name) => {
      const version = readVersion(name);
      return version !== undefined && counts(name, version) ? [{ name, numbers: version.numbers }] : [];
    })
    .sort((a, b) => compare(b.numbers, a.numbers))[0]?.name;
}
