import type { AlertFacts, AlertSeverity } from '../checks/github-facts.js';
import type { GitHubApi } from './api.js';
import { routes } from './routes.js';

/** Code scanning has a severity of its own for security; other rules only say error, warning or note. */
const OF_RULES: Readonly<Record<string, AlertSeverity>> = { error: 'high', warning: 'medium', note: 'low', none: 'low' };
const SEVERITIES: readonly string[] = ['critical', 'high', 'medium', 'low'];

/** Open alerts of secret scanning. GitHub is asked to leave the secrets themselves out. */
export async function secretAlerts(api: GitHubApi): Promise<AlertFacts[]> {
  const alerts = await api.list(routes.secretAlerts, {}, { state: 'open', hide_secret: 'true' });
  return alerts.map((alert) => ({
    number: alert.number, severity: 'unknown', what: alert.secret_type_display_name ?? alert.secret_type ?? 'secret',
  }));
}

/** Open alerts of code scanning on the branch, whatever tool uploaded them. */
export async function codeAlerts(api: GitHubApi, branch: string): Promise<AlertFacts[]> {
  const alerts = await api.list(routes.codeAlerts, {}, { state: 'open', ref: `refs/heads/${branch}` });
  return alerts.map(({ number, rule, tool }) => ({
    number,
    severity: severityOf(rule.security_severity_level ?? OF_RULES[rule.severity ?? '']),
    what: [tool.name, rule.id ?? rule.description].filter((word) => word !== undefined).join(': '),
  }));
}

/** The open alerts about dependencies. @throws GitHubError */
export async function dependencyAlerts(api: GitHubApi): Promise<AlertFacts[]> {
  const alerts = await api.list(routes.dependencyAlerts, {}, { state: 'open' });
  return alerts.map(({ number, dependency, security_advisory: { severity } }) => ({
    number, severity: severityOf(severity), what: dependency.package?.name ?? 'a dependency',
  }));
}

function severityOf(word: string | null | undefined): AlertSeverity {
  return SEVERITIES.includes(word ?? '') ? (word as AlertSeverity) : 'unknown';
}
