import { factsFor, needsRoot } from './hardening-firewall.js';
import type { SshdFacts } from './hardening-facts.js';
import { verdict, type CheckContext, type HostCheck, type HostVisit, type Outcome } from './model.js';

/** What holds where no file says otherwise: sshd_config(5), https://man.openbsd.org/sshd_config. */
const DEFAULTS: Readonly<Record<string, string>> = {
  permitrootlogin: 'prohibit-password', passwordauthentication: 'yes', kbdinteractiveauthentication: 'yes', usepam: 'no',
  permitemptypasswords: 'no', maxauthtries: '6', x11forwarding: 'no',
};

/** Names as people know them, for what is observed. */
const NAMES: Readonly<Record<string, string>> = {
  permitrootlogin: 'PermitRootLogin', passwordauthentication: 'PasswordAuthentication', kbdinteractiveauthentication: 'KbdInteractiveAuthentication',
  permitemptypasswords: 'PermitEmptyPasswords', maxauthtries: 'MaxAuthTries', x11forwarding: 'X11Forwarding',
};

const base = { family: 'hardening', scope: 'host', severity: 'warn', requirement: ['HD-02'] } as const;
const AFTER = 'then: sudo sshd -t && sudo systemctl reload ssh, and try a second login before you close the first. `slipway server <environment>` does both.';
const file = (line: string): string => `In a file below /etc/ssh/sshd_config.d/: ${line}; ${AFTER}`;

type Read = (name: string) => string;

/** Puts a question to the settings; it is not answered where one of them stands in a file that is not read. */
function ask(visit: HostVisit, context: CheckContext, names: readonly string[], expected: string, judge: (read: Read) => boolean): Outcome | undefined {
  const sshd = factsFor(visit, context, 'ssh')?.sshd;
  if (sshd === undefined) return undefined;
  const values = new Map(names.map((name) => [name, valueOf(sshd, name)]));
  if ([...values.values()].some((value) => value === undefined)) return needsRoot('sshd -T', expected);
  const observed = [...values].filter(([name]) => name in NAMES).map(([name, value]) => `${NAMES[name] ?? name} ${value ?? ''}`).join(', ');
  return verdict(judge((name) => values.get(name) ?? ''), `${observed}${sshd.by === 'files' ? ' (as its files say)' : ''}`, expected);
}

/** The first value counts, and the files that may not be read could hold an earlier one. */
function valueOf({ values, unread, by }: SshdFacts, name: string): string | undefined {
  const value = values[name]?.[0]?.toLowerCase();
  if (by === 'files' && unread.length > 0) return undefined;
  return (value ?? DEFAULTS[name])?.replace(/^without-password$/, 'prohibit-password');
}

/** PAM asks for passwords by way of keyboard-interactive. */
const takesPasswords = (read: Read): boolean => read('passwordauthentication') === 'yes' || (read('kbdinteractiveauthentication') === 'yes' && read('usepam') === 'yes');

export const sshd: readonly HostCheck[] = [
  {
    ...base, id: 'preflight.hardening.root-password', severity: 'block',
    title: 'Nobody logs in as root with a password',
    remedy: file('`PermitRootLogin no`'),
    run: (visit, context) => ask(visit, context, ['permitrootlogin', 'passwordauthentication', 'kbdinteractiveauthentication', 'usepam'], 'no root with a password',
      (read) => read('permitrootlogin') !== 'yes' || !takesPasswords(read)),
  },
  {
    ...base, id: 'preflight.hardening.root-login',
    title: 'root logs in with a key, or not at all',
    remedy: file('`PermitRootLogin no`'),
    run: (visit, context) => ask(visit, context, ['permitrootlogin'], 'PermitRootLogin no or prohibit-password', (read) => read('permitrootlogin') !== 'yes'),
  },
  {
    ...base, id: 'preflight.hardening.passwords',
    title: 'SSH takes keys and no passwords',
    remedy: file('`PasswordAuthentication no`, `KbdInteractiveAuthentication no` and `PermitEmptyPasswords no`'),
    run: (visit, context) => ask(visit, context, ['passwordauthentication', 'kbdinteractiveauthentication', 'permitemptypasswords'], 'all three no',
      (read) => ['passwordauthentication', 'kbdinteractiveauthentication', 'permitemptypasswords'].every((name) => read(name) === 'no')),
  },
  {
    ...base, id: 'preflight.hardening.auth-tries',
    title: 'SSH ends a connection after a few tries',
    remedy: file('`MaxAuthTries 4`'),
    run: (visit, context) => ask(visit, context, ['maxauthtries'], 'MaxAuthTries 6 or less', (read) => Number(read('maxauthtries')) <= 6),
  },
  {
    ...base, id: 'preflight.hardening.x11-forwarding',
    title: 'SSH forwards no X11',
    remedy: file('`X11Forwarding no`'),
    run: (visit, context) => ask(visit, context, ['x11forwarding'], 'X11Forwarding no', (read) => read('x11forwarding') === 'no'),
  },
];
