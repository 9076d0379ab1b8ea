/** One thing a firewall lets in. */
export interface Opening {
  /** `22`, `3000:3010`; `any`: every port. */
  readonly port: string;
  readonly protocol: 'tcp' | 'udp' | 'any';
  /** An address or network; absent: from anywhere. */
  readonly from?: string;
  /** Only packets that come in here. */
  readonly device?: string;
}

export interface Firewall {
  readonly tool: 'ufw' | 'firewalld' | 'nftables' | 'iptables';
  /** What becomes of packets that no rule names. */
  readonly incoming: 'deny' | 'allow';
  /** Absent: only root may see the rules, or they lead on to chains that are not read. */
  readonly openings?: readonly Opening[];
}

/** `none`: none is active; `unseen`: only root could tell. */
export type FirewallState = Firewall | 'none' | 'unseen';

/** Firewalld's names of services: https://firewalld.org/documentation/service/, as far as a web server has them open. */
const SERVICES: Readonly<Record<string, string>> = { ssh: '22', http: '80', https: '443' };

/** The firewall that `preflight.sh` tells of: the first that is active of ufw, firewalld, nftables, iptables. */
export function readFirewall(all: (key: string) => readonly string[]): FirewallState {
  const status = all('ufw');
  if (status.some((line) => /^Status: active$/.test(line))) return readUfw(status);
  const file = all('ufw-file');
  if (status.length === 0 && file.includes('ENABLED yes')) return { tool: 'ufw', incoming: file.includes('DEFAULT_INPUT_POLICY ACCEPT') ? 'allow' : 'deny' };
  if (all('firewalld').length > 0) return readFirewalld(all('firewalld'));
  const chains = readNft(all('nft')) ?? readIptables(all('iptables'));
  if (chains !== undefined) return chains;
  const asked = all('root-by')[0];
  const told = status.length + all('nft').length + all('iptables').length > 0;
  return all('firewall-tool').length === 0 || asked === 'root' || asked === 'sudo' || told ? 'none' : 'unseen';
}

/** `ufw status verbose`. */
function readUfw(lines: readonly string[]): Firewall {
  const openings = lines.flatMap((line): Opening[] => {
    const [, to = '', way, source = ''] = /^(.*?)\s+(?:ALLOW|LIMIT)(?: (IN|OUT|FWD))?\s+(.*?)\s*(?:# .*)?$/.exec(line) ?? [];
    if (to === '' || way === 'OUT' || way === 'FWD') return [];
    const [, what = to, device] = /^(.*?) on (\S+)$/.exec(to.replace(/\s*\(.*\)/g, '')) ?? [, to.replace(/\s*\(.*\)/g, '')];
    const [ports = '', protocol] = /(?:^|\s)([\d,:]+(?:\/(?:tcp|udp))?)$/.exec(what.trim())?.[1]?.split('/') ?? [];
    const from = source.replace(/\s*\((?:v6|log|log-all|out)\)/g, '').trim();
    return opened(ports === '' ? ['any'] : ports.split(','), protocol, from === 'Anywhere' ? undefined : from, device);
  });
  return { tool: 'ufw', incoming: lines.some((line) => /^Default: allow \(incoming\)/.test(line)) ? 'allow' : 'deny', openings: distinct(openings) };
}

/** `firewall-cmd --list-all`: the default zone. */
function readFirewalld(lines: readonly string[]): Firewall {
  const words = (key: string): string[] => lines.find((line) => line.trim().startsWith(`${key}:`))?.split(':').slice(1).join(':').trim().split(/\s+/).filter(Boolean) ?? [];
  const services = words('services').filter((name) => !name.startsWith('dhcp'));
  const openings = [
    ...services.map((name): Opening => ({ port: SERVICES[name] ?? name, protocol: 'tcp' })),
    ...words('ports').flatMap((text) => opened([(text.split('/')[0] ?? '').replace('-', ':')], text.split('/')[1])),
  ];
  return { tool: 'firewalld', incoming: words('target')[0] === 'ACCEPT' ? 'allow' : 'deny', openings };
}

/** The chains of `nft list ruleset` that incoming packets enter by; undefined when none of them refuses anything by default. */
function readNft(lines: readonly string[]): Firewall | undefined {
  const chains = lines.join('\n').split(/^\s*chain /m).slice(1).map((text) => text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && line !== '}'));
  const closed = chains.filter((rules) => rules.some((rule) => /policy drop/.test(rule)) || /^(?:counter \S.* )?(?:drop|reject(?: with .*)?)$/.test(rules.at(-1) ?? ''));
  if (closed.length === 0) return undefined;
  const rules = closed.flat();
  if (rules.some((rule) => /\b(?:jump|goto|vmap)\b|@/.test(rule))) return { tool: 'nftables', incoming: 'deny' };
  const openings = rules.filter((rule) => /\baccept$/.test(rule) && !answersOnly(rule)).flatMap((rule) => {
    const [, protocol, set, single] = /\b(tcp|udp|th) dport (?:\{([^}]*)\}|(\S+))/.exec(rule) ?? [];
    const ports = (set ?? single)?.split(',').map((port) => port.trim().replace('-', ':')).map((port) => SERVICES[port] ?? port);
    return opened(ports ?? ['any'], protocol, /\bip6? saddr (\{[^}]*\}|\S+)/.exec(rule)?.[1], /\biif(?:name)? "?([^"\s]+)/.exec(rule)?.[1]);
  });
  return { tool: 'nftables', incoming: 'deny', openings: distinct(openings) };
}

/** `iptables -S INPUT`. */
function readIptables(rules: readonly string[]): Firewall | undefined {
  const closed = rules.some((rule) => /^-P INPUT DROP$/.test(rule)) || /^-A INPUT -j (?:DROP|REJECT)/.test(rules.at(-1) ?? '');
  if (!closed) return undefined;
  // The chains of fail2ban only refuse.
  const added = rules.filter((rule) => rule.startsWith('-A INPUT') && !/ -j f2b-/.test(rule));
  if (added.some((rule) => !/ -j (?:ACCEPT|DROP|REJECT|LOG|RETURN)\b/.test(rule))) return { tool: 'iptables', incoming: 'deny' };
  const openings = added.filter((rule) => / -j ACCEPT\b/.test(rule) && !answersOnly(rule)).flatMap((rule) => opened(
    /--dports? (\S+)/.exec(rule)?.[1]?.split(',') ?? ['any'], / -p (tcp|udp)/.exec(rule)?.[1], / -s (\S+)/.exec(rule)?.[1], / -i (\S+)/.exec(rule)?.[1],
  ));
  return { tool: 'iptables', incoming: 'deny', openings: distinct(openings) };
}

/** Rules every firewall has: answers to own questions, the loopback device, ICMP, the own DHCP. */
function answersOnly(rule: string): boolean {
  return /established|icmp|\blo\b|\b(?:sport|dport|--dport) (?:68|546)\b/i.test(rule);
}

function opened(ports: readonly string[], protocol?: string, from?: string, device?: string): Opening[] {
  return ports.map((port) => ({
    port, protocol: protocol === 'tcp' || protocol === 'udp' ? protocol : 'any', ...(from === undefined ? {} : { from }), ...(device === undefined ? {} : { device }),
  }));
}

/** A rule for each family of addresses says the same twice. */
function distinct(openings: readonly Opening[]): Opening[] {
  return [...new Map(openings.map((opening) => [JSON.stringify(opening), opening])).values()];
}
