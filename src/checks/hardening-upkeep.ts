import { formatDuration } from '../evidence/format.js';
import { factsFor } from './hardening-firewall.js';
import type { AptFacts, HardeningFacts } from './hardening-facts.js';
import { fail, pass, skip, verdict, type HostCheck } from './model.js';

const base = { family: 'hardening', scope: 'host', severity: 'warn' } as const;

const DAY = 86_400_000;

/** Lists older than this say nothing about what is pending; apt's own timer fetches them daily. */
const LISTS_MAX_AGE = 7 * DAY;

/** What bans addresses without a word about jails. */
const OTHER_GUARDS = ['crowdsec', 'sshguard'];

export const upkeep: readonly HostCheck[] = [
  {
    ...base, id: 'preflight.hardening.bans', requirement: ['HD-03'],
    title: 'Who guesses at SSH logins is banned',
    remedy: 'Run `slipway server <environment>`; by hand: sudo apt-get install fail2ban, and `enabled = true` below `[sshd]` in /etc/fail2ban/jail.local.',
    run(visit, context) {
      const facts = factsFor(visit, context, 'ban');
      if (facts === undefined) return undefined;
      const expected = 'fail2ban with a jail for sshd, crowdsec or sshguard';
      const other = OTHER_GUARDS.find((name) => runs(facts, name));
      if (other !== undefined) return pass(other, expected);
      if (!runs(facts, 'fail2ban')) return fail(facts.jails === undefined ? 'none installed' : 'fail2ban does not run', expected);
      const names = facts.jails?.names ?? [];
      return verdict(names.includes('sshd'), `fail2ban, jails: ${names.join(', ') || 'none'}`, expected);
    },
  },
  {
    ...base, id: 'preflight.hardening.runner-banned', requirement: ['HD-03'],
    title: 'The runner itself is not banned',
    remedy: 'On the host: sudo fail2ban-client unban <address>; put the runner\'s address into `server.harden.ban-ignore`.',
    run(visit, context) {
      const facts = factsFor(visit, context, 'ban');
      if (facts?.jails?.by !== 'effective' || facts.login.from === undefined) return undefined;
      const { banUs } = facts.jails;
      return verdict(banUs.length === 0, banUs.length === 0 ? `${facts.login.from} is free` : `${facts.login.from} is banned by ${banUs.join(', ')}`, 'banned by no jail', {
        remedy: `On the host: sudo fail2ban-client unban ${facts.login.from}; where that address stays, put it into \`server.harden.ban-ignore\`.`,
      });
    },
  },
  {
    ...base, id: 'preflight.hardening.updates', requirement: ['HD-04'],
    title: 'Security updates install themselves',
    remedy: 'Run `slipway server <environment>`; by hand: sudo apt-get install unattended-upgrades && sudo dpkg-reconfigure --priority=low unattended-upgrades.',
    run(visit, context) {
      const facts = factsFor(visit, context);
      if (facts?.apt === undefined || !context.config.server.updates) return undefined;
      const fault = automaticFault(facts.apt, facts);
      return verdict(fault === undefined, fault ?? 'unattended-upgrades, daily', 'unattended-upgrades for the archive of security updates');
    },
  },
  {
    ...base, id: 'preflight.hardening.updates-pending', requirement: ['HD-04'],
    title: 'No security update is pending',
    remedy: 'On the host: sudo apt-get update && sudo apt-get upgrade, when the app may restart.',
    run(visit, context) {
      const facts = factsFor(visit, context);
      if (facts?.apt === undefined) return undefined;
      const { lists, pending } = facts.apt;
      const expected = 'none, by lists of this week';
      if (lists === undefined) return skip('the host has no lists of packages', expected, { remedy: 'On the host: sudo apt-get update, once; unattended-upgrades does so daily.' });
      // Both times are the host's own.
      const age = Math.max(0, (visit.facts.clock.begin || context.now.getTime()) - lists);
      if (age > LISTS_MAX_AGE) return fail(`not known: the lists of packages are ${formatDuration(age)} old`, expected);
      if (pending === undefined) return skip('apt did not answer in time', expected, { remedy: 'Look yourself, on the host: apt-get -s upgrade' });
      if (pending.security === 0) return pass(pending.all === 0 ? 'none' : `none (${pending.all} of other kinds)`, expected);
      const more = pending.security - pending.names.length;
      return fail(`${pending.security}: ${pending.names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`, expected);
    },
  },
  {
    ...base, id: 'preflight.hardening.restart', requirement: ['HD-04'],
    title: 'No update waits for a restart of the host',
    remedy: 'Restart the host in a quiet hour (sudo systemctl reboot), or set `server.reboot-at`; the services come back by themselves.',
    run(visit, context) {
      const facts = factsFor(visit, context);
      if (facts?.apt === undefined) return undefined;
      return facts.reboot === undefined ? pass('none', 'none') : fail(facts.reboot === '' ? 'the host asks for a restart' : `asked for by ${facts.reboot}`, 'none');
    },
  },
];

/** Whether a unit of this name is active. */
export function runs({ units }: HardeningFacts, name: string): boolean {
  return units[`${name}.service`]?.active === true;
}

/** What keeps updates from being installed: https://wiki.debian.org/UnattendedUpgrades, apt.conf.d/20auto-upgrades. */
function automaticFault({ config, unattended }: AptFacts, { units }: HardeningFacts): string | undefined {
  const value = (name: string): string | undefined => new RegExp(`^${name} "(.*)";$`).exec(config.find((line) => line.startsWith(`${name} `)) ?? '')?.[1];
  const off = (name: string): boolean => ['', '0', undefined].includes(value(name));
  if (!unattended) return 'unattended-upgrades is not installed';
  if (value('APT::Periodic::Enable') === '0') return 'APT::Periodic::Enable is 0';
  if (off('APT::Periodic::Unattended-Upgrade')) return 'unattended-upgrades is installed and not switched on';
  if (off('APT::Periodic::Update-Package-Lists')) return 'the lists of packages are not fetched by themselves';
  if (!config.some((line) => line.startsWith('Unattended-Upgrade::') && /security|\$\{distro_codename\}-security/i.test(line))) return 'no archive of security updates is among its origins';
  const timer = units['apt-daily-upgrade.timer'];
  return timer === undefined || timer.active || timer.enabled === 'enabled' ? undefined : `apt-daily-upgrade.timer is ${timer.enabled}`;
}
