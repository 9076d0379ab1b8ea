import { UserError } from '../evidence/errors.js';
import { padTo } from '../evidence/text.js';
import type { Activation } from '../host/activation.js';
import type { Member } from '../release/fleet.js';
import { likelyCause } from '../services/likely-cause.js';

/** An activation that did not end with the release live and healthy. */
export type Failure = Extract<Activation, { reason: string }>;

/** What became of one host in a switch that failed somewhere. */
export type Fate =
  | { readonly kind: 'failed'; readonly result: Failure }
  | { readonly kind: 'taken back' }
  | { readonly kind: 'not taken back'; readonly result: Failure }
  | { readonly kind: 'never switched'; readonly why: string };

export type Fates = ReadonlyMap<Member, Fate>;

/** How it stands after a switch that failed, in one sentence. */
export function outcomeOf(fates: Fates, release: string): string {
  const all = [...fates.values()];
  const quiet = all.every((fate) => fate.kind === 'never switched' || (fate.kind === 'failed' && fate.result.outcome === 'stayed'));
  const failed = all.some(({ kind }) => kind === 'failed') ? `${release} did not become healthy` : `the switch to ${release} was not carried to its end`;
  if (quiet) return `${failed}; nothing was switched`;
  return `${failed}; ${all.some(isOpen) ? 'see the hosts below' : 'went back to the release before it'}`;
}

/** Nobody knows, or nobody would want, what this host is left with. */
function isOpen(fate: Fate): boolean {
  if (fate.kind === 'not taken back') return true;
  return fate.kind === 'failed' && (fate.result.outcome === 'stuck' || fate.result.outcome === 'unknown' || fate.result.outcome === 'stopped');
}

/** What a failed switch means on each host of a fleet, then for each that failed why, with the last lines of its services. */
export function switchError(fates: Fates, release: string, cause?: string): UserError {
  const troubles = [...fates].flatMap(([member, fate]) => ('result' in fate ? [{ member, fate }] : []));
  const parts = troubles.flatMap(({ member, fate: { kind, result } }) => {
    const guess = likelyCause(result.logs);
    return [
      kind === 'failed' ? `${member.name}: release ${release}: ${result.reason}; ${endOf(member, result)}` : `${member.name}: going back from ${release}: ${result.reason}; LOOK AT THE HOST NOW`,
      ...result.logs.slice(-20).map((line) => `    ${line}`),
      ...(guess === undefined ? [] : [`  likely cause: ${guess}`]),
    ];
  });
  const wrote = troubles.some(({ fate }) => fate.result.logs.length > 0);
  const silent = troubles.some(({ fate }) => fate.result.outcome !== 'unknown');
  const logs = wrote ? 'The lines above are the last the service wrote. ' : silent ? 'The service wrote nothing: does it write to standard output or standard error? ' : '';
  return new UserError([...(cause === undefined ? [] : [cause]), ...table(fates, release), ...parts].join('\n'), { remedy: `${logs}Mend the release, then deploy again.` });
}

function endOf(member: Member, { outcome }: Failure): string {
  const before = member.findings.current;
  switch (outcome) {
    case 'stayed':
      return `nothing was switched, ${before} kept serving`;
    case 'went-back':
      return `the host went back to ${before}, which is healthy`;
    case 'stopped':
      return 'there was no release to go back to: its services were stopped';
    case 'stuck':
      return 'GOING BACK FAILED TOO: look at the host now';
    case 'unknown':
      return 'what is live there is not known: the host goes back by itself when it is not confirmed; see `slipway status`';
  }
}

/** One line for each host: with a single one the text of its failure says it all. */
function table(fates: Fates, release: string): string[] {
  if (fates.size < 2) return [];
  const width = Math.max(...[...fates.keys()].map(({ name }) => name.length));
  const rows = [...fates].map(([member, fate]) => `    ${padTo(member.name, width)}  ${rowOf(member, fate)}`);
  return [`${release} is ${[...fates.values()].some(isOpen) ? 'not on all hosts' : 'on none of the hosts'}:`, ...rows];
}

function rowOf(member: Member, fate: Fate): string {
  const before = member.findings.current === '' ? 'nothing is live' : `${member.findings.current} is live`;
  switch (fate.kind) {
    case 'failed':
      return fate.result.outcome === 'went-back' || fate.result.outcome === 'stayed' ? `FAILED: ${fate.result.reason}; ${before}` : `FAILED: ${fate.result.reason}; ${endOf(member, fate.result)}`;
    case 'taken back':
      return `switched, then taken back; ${before}`;
    case 'not taken back':
      return `switched, and COULD NOT BE TAKEN BACK: ${fate.result.reason}`;
    case 'never switched':
      return `never switched: ${fate.why}; ${before}`;
  }
}
