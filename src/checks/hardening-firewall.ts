import type { Opening } from './firewall-facts.js';
import type { HardeningFacts } from './hardening-facts.js';
import { fail, pass, skip, verdict, type CheckContext, type HostCheck, type HostVisit, type Outcome } from './model.js';

const base = { family: 'hardening', scope: 'host', severity: 'warn', requirement: ['HD-01'] } as const;

/** Devices that no stranger reaches: of containers, virtual private networks. */
const PRIVATE_DEVICE = /^(?:docker|br-|veth|cni|wg|tun|tap|tailscale|virbr)/;

/** What only root may see is not guessed at. */
export function needsRoot(command: string, expected: string): Outcome {
  return skip(`not visible to this login: needs root for \`${command}\``, expected, {
    remedy: `Allow the login to run it with sudo and without a password, and set \`sudo: true\` at the host; or look yourself: sudo ${command}`,
  });
}

type Part = 'firewall' | 'ssh' | 'ban';

/** The facts, unless nobody asked or the team declined this part of hardening. */
export function factsFor(visit: HostVisit, context: CheckContext, part?: Part): HardeningFacts | undefined {
  const { harden } = context.config.server;
  if (part !== undefined && (harden === false || !harden[part])) return undefined;
  return visit.facts?.hardening;
}

export const firewall: readonly HostCheck[] = [
  {
    ...base, id: 'preflight.hardening.firewall',
    title: 'A firewall is active on the host',
    remedy: 'Run `slipway server <environment>`: it lets SSH in first, then http and https, and closes the rest. By hand: sudo ufw allow OpenSSH, sudo ufw allow 80,443/tcp, sudo ufw enable.',
    run(visit, context) {
      const facts = factsFor(visit, context, 'firewall');
      if (facts === undefined) return undefined;
      const expected = 'ufw, firewalld or rules of nftables';
      if (facts.firewall === 'unseen') return needsRoot('nft list ruleset', expected);
      return facts.firewall === 'none' ? fail('none active', expected) : pass(facts.firewall.tool, expected);
    },
  },
  {
    ...base, id: 'preflight.hardening.firewall-default', severity: 'block',
    title: 'The firewall denies what no rule allows',
    remedy: 'With SSH allowed (sudo ufw status): sudo ufw default deny incoming.',
    run(visit, context) {
      const state = factsFor(visit, context, 'firewall')?.firewall;
      if (state === undefined || typeof state === 'string') return undefined;
      return verdict(state.incoming === 'deny', `${state.tool} ${state.incoming === 'deny' ? 'denies' : 'allows'} by default`, 'deny');
    },
  },
  {
    ...base, id: 'preflight.hardening.firewall-ports',
    title: 'The firewall lets in SSH, http and https alone',
    remedy: 'Close what nobody outside needs (sudo ufw delete allow <port>), or declare it: `server.harden.allow`, `preflight.listening`.',
    run(visit, context) {
      const facts = factsFor(visit, context, 'firewall');
      const state = facts?.firewall;
      if (facts === undefined || state === undefined || typeof state === 'string' || state.incoming === 'allow') return undefined;
      const ssh = sshPort(facts, visit);
      const { server, preflight } = context.config;
      const declared = [...(server.harden === false ? [] : server.harden.allow), ...(preflight.listening ?? []).map((port) => `${port}`)];
      const expected = `${ssh}, 80, 443${declared.length === 0 ? '' : ` and ${declared.join(', ')}`}`;
      if (state.openings === undefined) return needsRoot(state.tool === 'ufw' ? 'ufw status verbose' : 'nft list ruleset', expected);
      if (!state.openings.some((opening) => covers(opening.port, ssh) && opening.protocol !== 'udp')) {
        return fail(`SSH (port ${ssh}) is not let in: this connection may be the last`, expected, { remedy: `Now, before you log out: sudo ufw allow ${ssh}/tcp.` });
      }
      // The port of the configuration too, which `server` opens: a router may forward it to another.
      const allowed = new Set([`${ssh}/tcp`, `${visit.host.port}/tcp`, '80/tcp', '443/tcp', '443/udp', ...declared]);
      const other = state.openings.filter((opening) => isPublic(opening) && !isAllowed(opening, allowed));
      return verdict(other.length === 0, other.length === 0 ? state.openings.map(named).join(', ') : `also open: ${other.map(named).join(', ')}`, expected);
    },
  },
];

/** The port sshd was reached at, as the host sees it: in front of it may stand a router that forwards another. */
function sshPort(facts: HardeningFacts, { host }: HostVisit): number {
  return facts.login.port ?? Number(facts.sshd?.values['port']?.[0] ?? host.port);
}

function covers(range: string, port: number): boolean {
  const [first = '', last = first] = range.split(':');
  return range === 'any' || (port >= Number(first) && port <= Number(last));
}

/** What is open to known addresses, or to a private device, is not open to the public. */
function isPublic({ from, device }: Opening): boolean {
  return (from === undefined || from === '0.0.0.0/0' || from === '::/0') && (device === undefined || !PRIVATE_DEVICE.test(device));
}

/** A rule for both protocols (`ufw allow 22`) opens a little more than was declared, and nothing that listens. */
function isAllowed({ port, protocol }: Opening, allowed: ReadonlySet<string>): boolean {
  return allowed.has(port) || (protocol === 'any' ? allowed.has(`${port}/tcp`) || allowed.has(`${port}/udp`) : allowed.has(`${port}/${protocol}`));
}

function named({ port, protocol, from, device }: Opening): string {
  return `${port === 'any' ? 'everything' : port}${protocol === 'any' || port === 'any' ? '' : `/${protocol}`}${from === undefined ? '' : ` from ${from}`}${device === undefined ? '' : ` on ${device}`}`;
}
