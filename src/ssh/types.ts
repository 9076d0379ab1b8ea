import type { Duplex, Readable, Writable } from 'node:stream';

/** What the SSH part needs to know of a host. The config's HostConfig has all of it. */
export interface HostAddress {
  /** `user@address:port` as written in the config: how logs and errors name the host. */
  readonly name: string;
  readonly user: string;
  /** A DNS name or an IP address, IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  /** Pinned keys, each `type base64`; may be empty when Credentials.knownHosts names the host. */
  readonly hostKeys: readonly string[];
  readonly jump?: HostAddress | undefined;
  /** Folders put before PATH in every remote script. */
  readonly path: readonly string[];
  /** Milliseconds for everything from the name lookup to the login, for each hop. */
  readonly connectTimeout: number;
  /** Milliseconds between signs of life; three unanswered ones in a row mean a lost link. 0 switches it off. */
  readonly keepalive: number;
}

/** How the login is proven; the same for a host and its jump hosts. */
export interface Credentials {
  /** The private key's text, OpenSSH or PEM. */
  readonly privateKey?: string | undefined;
  readonly passphrase?: string | undefined;
  /** The socket of an ssh-agent. Tried after the key. */
  readonly agent?: string | undefined;
  readonly sudoPassword?: string | undefined;
  /** Text in known_hosts form: pins in addition to those of the config. */
  readonly knownHosts?: string | undefined;
}

/** What one remote command left behind. A signal or a missing exit code never reaches here: they are thrown. */
export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  /** Data for the command's standard input; the channel's input is closed after it. */
  readonly input?: Readable | Buffer | string | undefined;
  /**
   * Called with each full line as it arrives; both streams are collected in the result as well: the last 1 MiB of
   * stderr, and 64 MiB of stdout. More stdout than that throws, unless `onStdout` is given: then the last 64 MiB stay.
   */
  readonly onStdout?: ((line: string) => void) | undefined;
  /** Where standard output goes as it comes, byte by byte, as fast as it takes it; the result has none of it then. Destroyed when the command fails. */
  readonly output?: Writable | undefined;
  readonly onStderr?: ((line: string) => void) | undefined;
  /** No output for this long, in milliseconds, is a failure. */
  readonly idleLimit?: number | undefined;
  /** The whole command may take this long, in milliseconds. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** What the time line calls it. */
  readonly label?: string | undefined;
  /** Runs as root through sudo (password on stdin when the host has one); a no-op when the login is root. */
  readonly sudo?: boolean | undefined;
  /** Keep the channel's input open until the command ends, so that a lost link reaches the command as end of file. */
  readonly holdInput?: boolean | undefined;
}

/** A channel that stays open and is spoken to in lines: the lease's heartbeat. */
export interface Session {
  /** Resolves with each next line of stdout within `limit` milliseconds; rejects with an SshError when the channel ends first. */
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
  open(script: string, args?: readonly string[], options?: { sudo?: boolean | undefined; label?: string | undefined }): Promise<Session>;
  /** Opens a TCP stream to `host:port` as seen from the remote host (direct-tcpip). */
  forward(host: string, port: number): Promise<Duplex>;
  /** How many exec and open calls were made so far. */
  readonly calls: number;
  /** Bytes written to and read from the socket so far; behind a jump host, those of the socket to the jump host. */
  readonly traffic: { readonly sent: number; readonly received: number };
  /** Where the time went: a line for the login and for each call, in milliseconds since the connection was begun. */
  readonly timeline: readonly string[];
  close(): Promise<void>;
}
