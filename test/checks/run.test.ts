import { describe, expect, it } from '@jest/globals';
import type { Evidence } from '../../src/evidence/record.js';
import { UserError } from '../../src/evidence/errors.js';
import { failedVisit } from '../../src/checks/gather/host.js';
import { runPreflight, severityOf } from '../../src/checks/run.js';
import { configWith, HOST, NOW, RUNNER, visitOf } from './support.js';

const BUSY = 'preflight: { load: 0.8, severity: { SEVERITY } }';
const busy = visitOf({ load: [9, 9, 9] });
const withSeverity = (severity: string): ReturnType<typeof configWith> => configWith(BUSY.replace('SEVERITY', severity));

function statuses(records: readonly Evidence[]): Record<string, string> {
  return Object.fromEntries(records.map(({ id, status }) => [id, status]));
}

describe('running the catalogue', () => {
  it('makes one record per check and host, and tells the reporter each', () => {
    const told: Evidence[] = [];
    const other = visitOf({}, { host: { ...HOST, name: 'deploy@203.0.113.12' } });
    const records = runPreflight({ config: configWith(), environment: 'production', hosts: [visitOf(), other], runner: RUNNER, appEnv: {}, now: NOW, reporter: { evidence: (record) => told.push(record) } });
    expect(told).toEqual(records);
    expect(records.filter(({ id }) => id === 'preflight.resources.disk-free').map(({ subject }) => subject)).toEqual(['deploy@203.0.113.10', 'deploy@203.0.113.12']);
    expect(records.filter(({ status }) => status !== 'pass')).toEqual([]);
    expect(records[0]).toMatchObject({ phase: 'preflight', at: '2026-11-21T02:00:00.000Z', duration: 0 });
  });

  it('says what to do when a check fails, and nothing of it when it passes', () => {
    const records = runPreflight({ config: withSeverity(''), environment: 'production', hosts: [busy], now: NOW });
    const load = records.find(({ id }) => id === 'preflight.resources.load');
    expect(load).toMatchObject({ status: 'fail', observed: '9 9 9 on 4 CPUs', expected: 'at most 0.8 per CPU over one minute' });
    expect(load?.remedy).toContain('top');
    expect(records.find(({ status }) => status === 'pass')).not.toHaveProperty('remedy');
  });

  it.each([
    ['preflight.resources.load: warn', 'warn'], ['resources.load: warn', 'warn'], ['resources: warn', 'warn'], ['preflight: warn', 'warn'],
    ['resources: off, resources.load: block', 'fail'], ['resources: block, preflight.resources.load: off', undefined], ['network: off', 'fail'],
  ])('takes the severity { %s } from the config', (severity, expected) => {
    const records = runPreflight({ config: withSeverity(severity), environment: 'production', hosts: [busy], now: NOW });
    expect(statuses(records)['preflight.resources.load']).toBe(expected);
  });

  it.each(['resources.loa', 'resource', 'host', 'preflight.resources.load.x'])('refuses a severity for %s, which is no check', (name) => {
    expect(() => runPreflight({ config: withSeverity(`${name}: off`), environment: 'production', hosts: [], now: NOW })).toThrow(new RegExp(`names no check: ${name}`));
  });

  it('lets the config make a warning a block', () => {
    expect(severityOf({ id: 'preflight.network.latency', severity: 'warn' }, { network: 'block' })).toBe('block');
  });

  it('asks nothing of a host that could not be reached but why', () => {
    const error = new UserError('Connection refused.', { remedy: 'Start sshd.' });
    const records = runPreflight({ config: withSeverity(''), environment: 'production', hosts: [failedVisit(HOST, error), busy], now: NOW });
    const lost = records.filter(({ subject, status }) => subject === HOST.name && status === 'fail' );
    expect(lost.find(({ id }) => id === 'preflight.network.ssh')).toMatchObject({ observed: 'Connection refused.', remedy: 'Start sshd.' });
    expect(records.filter(({ id }) => id === 'preflight.resources.load')).toHaveLength(1);
  });

  it('does not hide a defect as a lost host', () => {
    expect(() => failedVisit(HOST, new TypeError('x is not a function'))).toThrow(TypeError);
  });

  it('resolves the variables of services with the lookup it is given', () => {
    const config = configWith('services: { api: { manager: pm2, start: node a.js, env: { NODE_ENV: $MODE } } }');
    const mode = (value: string): string | undefined =>
      statuses(runPreflight({ config, environment: 'production', hosts: [], appEnv: {}, lookup: (name) => (name === 'MODE' ? value : undefined), now: NOW }))['preflight.variables.production-mode'];
    expect([mode('production'), mode('development')]).toEqual(['pass', 'fail']);
  });

  it('names the environments there are when asked for another', () => {
    expect(() => runPreflight({ config: configWith(), environment: 'prodction', hosts: [], now: NOW })).toThrow(/production/);
  });

  it('lets no value of the environment file into any record', () => {
    const sentinel = 'Sentinel-7731-password';
    const names = ['DB_PASSWORD', 'JWT_SECRET', 'CORS_ORIGIN', 'NODE_ENV', 'DEBUG', 'PORT', 'LIMIT', 'MODE'];
    const appEnv = Object.fromEntries(names.map((name) => [name, sentinel]));
    const config = configWith(`preflight: { env: { strong: [JWT_SECRET], types: { PORT: port, CORS_ORIGIN: https-origins }, values: { LIMIT: 5 }, forbid: { MODE: [${sentinel}x] } } }`);
    const records = runPreflight({ config, environment: 'production', hosts: [], appEnv: { ...appEnv, URL: `postgres://u:${sentinel}@h/d` }, now: NOW, elsewhere: { staging: {} } });
    expect(records.filter(({ status }) => status === 'fail').length).toBeGreaterThan(4);
    expect(JSON.stringify(records.map((record) => ({ ...record, expected: '' })))).not.toContain(sentinel);
  });
});
