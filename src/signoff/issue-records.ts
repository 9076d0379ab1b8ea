import * as z from 'zod';
import { WRITER, type CommentFacts } from './issue-facts.js';

/**
 * What Slipway writes below a go-live issue for itself, invisible in its comments. A record counts only in a comment of the
 * job's own token that nobody has changed. The signatures themselves are the people's comments, read again each time; the
 * records only keep a comment that was deleted or changed from being forgotten.
 */
const opening = z.object({ app: z.string(), environment: z.string(), release: z.string(), digest: z.string().regex(/^[0-9a-f]{64}$/), run: z.number(), commit: z.string() });
const answers = z.array(z.object({
  comment: z.number(),
  updated: z.string(),
  login: z.string(),
  entries: z.array(z.object({ role: z.string(), outcome: z.enum(['approved', 'rejected', 'refused', 'gone']) })),
}));
const started = z.object({ approvals: z.array(z.number()), url: z.string() });

export type Opening = z.output<typeof opening>;
export type AnswerRecord = z.output<typeof answers>[number];
export type Started = z.output<typeof started>;

const KINDS = { release: opening, answers, started } as const;
type Kind = keyof typeof KINDS;

export interface Records {
  /** What the issue is about; undefined: nobody has said, or the comment that said so was changed or deleted. */
  readonly opening: (Opening & { readonly comment: number }) | undefined;
  readonly answers: readonly AnswerRecord[];
  readonly started: readonly Started[];
  /** A comment of Slipway's own that somebody has changed: what it kept is not known any more. */
  readonly changed: number | undefined;
}

/** A record as it stands in a comment. */
export function mark(kind: Kind, value: Opening | readonly AnswerRecord[] | Started): string {
  // A tag may be called `-->`.
  return `<!-- slipway:${kind} ${JSON.stringify(KINDS[kind].parse(value)).replace(/[<>-]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`)} -->`;
}

export function recordsOf(comments: readonly CommentFacts[]): Records {
  const own = comments.filter(({ login, bot, created, updated }) => login === WRITER && bot && created === updated);
  const changed = comments.find(({ login, bot, created, updated }) => login === WRITER && bot && created !== updated);
  const [first] = own.flatMap(({ id, body }) => read('release', body).map((value) => ({ ...opening.parse(value), comment: id })));
  return {
    opening: first,
    answers: own.flatMap(({ body }) => read('answers', body).flatMap((value) => answers.parse(value))),
    changed: changed?.id,
    started: own.flatMap(({ body }) => read('started', body).map((value) => started.parse(value))),
  };
}

/** The records of a kind in a text; what is none is passed over. */
export function read(kind: Kind, text: string): unknown[] {
  return [...text.matchAll(new RegExp(`<!-- slipway:${kind} ([^<>]*) -->`, 'g'))].flatMap(([, json = '']) => {
    try {
      const { success, data } = KINDS[kind].safeParse(JSON.parse(json));
      return success ? [data] : [];
    } catch {
      return [];
    }
  });
}

/** What the body of an issue says it is about: for finding it only, as anybody who may edit issues may change it. */
export function claimOf(body: string): Opening | undefined {
  return read('release', body).map((value) => opening.parse(value))[0];
}
