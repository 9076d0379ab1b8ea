import { describe, expect, test } from '@jest/globals';
import { driftOf } from '../../src/commands/drift.js';
import type { HostStatus } from '../../src/commands/status.js';
import type { ServiceStatus } from '../../src/host/remote-host.js';
import { renderStatus } from '../../src/main/tables.js';

const ROOT = '/srv/shop';
const service = (release: string, changes: Partial<ServiceStatus> = {}): ServiceStatus => ({
  name: 'web', manager: 'pm2', pids: '41', restarts: '0', folder: `${ROOT}/releases/${release}/backend`, health: 'ok', slot: '', live: true, ...changes,
});
const host = (name: string, current: string, changes: Partial<HostStatus> = {}): HostStatus => ({
  host: name, current, state: 'good', rollbackTo: undefined, lease: undefined, unfinished: [], reverts: undefined, reverted: undefined, paused: undefined, schemas: [], services: [service(current)], drift: [], ...changes,
});
const drift = (...fleet: HostStatus[]): string[][] => fleet.map((one) => driftOf(one, fleet, ROOT));

describe('drift', () => {
  test('is nothing where all hosts run the same confirmed release', () => {
    expect(drift(host('a', 'two'), host('b', 'two'), host('c', 'two', { services: [] }))).toEqual([[], [], []]);
  });

  test('is told at the host that differs from most, or at each where they are divided', () => {
    expect(drift(host('a', 'two'), host('b', 'one'), host('c', 'two'))).toEqual([[], ['one is live here, two on most hosts'], []]);
    expect(drift(host('a', 'two'), host('b', '', { state: 'none', services: [] }), host('c', 'two'))).toEqual([[], ['nothing is live here, two on most hosts'], []]);
    expect(drift(host('a', 'two'), host('b', 'one'))).toEqual([['the hosts run different releases'], ['the hosts run different releases']]);
  });

  test('is a release that nobody confirmed, or one of which the journal says nothing good', () => {
    expect(drift(host('a', 'two', { state: 'active' }))).toEqual([['two was never confirmed']]);
    expect(drift(host('a', 'two', { state: 'bad' }))).toEqual([['two is live, and is bad']]);
    expect(drift(host('a', 'two', { state: 'none' }))).toEqual([['two is live, and the journal does not know it']]);
  });

  test('is a service that works in another release than the live one, however the root is reached', () => {
    expect(drift(host('a', 'two', { services: [service('one')] }))).toEqual([['web works in one, not in the live release']]);
    expect(drift(host('a', 'two', { services: [service('one', { folder: '/data/shop/releases/one' })] }))).toEqual([['web works in one, not in the live release']]);
  });

  test('is no slot that is kept warm, no process that is not there, no folder that cannot be seen', () => {
    const services = [service('two', { slot: 'green' }), service('one', { slot: 'blue', live: false }), service('one', { pids: '' }), service('', { folder: '?' })];
    expect(drift(host('a', 'two', { services }))).toEqual([[]]);
  });

  test('stands in the table below its host', () => {
    const fleet = [host('a', 'two'), host('b', 'one'), host('c', 'two')];
    const text = renderStatus(fleet.map((one) => ({ ...one, drift: driftOf(one, fleet, ROOT) })));
    expect(text).toMatch(/^The hosts run different releases\.$/m);
    expect(text).toMatch(/^b\n(?: {2}.*\n)* {2}drift {9}one is live here, two on most hosts$/m);
    expect(text.match(/drift/g)).toHaveLength(1);
  });
});
