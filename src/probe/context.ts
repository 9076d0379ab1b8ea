import type { Lookup } from '../config/variables.js';
import type { Redactor } from '../evidence/redact.js';
import type { Reporter } from '../evidence/reporter.js';
import type { HttpOptions } from './http.js';

/** What scenarios need from outside. */
export interface ProbeContext {
  /** The environment's URL: paths of steps go below it. */
  readonly baseUrl?: string | undefined;
  /** Variables of the environment file and the process. */
  readonly lookup: Lookup;
  /** The id of the release that must answer, where it is known. */
  readonly release?: string | undefined;
  readonly http?: HttpOptions | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The workspace: files to upload and commands are found from here. */
  readonly cwd: string;
  /** The process's environment, for commands; inputs of the action are kept from them. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Told each step, and given each record: callers must not append them again. */
  readonly reporter: Reporter;
  /** Learns captured values that look like tokens. */
  readonly redactor?: Redactor | undefined;
}
