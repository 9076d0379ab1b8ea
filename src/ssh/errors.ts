import { UserError } from '../evidence/errors.js';

/** What went wrong with a connection or a remote command, apart from the command's own exit code. */
export type SshErrorKind =
  | 'dns' | 'refused' | 'unreachable' | 'timeout' | 'not-ssh' | 'busy' | 'kex'
  | 'host-key-unknown' | 'host-key-changed' | 'host-key-revoked'
  | 'auth' | 'agent' | 'aborted' | 'lost' | 'closed'
  | 'max-sessions' | 'exec' | 'ended' | 'signal' | 'no-exit-code' | 'output' | 'sudo' | 'forward';

/**
 * A connection or a remote command that failed. The message starts with the host's name as the config writes it and
 * says where on the way it happened; `remedy` says what to do.
 */
export class SshError extends UserError {
  readonly kind: SshErrorKind;
  /** The host that was wanted. */
  readonly host: string;
  /** The jump host at which it failed, when it was not the host itself. */
  readonly hop: string | undefined;

  constructor(kind: SshErrorKind, where: Where, message: string, options: { remedy?: string | undefined; cause?: unknown } = {}) {
    super(`${where.host}${where.hop === undefined ? '' : ` (at jump host ${where.hop})`}: ${message}`, options);
    this.name = 'SshError';
    this.kind = kind;
    this.host = where.host;
    this.hop = where.hop;
  }
}

/** The host wanted and, on the way to it, the jump host in question. */
export interface Where {
  readonly host: string;
  readonly hop?: string | undefined;
}
