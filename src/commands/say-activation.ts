import type { Reporter } from '../evidence/reporter.js';

/** What an activation says while it is under way, for the log. */
export function sayActivation(reporter: Reporter, host: string, line: string): void {
  const [word = '', name = '', seconds = '', tries = '', processes = ''] = line.split(' ');
  if (word === 'healthy') {
    reporter.step(host, `${name} is healthy: ${processes} ${processes === '1' ? 'process' : 'processes'}, ${tries} probes in ${seconds} s`);
  } else if (word === 'unhealthy' || word === 'going') {
    reporter.warn(`${host}: ${line}`);
  } else if (word === 'warn' || word === 'note') {
    reporter.line(host, line.slice(word.length + 1));
  } else {
    reporter.debug(`${host}: ${line}`);
  }
}
