import type { Readable } from 'node:stream';

/** What one remote command left behind. A signal or a missing exit code never reaches here: they are thrown. */
export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  /** Data for the command's standard input; the channel's input is closed after it. */
  readonly input?: Readable | Buffer | string;
  /** Called with each full line as it arrives; both streams are still collected in the result (last 1 MiB). */
  readonly onStdout?: (line: string) => void;
  readonly onStderr?: (line: string) => void;
  /** No output for this long, in milliseconds, is a failure. */
  readonly idleLimit?: number;
  /** The whole command may take this long, in milliseconds. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
  /** Runs as root through sudo (password on stdin when the host has one); a no-op when the login is root. */
  readonly sudo?: boolean;
  /** Keep the channel's input open until the command ends, so that a lost link reaches the command as end of file. */
  readonly holdInput?: boolean;
}

/** A channel that stays open and is spoken to in lines: the lease's heartbeat. */
export interface Session {
  /** Resolves with each next line of stdout; rejects with an SshError when the channel ends first. */
  nextLine(limit: number): Promise<string>;
  write(text: string): void;
  /** Closes the input and waits for the exit code. */
  end(): Promise<ExecResult>;
  /** Settles when the channel ends, for whatever reason. */
  readonly ended: Promise<ExecResult>;
}

/** One connection to one host, with many channels. */
export interface Connection {
  /** `user@address:port`, as written in the config: how logs and errors name the host. */
  readonly name: string;
  readonly user: string;
  /** Runs `script` (POSIX sh text, sent as it stands) with `args` as "$1", "$2" … through the quoting function. Any exit code resolves; signals, lost links and limits throw. */
  exec(script: string, args?: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Like exec, for a conversation in lines. */
  open(script: string, args?: readonly string[], options?: { sudo?: boolean }): Promise<Session>;
  /** Opens a TCP stream to `host:port` as seen from the remote host (direct-tcpip). */
  forward(host: string, port: number): Promise<import('node:stream').Duplex>;
  /** How many exec and open calls were made so far. */
  readonly calls: number;
  /** Bytes written to and read from the socket so far. */
  readonly traffic: { readonly sent: number; readonly received: number };
  close(): Promise<void>;
}
