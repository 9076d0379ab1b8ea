import * as z from 'zod';
import { keyOfIssue } from '../watch/alarms.js';
import type { AlarmBoard } from '../watch/board.js';
import { incidentMark, incidentText, incidentTitle, type IncidentBoard } from '../watch/incident.js';
import type { GitHubApi, Route, Write } from './api.js';
import { openLabelled } from './labelled-issue.js';
import { evenLocked } from './locked-issues.js';
import { labels } from './sign-off-routes.js';

/** By this label people find the issues of `watch`, and `watch` finds them again. */
const LABEL = 'slipway-watch';
/** The same for rollbacks. */
const INCIDENTS = 'slipway-rollback';

const issue = z.object({
  labels, number: z.number(), html_url: z.string(), title: z.string(), body: z.string().nullish(), pull_request: z.object({}).nullish(),
  user: z.object({ login: z.string(), type: z.string().optional() }).nullable(),
});
const PATH = '/repos/{owner}/{repo}/issues';

export const alarmRoutes = {
  list: { path: PATH, what: 'the open issues', permission: 'issues: read', answer: issue },
} as const satisfies Record<string, Route<unknown>>;

export const alarmWrites = {
  open: { method: 'POST', path: PATH, what: 'what came of it (open an issue)', does: 'open an issue', permission: 'issues: write', answer: issue, repeatable: false },
  change: { method: 'PATCH', path: `${PATH}/{issue_number}`, what: 'what came of it (change an issue)', does: 'change an issue', permission: 'issues: write', answer: issue, repeatable: true },
  comment: {
    method: 'POST', path: `${PATH}/{issue_number}/comments`, what: 'what came of it (comment on an issue)', does: 'take a comment', permission: 'issues: write',
    answer: z.object({ id: z.number() }), repeatable: false,
  },
} as const satisfies Record<string, Write<unknown>>;

/** @throws GitHubError from each of its functions; a missing permission is named. */
export function alarmBoard(api: GitHubApi): AlarmBoard {
  return {
    open: async () => {
      const issues = await api.list(alarmRoutes.list, {}, { state: 'open', labels: LABEL });
      // Anybody may write a body with our mark in it: only what a token like ours has opened counts.
      return issues.flatMap(({ number, title, body, user, pull_request: pull }) => {
        const key = keyOfIssue(body);
        return key === undefined || user?.type !== 'Bot' || (pull !== null && pull !== undefined) ? [] : [{ number, key, title, body: body ?? '' }];
      });
    },
    apply: async (change) => {
      if (change.do === 'open') return (await openLabelled(api, alarmWrites, { title: change.title, body: change.body }, LABEL)).html_url;
      const path = { issue_number: change.number };
      const { comment } = change;
      if (comment !== undefined) await evenLocked(api, change.number, () => api.send(alarmWrites.comment, path, { body: comment }));
      const body = change.do === 'close' ? { state: 'closed', state_reason: 'completed' } : { title: change.title, body: change.body };
      return (await evenLocked(api, change.number, () => api.send(alarmWrites.change, path, body))).html_url;
    },
  };
}

/** @throws GitHubError from its function; a missing permission is named. */
export function incidentBoard(api: GitHubApi): IncidentBoard {
  return {
    tell: async (incident) => {
      const open = await api.list(alarmRoutes.list, {}, { state: 'open', labels: INCIDENTS });
      const mark = incidentMark(incident.environment);
      const known = open.find(({ body, user }) => body?.startsWith(mark) === true && user?.type === 'Bot');
      const text = incidentText(incident);
      if (known === undefined) return (await openLabelled(api, alarmWrites, { title: incidentTitle(incident), body: `${mark}\n${text}` }, INCIDENTS)).html_url;
      await evenLocked(api, known.number, () => api.send(alarmWrites.comment, { issue_number: known.number }, { body: text }));
      return known.html_url;
    },
  };
}
