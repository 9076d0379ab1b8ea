import { environmentOf } from '../config/environment.js';
import type { Config, Environment } from '../config/schema.js';
import type { Lookup } from '../config/variables.js';
import { UserError } from '../evidence/errors.js';
import type { Evidence } from '../evidence/record.js';
import type { Reporter } from '../evidence/reporter.js';
import { catalogue } from './catalogue.js';
import type { DatabaseVisit } from './database-facts.js';
import type { GitHubFacts } from './github-facts.js';
import type { Check, CheckContext, Family, HostVisit, Outcome, RunnerFacts, Settings, Severity, WindowFacts } from './model.js';
import { settingsOf } from './settings.js';
import type { SiteFacts } from './site-facts.js';

export interface PreflightInput {
  readonly config: Config;
  /** Name of the environment. */
  readonly environment: string;
  /** One per host, connected or not. */
  readonly hosts: readonly HostVisit[];
  /** One per database whose host was connected to. */
  readonly databases?: readonly DatabaseVisit[];
  /** Absent when the command does not look at the runner. */
  readonly runner?: RunnerFacts;
  /** What the site looks like from outside; absent when it was not asked. */
  readonly site?: SiteFacts;
  /** What the environment's window says; absent where it has none. */
  readonly window?: WindowFacts;
  /** What GitHub's API said; absent when it was not asked. */
  readonly github?: GitHubFacts;
  /** The parsed environment file; absent when none was given. */
  readonly appEnv?: Readonly<Record<string, string>>;
  /** Values for `$NAME` in the plain values of services; default: the environment file. */
  readonly lookup?: Lookup;
  /** Fingerprints of other environments' secrets, by environment. */
  readonly elsewhere?: Settings['elsewhere'];
  /** Which families are asked; default: every one. */
  readonly asks?: (family: Family) => boolean;
  readonly reporter?: Pick<Reporter, 'evidence'>;
  readonly now: Date;
}

/**
 * Puts every check of the catalogue to the facts and returns the records, also told to `reporter`.
 * @throws UserError when the config has no such environment, or gives a severity to no check.
 * Checks of hosts that could not be reached are not asked: `preflight.network.ssh` says why.
 */
export function runPreflight(input: PreflightInput): Evidence[] {
  const { config, now } = input;
  const environment: Environment = environmentOf(config, input.environment);
  const context: CheckContext = {
    config, environment, environmentName: input.environment, now,
  };
  refuseUnknownNames(config.preflight.severity);
  const settings = settingsOf(config, input.appEnv, input.lookup, input.elsewhere);
  const records: Evidence[] = [];
  for (const check of catalogue) {
    const severity = severityOf(check, config.preflight.severity);
    if (severity === 'off' || input.asks?.(check.family) === false) continue;
    for (const [subject, outcome] of ask(check, input, settings, context)) {
      if (outcome === undefined) continue;
      const record = evidenceOf(check, severity, subject, outcome, now);
      records.push(record);
      input.reporter?.evidence(record);
    }
  }
  return records;
}

function ask(check: Check, input: PreflightInput, settings: Settings, context: CheckContext): [subject: string, outcome: Outcome | undefined][] {
  switch (check.scope) {
    case 'runner': return input.runner === undefined ? [] : [['runner', check.run(input.runner, context)]];
    case 'github': return [[input.github?.repository ?? 'GitHub', check.run(input.github ?? {}, context)]];
    case 'window': return input.window === undefined ? [] : [[context.environmentName, check.run(input.window, context)]];
    case 'environment': return [[context.environmentName, check.run(settings, context)]];
    case 'name': return (input.site?.names ?? []).map((facts) => [facts.name, check.run(facts, context)]);
    case 'tls': return (input.site?.tls ?? []).map((facts) => [tlsSubject(facts, input.site), check.run(facts, context)]);
    case 'page': return (input.site?.pages ?? []).map((facts) => [facts.name, check.run(facts, context)]);
    case 'database': return (input.databases ?? []).map((visit) => [visit.database.name, check.run(visit, context)]);
    case 'visit': return input.hosts.map((visit) => [visit.host.name, check.run(visit, context)]);
    case 'host': return input.hosts.map((visit) => [visit.host.name, visit.facts === undefined ? undefined : check.run({ ...visit, facts: visit.facts }, context)]);
  }
}

/** The name, and its address where it has several. */
function tlsSubject({ name, address }: NonNullable<SiteFacts['tls']>[number], site: SiteFacts | undefined): string {
  return (site?.tls ?? []).filter((other) => other.name === name).length > 1 ? `${name} (${address})` : name;
}

/** The TLS checks once more, by the same definitions, on the release that is live now: their ids begin with `smoke.`. */
export function runSiteSmoke(input: Pick<PreflightInput, 'config' | 'environment' | 'reporter' | 'now'> & { readonly site: SiteFacts }): Evidence[] {
  const { config, now, site } = input;
  const context: CheckContext = { config, environment: environmentOf(config, input.environment), environmentName: input.environment, now };
  const records: Evidence[] = [];
  for (const check of catalogue) {
    if (check.family !== 'tls') continue;
    const severity = severityOf({ id: check.id, severity: check.smoke ?? check.severity }, config.preflight.severity);
    if (severity === 'off') continue;
    for (const [subject, outcome] of ask(check, { ...input, hosts: [], site }, { entries: [], unresolved: [], given: false }, context)) {
      if (outcome === undefined) continue;
      const record: Evidence = { ...evidenceOf(check, severity, subject, outcome, now), id: check.id.replace(/^preflight/, 'smoke'), phase: 'smoke' };
      records.push(record);
      input.reporter?.evidence(record);
    }
  }
  return records;
}

/** Whether any check of the family is asked at all. */
export function asksFamily(family: Check['family'], configured: Readonly<Record<string, Severity | 'off'>>): boolean {
  return catalogue.some((check) => check.family === family && severityOf(check, configured) !== 'off');
}

/** A misspelt name would leave a check as strict, or as lax, as nobody wanted. */
function refuseUnknownNames(configured: Readonly<Record<string, unknown>>): void {
  const unknown = Object.keys(configured).filter((name) => !catalogue.some((check) => matches(check.id, name)));
  if (unknown.length === 0) return;
  const families = [...new Set(catalogue.map(({ family }) => family))].join(', ');
  throw new UserError(`preflight.severity names no check: ${unknown.join(', ')}`, {
    remedy: `Name a check as docs/checks.md does, or a family: ${families}.`,
  });
}

function fullName(name: string): string {
  return name === 'preflight' || name.startsWith('preflight.') ? name : `preflight.${name}`;
}

function matches(id: string, name: string): boolean {
  return id === fullName(name) || id.startsWith(`${fullName(name)}.`);
}

/** The longest matching entry of `preflight.severity` decides: a whole id or the beginning of one, up to a dot. */
export function severityOf(check: Pick<Check, 'id' | 'severity'>, configured: Readonly<Record<string, Severity | 'off'>>): Severity | 'off' {
  let best = 0;
  let severity: Severity | 'off' = check.severity;
  for (const [name, wanted] of Object.entries(configured)) {
    if (matches(check.id, name) && fullName(name).length > best) {
      best = fullName(name).length;
      severity = wanted;
    }
  }
  return severity;
}

function evidenceOf(check: Check, severity: Severity, subject: string, outcome: Outcome, now: Date): Evidence {
  const status = outcome.result === 'fail' ? (severity === 'warn' ? 'warn' : 'fail') : outcome.result;
  return {
    id: check.id,
    phase: 'preflight',
    title: check.title,
    subject: outcome.subject ?? subject,
    status,
    ...(outcome.expected === undefined ? {} : { expected: outcome.expected }),
    ...(outcome.observed === undefined ? {} : { observed: outcome.observed }),
    ...(status === 'pass' ? {} : { remedy: outcome.remedy ?? check.remedy }),
    at: now.toISOString(),
    duration: outcome.duration ?? 0,
    ...(outcome.data === undefined ? {} : { data: outcome.data }),
  };
}
