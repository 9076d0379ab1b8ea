import * as z from 'zod';
import { UserError } from '../evidence/errors.js';
import type { GitHubApi, Route, Write } from './api.js';
import { GitHubError } from './api-error.js';

const release = z.object({ id: z.number(), html_url: z.string(), body: z.string().nullish() });

/** Requests about releases: https://docs.github.com/en/rest/releases/releases. */
export const releaseRoutes = {
  byTag: { path: '/repos/{owner}/{repo}/releases/tags/{tag}', permission: 'contents: read', what: 'the release of the tag', answer: release } satisfies Route<z.infer<typeof release>>,
} as const;

export const releaseWrites = {
  change: {
    method: 'PATCH', path: '/repos/{owner}/{repo}/releases/{release_id}', permission: 'contents: write', what: 'the release of the tag',
    does: 'change the notes of the release', answer: release, repeatable: true,
  } satisfies Write<z.infer<typeof release>>,
} as const;

/** GitHub takes notes of 125,000 characters. */
const LIMIT = 125_000;

/**
 * Appends a section to the notes of a tag's release; one of that name that is there already is replaced.
 * @returns the address of the release.
 * @throws UserError when there is no release, or no room for the section.
 */
export async function appendNotes(api: GitHubApi, tag: string, name: string, section: string): Promise<string> {
  const found = await api.get(releaseRoutes.byTag, { tag }).catch((error: unknown) => {
    if (!(error instanceof GitHubError) || error.status !== 404) throw error;
    throw new UserError(`there is no release of ${tag} on GitHub that the notes could be appended to`, { remedy: `Make one before: gh release create ${tag} --verify-tag --generate-notes. Drafts do not count.`, cause: error });
  });
  const body = withSection(found.body ?? '', name, section);
  if (body.length > LIMIT) throw new UserError(`the notes of ${tag} would be longer than the ${LIMIT.toLocaleString('en-US')} characters GitHub takes`, { remedy: 'Make the notes shorter; the report has everything.' });
  const { html_url: address } = await api.send(releaseWrites.change, { release_id: found.id }, { body });
  return address;
}

/** Notes with the section in its place; comments that nobody sees mark where it begins and ends. */
export function withSection(body: string, name: string, section: string): string {
  const key = name.replace(/[^\w.-]+/g, '-');
  const [begin, end] = [`<!-- slipway: ${key} -->`, `<!-- slipway end: ${key} -->`];
  const text = `${begin}\n${section.trim()}\n${end}`;
  const from = body.indexOf(begin);
  const to = body.indexOf(end, from);
  if (from >= 0 && to > from) return body.slice(0, from) + text + body.slice(to + end.length);
  return body.trim() === '' ? text : `${body.trimEnd()}\n\n${text}`;
}
