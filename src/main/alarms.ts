import { alarmBoard, incidentBoard } from '../github/alarms.js';
import type { Reporter } from '../evidence/reporter.js';
import type { AlarmBoard } from '../watch/board.js';
import type { IncidentBoard } from '../watch/incident.js';
import { ownClient } from './github.js';
import type { GitHubAccess } from './github-access.js';

/** The repository's issues, ready to be asked; undefined without a token or outside a workflow, where no repository is meant. */
export function alarmDoor(access: GitHubAccess | undefined, world: { reporter: Reporter; signal: AbortSignal }): (() => Promise<AlarmBoard & IncidentBoard>) | undefined {
  const api = ownClient(access, world);
  return api === undefined ? undefined : () => Promise.resolve({ ...alarmBoard(api), ...incidentBoard(api) });
}
