import type { Backup } from '../databases/host-data.js';

/** A backup as JSON and tables have it. */
export interface BackupRow {
  readonly database: string;
  readonly host: string;
  readonly id: string;
  readonly engine: string;
  readonly began: string;
  /** Milliseconds. */
  readonly duration: number;
  /** Bytes of the dump, and of the archive. */
  readonly size: number;
  readonly stored: number;
  readonly encrypted: Backup['encrypted'];
  readonly why: string;
  readonly state: Backup['state'];
  readonly reason?: string | undefined;
  readonly release?: string | undefined;
  readonly schema?: string | undefined;
  readonly verifiedAt?: string | undefined;
  readonly drilledAt?: string | undefined;
  readonly copies: readonly string[];
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>;
}
