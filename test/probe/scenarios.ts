import { loadConfig } from '../../src/config/load.js';
import type { Scenario } from '../../src/config/schema.js';
import { Ledger } from '../../src/evidence/ledger.js';
import { Redactor } from '../../src/evidence/redact.js';
import { plainReporter } from '../../src/evidence/reporters.js';
import type { ProbeContext } from '../../src/probe/context.js';

/** Scenarios as a team writes them, through the real loader; `text` is the YAML list below `smoke:`. */
export function scenarios(text: string): Scenario[] {
  const indented = text.split('\n').map((line) => `  ${line}`).join('\n');
  return loadConfig([
    'app: demo', 'environments:', '  production:', '    hosts:', '      - address: deploy@203.0.113.10', 'smoke:', indented, '',
  ].join('\n'), 'slipway.yml').smoke;
}

/** A context whose log and ledger can be read; variables from `variables`. */
export function listen(baseUrl: string | undefined, variables: Record<string, string> = {}, more: Partial<ProbeContext> = {}) {
  const lines: string[] = [];
  const redactor = new Redactor();
  const ledger = new Ledger(undefined, redactor);
  const reporter = plainReporter((text) => lines.push(text), { redactor, ledger });
  const context: ProbeContext = { baseUrl, lookup: (name) => variables[name], cwd: process.cwd(), env: process.env, reporter, redactor, ...more };
  return { context, ledger, redactor, log: () => lines.join('') };
}
