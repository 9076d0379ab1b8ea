import { isIP } from 'node:net';
import { formatDuration } from '../evidence/format.js';
import type { AddressRecord, DnsFault, ResolverView } from '../probe/dns.js';
import { fail, pass, skip, verdict, type NameCheck } from './model.js';
import type { NameFacts } from './site-facts.js';

/** A record for the zone, as a person can copy it. */
function recordFor(name: string, address: string): string {
  return `${name}. 300 IN ${isIP(address) === 6 ? 'AAAA' : 'A'} ${address}`;
}

const FAULTS: Readonly<Record<DnsFault, string>> = {
  'no-name': 'no such name', 'no-record': 'no address', servfail: 'SERVFAIL', refused: 'refuses to answer', timeout: 'no answer in time', unreachable: 'nothing listens there', 'bad-answer': 'an answer that cannot be read',
};
/** An answer that says the record is not there; the others are no answer. */
const ABSENT = new Set<DnsFault>(['no-name', 'no-record']);
/** Above this an answer is late: pages wait for it. */
const SLOW = 1000;

type Answer = ResolverView['a'];
const isFault = (answer: Answer): answer is DnsFault => typeof answer === 'string';
const recordsOf = (answer: Answer): readonly AddressRecord[] => (isFault(answer) ? [] : answer);
const addressesOf = (view: Pick<ResolverView, 'a' | 'aaaa'>): string[] => [...recordsOf(view.a), ...recordsOf(view.aaaa)].map(({ address }) => address);
/** Neither question was answered, not even by a no. */
const mute = ({ a, aaaa }: ResolverView): boolean => [a, aaaa].some((answer) => isFault(answer) && !ABSENT.has(answer)) && addressesOf({ a, aaaa }).length === 0;
const answering = (facts: NameFacts): ResolverView[] => facts.views.filter((view) => !mute(view));
const unique = (values: readonly string[]): string[] => [...new Set(values)].sort();

/** IPv6 has many spellings. */
function sameAddress(one: string, other: string): boolean {
  return canonical(one) === canonical(other);
}

function canonical(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

function wanted({ name, expected }: NameFacts): string {
  return expected.length === 0 ? 'an A or AAAA record' : expected.map((address) => recordFor(name, address)).join(' · ');
}

/** Addresses of one family that a name has, and those that are not expected. */
function foreign(facts: NameFacts, family: 4 | 6): { found: string[]; strangers: string[] } {
  const found = unique(answering(facts).flatMap(addressesOf).filter((address) => isIP(address) === family));
  return { found, strangers: found.filter((address) => !facts.expected.some((known) => sameAddress(known, address))) };
}

export const dns: readonly NameCheck[] = [
  {
    id: 'preflight.dns.resolves',
    title: 'The name resolves',
    family: 'dns', scope: 'name', requirement: ['PF-04'], severity: 'block',
    remedy: 'Add an A record (and AAAA where the hosts have IPv6) for the name.',
    run(facts) {
      const expected = wanted(facts);
      const views = answering(facts);
      if (views.length === 0) {
        const servfail = facts.views.every(({ a }) => a === 'servfail');
        return fail(facts.views.map(({ resolver, a }) => `${resolver}: ${isFault(a) ? FAULTS[a] : ''}`).join(', '), expected, {
          remedy: servfail
            ? 'SERVFAIL from every resolver: the name servers of the zone do not answer, or DNSSEC is broken (a DS record at the registrar that fits no key). Look at dnsviz.net, and ask the registrar.'
            : 'No resolver answered: see the network of this machine (port 53, UDP and TCP), and the name servers of the zone.',
        });
      }
      const lacking = views.filter((view) => addressesOf(view).length === 0);
      if (lacking.length === 0) return pass(unique(views.flatMap(addressesOf)).join(', '), expected, { duration: Math.round(Math.max(...views.map(({ time }) => time))) });
      const told = lacking.map((view) => `${view.resolver}: ${FAULTS[view.a === 'no-name' ? 'no-name' : 'no-record']}`).join(', ');
      if (lacking.length < views.length) {
        return fail(`${told}; others know it`, expected, { remedy: 'A record that was just added is not known everywhere yet: wait for the TTL (for a name that did not exist, the last number of the SOA record) and try again.' });
      }
      return fail(told, expected, facts.expected.length === 0 ? {} : { remedy: `Add to the zone: ${expected}` });
    },
  },
  {
    id: 'preflight.dns.addresses',
    title: 'The name leads to the hosts',
    family: 'dns', scope: 'name', requirement: ['PF-04'], severity: 'block',
    remedy: 'Point the name to the hosts; where a proxy, a load balancer or NAT stands before them, name its addresses under preflight.dns.addresses.',
    run(facts) {
      const { found, strangers } = foreign(facts, 4);
      if (found.length === 0) return undefined;
      const expected = facts.expected.filter((address) => isIP(address) === 4);
      if (facts.expected.length === 0) return skip(`${found.join(', ')}; ${facts.unknown ?? 'the addresses of the hosts are not known'}`, 'the addresses of the hosts');
      if (strangers.length === 0) return pass(found.join(', '), expected.join(', '));
      return fail(`${strangers.join(', ')} ${strangers.length === 1 ? 'is' : 'are'} none of the hosts' (${whoSays(facts, strangers)})`, expected.join(', ') || 'no A record', {
        remedy: expected.length === 0
          ? `Remove: ${strangers.map((address) => recordFor(facts.name, address)).join(' · ')}; or name the address under preflight.dns.addresses.`
          : `Put into the zone: ${expected.map((address) => recordFor(facts.name, address)).join(' · ')}, in place of ${strangers.join(', ')}. With a proxy, load balancer or NAT before the hosts, name its addresses under preflight.dns.addresses.`,
      });
    },
  },
  {
    // A forgotten AAAA record is what most often makes Let's Encrypt, which asks over IPv6 first, see another server.
    id: 'preflight.dns.ipv6',
    title: 'An AAAA record leads to the hosts too',
    family: 'dns', scope: 'name', requirement: ['PF-04'], severity: 'block',
    remedy: 'Correct the AAAA record or remove it; where it is right, name the address under preflight.dns.addresses.',
    run(facts) {
      const { found, strangers } = foreign(facts, 6);
      if (found.length === 0 || facts.expected.length === 0) return undefined;
      const expected = facts.expected.filter((address) => isIP(address) === 6);
      if (strangers.length === 0) return pass(found.join(', '), expected.join(', '));
      return fail(`${strangers.join(', ')} is no known address of the hosts (${whoSays(facts, strangers)})`, expected.join(', ') || 'no AAAA record, or one under preflight.dns.addresses', {
        remedy: `${expected.length === 0 ? 'If it is not the hosts\', remove' : `Put into the zone: ${expected.map((address) => recordFor(facts.name, address)).join(' · ')}, and remove`}: ${strangers.map((address) => recordFor(facts.name, address)).join(' · ')}. If it is, name it under preflight.dns.addresses.`,
      });
    },
  },
  {
    id: 'preflight.dns.agree',
    title: 'All resolvers say the same',
    family: 'dns', scope: 'name', requirement: ['PF-04', 'PF-05'], severity: 'warn',
    remedy: 'After a change wait for the old TTL. If it stays so, the name servers of the zone differ, or a resolver answers on its own account (split DNS, a filter).',
    run(facts) {
      const views = answering(facts).filter((view) => addressesOf(view).length > 0);
      if (views.length < 2) return undefined;
      const sets = views.map((view) => unique(addressesOf(view)).join(', '));
      const same = new Set(sets).size === 1;
      return verdict(same, same ? `${views.length} resolvers: ${sets[0] ?? ''}` : views.map(({ resolver }, index) => `${resolver}: ${sets[index] ?? ''}`).join('; '), 'the same addresses from each');
    },
  },
  {
    id: 'preflight.dns.resolvers',
    title: 'Every resolver answers in good time',
    family: 'dns', scope: 'name', requirement: ['PF-04'], severity: 'warn',
    remedy: 'A network may keep port 53 closed to all but its own resolver: set preflight.dns.resolvers. Slow answers come from name servers of the zone that are far away or down.',
    run({ views }) {
      const expected = `an answer within ${formatDuration(SLOW)}`;
      const bad = views.flatMap((view) => {
        const fault = [view.a, view.aaaa].find((answer) => isFault(answer) && !ABSENT.has(answer)) as DnsFault | undefined;
        if (fault !== undefined) return [`${view.resolver}: ${FAULTS[fault]}`];
        return view.time > SLOW ? [`${view.resolver}: took ${formatDuration(Math.round(view.time))}`] : [];
      });
      if (bad.length === 0) return pass(views.map(({ resolver, time }) => `${resolver} ${formatDuration(Math.round(time))}`).join(', '), expected);
      return fail(bad.join(', '), expected, bad.some((text) => text.endsWith(FAULTS.servfail))
        ? { remedy: 'SERVFAIL: the name servers of the zone do not answer this resolver, or DNSSEC does not verify (a DS record at the registrar that fits no key). Look at dnsviz.net.' } : {});
    },
  },
  {
    id: 'preflight.dns.alias',
    title: 'An alias stands alone under its name',
    family: 'dns', scope: 'name', requirement: ['PF-04'], severity: 'block',
    remedy: 'A CNAME allows no other record under the same name, so none at the top of a zone: use A and AAAA records there, or the ALIAS of the provider.',
    run({ cname, besideCname, name, expected }) {
      if (cname === undefined) return undefined;
      if (besideCname.length === 0) return pass(`CNAME ${cname}`, 'nothing beside the CNAME');
      return fail(`CNAME ${cname} beside ${besideCname.join(', ')}`, 'nothing beside the CNAME', expected.length === 0 ? {} : {
        remedy: `Remove \`${name}. IN CNAME ${cname}.\` and put in its place: ${expected.map((address) => recordFor(name, address)).join(' · ')}`,
      });
    },
  },
  {
    id: 'preflight.dns.ttl',
    title: 'A change of address is known within a day',
    family: 'dns', scope: 'name', requirement: ['PF-04'], severity: 'warn',
    remedy: 'Lower the TTL of the record, one whole TTL before it is to change: 300 seconds while moving, an hour otherwise.',
    run(facts, { config }) {
      // What resolvers remember counts down, so a short time says nothing of the record; a long one does.
      const ttls = answering(facts).flatMap(({ a, aaaa }) => [...recordsOf(a), ...recordsOf(aaaa)]).map(({ ttl }) => ttl * 1000);
      if (ttls.length === 0) return undefined;
      const longest = Math.max(...ttls);
      return verdict(longest <= config.preflight.dns.maxTtl, `remembered for ${formatDuration(longest)}`, `at most ${formatDuration(config.preflight.dns.maxTtl)}`);
    },
  },
  {
    id: 'preflight.dns.caa',
    title: 'The certificate authority may issue for the name',
    family: 'dns', scope: 'name', requirement: ['PF-04', 'TL-01'], severity: 'block',
    remedy: 'Add a CAA record for the authority, or name the one that is used under preflight.dns.issuer.',
    run({ caa, name }, { config }) {
      const { issuer } = config.preflight.dns;
      if (caa === undefined || issuer === false) return undefined;
      const expected = `no CAA record, or one for ${issuer}`;
      if (caa.fault !== undefined) {
        return fail(`the question for CAA records was not answered: ${FAULTS[caa.fault]}`, expected, {
          remedy: 'An authority refuses to issue then: name servers of the zone that answer CAA questions with an error must be mended or changed.',
        });
      }
      if (caa.at === undefined) return pass('no CAA record: any authority may', expected);
      return verdict(caa.permits, `${caa.at}: ${caa.records.join(', ')}`, expected, caa.permits ? {} : {
        remedy: `Add: ${caa.at}. 300 IN CAA 0 issue "${issuer}"${caa.at === name ? '' : `, or for this name alone: ${name}. 300 IN CAA 0 issue "${issuer}"`}`,
      });
    },
  },
];

function whoSays({ views }: NameFacts, addresses: readonly string[]): string {
  const saying = views.filter((view) => addressesOf(view).some((address) => addresses.includes(address)));
  return saying.length === views.length ? 'every resolver says so' : `so says ${saying.map(({ resolver }) => resolver).join(', ')}`;
}
