/** The phases a run goes through; each piece of evidence belongs to one. */
export type Phase = 'preflight' | 'backup' | 'deploy' | 'smoke' | 'rollback' | 'watch' | 'signoff' | 'server' | 'certbot';

export type Status = 'pass' | 'warn' | 'fail' | 'skip';

/** The record of one check or one step. Everything shown to people is rendered from it. */
export interface Evidence {
  /** Stable, such as `preflight.host.disk-free`: checklists and reports refer to it. */
  readonly id: string;
  readonly phase: Phase;
  readonly title: string;
  /** Host, URL, file or role the record is about. */
  readonly subject: string;
  readonly status: Status;
  readonly expected?: string;
  readonly observed?: string;
  /** What to do next, when the status is not `pass`. */
  readonly remedy?: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Milliseconds. */
  readonly duration: number;
  readonly data?: Readonly<Record<string, unknown>>;
}
