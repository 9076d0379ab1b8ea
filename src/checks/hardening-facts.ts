import { readFirewall, type FirewallState } from './firewall-facts.js';

/** What a host tells of how it is closed and looked after (`harden=yes` of `preflight.sh`). */
export interface HardeningFacts {
  /** By whose rights what only root may see was asked: `none`, it was not; `listed`, the login may run some commands. */
  readonly rootBy: 'root' | 'sudo' | 'listed' | 'none';
  /** The address this login came from, and the port it came in by, as the host sees them. */
  readonly login: { readonly from?: string; readonly port?: number };
  /** systemd's units by name (`nginx.service`), where they exist; without systemd the processes that run. */
  readonly units: Readonly<Record<string, { readonly active: boolean; readonly enabled: string }>>;
  readonly firewall: FirewallState;
  readonly sshd?: SshdFacts;
  /** Of fail2ban; absent where it is not installed. */
  readonly jails?: { readonly by: 'effective' | 'files'; readonly names: readonly string[]; readonly banUs: readonly string[] };
  readonly apt?: AptFacts;
  /** The packages that ask for a restart of the host; absent when none is due. */
  readonly reboot?: string;
  readonly nginx: {
    /** `ok`, or nginx's own words; absent when only root may ask. */
    readonly test?: string;
    /** Each `server_name` and `server_tokens` of the files that nginx reads. */
    readonly lines: readonly { readonly file: string; readonly text: string }[];
  };
  readonly logs: {
    readonly logrotate: boolean; readonly cron: boolean; readonly paths: readonly string[]; readonly pm2Module: boolean;
    /** By setting, as the last file says. */
    readonly journal: Readonly<Record<string, string>>;
  };
  /** Whether PM2 knows which processes to start again. */
  readonly pm2Saved: boolean;
}

export interface SshdFacts {
  /** What the daemon itself says, or what its files say up to the first `Match`. */
  readonly by: 'effective' | 'files';
  /** By name in lower case; the first counts, but for `port`. */
  readonly values: Readonly<Record<string, readonly string[]>>;
  /** Files the login may not read. */
  readonly unread: readonly string[];
}

export interface AptFacts {
  /** Lines of `apt-config dump`. */
  readonly config: readonly string[];
  readonly unattended: boolean;
  /** Epoch milliseconds of the last look at the archives; absent when there never was one. */
  readonly lists?: number;
  /** What an upgrade would install; absent when apt did not say in time. */
  readonly pending?: { readonly all: number; readonly security: number; readonly names: readonly string[] };
}

/** The facts, or undefined when the host was not asked for them. */
export function readHardening(all: (key: string) => readonly string[]): HardeningFacts | undefined {
  const by = all('root-by')[0];
  if (by === undefined) return undefined;
  const text = (key: string): string | undefined => all(key)[0];
  const [from, , , port] = (text('ssh-connection') ?? '').split(' ');
  const reboot = text('reboot');
  const sshd = readSshd(all);
  const jailsBy = text('jails-by');
  return {
    rootBy: by === 'root' || by === 'sudo' || by === 'listed' ? by : 'none',
    login: { ...(from ? { from } : {}), ...(port ? { port: Number(port) } : {}) },
    units: Object.fromEntries(all('unit').map((line) => line.split(' ')).map(([active, enabled = '-', id = '']) => [id, { active: active === 'active' || active === 'reloading', enabled }])),
    firewall: readFirewall(all),
    ...(sshd === undefined ? {} : { sshd }),
    ...(jailsBy === undefined ? {} : { jails: { by: jailsBy === 'effective' ? jailsBy : 'files', names: all('jail'), banUs: all('jail-bans-us') } }),
    ...(text('unattended-upgrade') === undefined ? {} : { apt: readApt(all) }),
    ...(reboot === undefined ? {} : { reboot: reboot.trim() }),
    nginx: {
      ...(text('nginx-test') === undefined ? {} : { test: text('nginx-test') ?? '' }),
      lines: all('nginx').map((line) => ({ file: line.split(' ')[0] ?? '', text: line.split(' ').slice(1).join(' ') })),
    },
    logs: {
      logrotate: text('logrotate') === 'yes', cron: text('logrotate-cron') === 'yes', paths: all('logrotate-path'), pm2Module: text('pm2-logrotate') === 'yes',
      journal: Object.fromEntries(all('journald').map((line) => [line.split(' ')[0] ?? '', line.split(' ').slice(1).join(' ')])),
    },
    pm2Saved: text('pm2-saved') === 'yes',
  };
}

function readSshd(all: (key: string) => readonly string[]): SshdFacts | undefined {
  const by = all('sshd-by')[0];
  if (by === undefined) return undefined;
  const values: Record<string, string[]> = {};
  for (const line of all('sshd')) {
    const [name = '', ...rest] = line.split(/\s+/);
    // An older name of the same: sshd_config(5).
    const key = name.toLowerCase().replace(/^challengeresponseauthentication$/, 'kbdinteractiveauthentication');
    values[key] = [...(values[key] ?? []), rest.join(' ').trim()];
  }
  return { by: by === 'effective' ? by : 'files', values, unread: all('sshd-unread') };
}

function readApt(all: (key: string) => readonly string[]): AptFacts {
  const lists = Number(all('apt-lists')[0]);
  const [total, security, ...names] = (all('updates')[0] ?? '').split(' ');
  return {
    config: all('apt'),
    unattended: all('unattended-upgrade')[0] === 'yes',
    ...(Number.isFinite(lists) ? { lists: lists * 1000 } : {}),
    ...(security === undefined ? {} : { pending: { all: Number(total), security: Number(security), names } }),
  };
}
