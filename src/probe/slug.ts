const LONGEST = 60;

/** A name as a part of an evidence id: lower-case letters, digits and hyphens; `x` when nothing is left. */
export function slug(name: string): string {
  const ascii = name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  const short = ascii.replace(/[^a-z0-9]+/g, '-').slice(0, LONGEST).replace(/^-+|-+$/g, '');
  return short === '' ? 'x' : short;
}

/** Slugs that are each given once: the second `login` is `login-2`. */
export class Slugs {
  readonly #given = new Set<string>();

  next(name: string): string {
    const base = slug(name);
    let candidate = base;
    for (let number = 2; this.#given.has(candidate); number += 1) candidate = `${base}-${number}`;
    this.#given.add(candidate);
    return candidate;
  }
}
