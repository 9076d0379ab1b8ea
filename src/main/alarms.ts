import { alarmBoard, incidentBoard } from '../github/alarms.js';
import { GitHubApi } from '../github/api.js';
import type { Reporter } from '../evidence/reporter.js';
import type { AlarmBoard } from '../watch/board.js';
import type { IncidentBoard } from '../watch/incident.js';
import type { GitHubAccess } from './github.js';

/** The repository's issues, ready to be asked; undefined without a token or outside a workflow, where no repository is meant. */
export function alarmDoor(access: GitHubAccess | undefined, world: { reporter: Reporter; signal: AbortSignal }): (() => Promise<AlarmBoard & IncidentBoard>) | undefined {
  const { token, repository, apiUrl = '' } = access ?? {};
  if (token === undefined || repository === undefined) return undefined;
  return () => {
    const api = new GitHubApi({ baseUrl: apiUrl, repository, token, signal: world.signal, debug: (text) => world.reporter.debug(text) });
    return Promise.resolve({ ...alarmBoard(api), ...incidentBoard(api) });
  };
}
