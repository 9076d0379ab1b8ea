import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.js';

const load = (signOff: unknown) => loadConfig(JSON.stringify({ app: 'shop', environments: { production: { hosts: ['deploy@203.0.113.10'] } }, 'sign-off': signOff }), 'slipway.yml').signOff;

describe('the roles that sign off', () => {
  test('are names, or names with their users and teams; people are distinct, the initiator and administrators do not count unless that is said', () => {
    expect(load({ before: ['technical-lead', { role: 'qa', users: ['ann'], teams: ['acme/qa'] }] })).toEqual({
      before: [{ role: 'technical-lead', users: [], teams: [] }, { role: 'qa', users: ['ann'], teams: ['acme/qa'] }],
      after: [], distinct: true, initiator: false, bypass: false,
    });
  });

  test.each<[string, unknown, RegExp]>([
    ['that stand twice', { before: ['qa'], after: [{ role: 'qa' }] }, /sign-off\.after\[0\]: `qa` stands at before\[0\] already/],
    ['that no environment can be called after', { before: ['QA Manager'] }, /must be 1–63 of a–z/],
    ['with a login that is an address', { before: [{ role: 'qa', users: ['@ann'] }] }, /must be a login on GitHub, without @/],
    ['with a team of no organization', { before: [{ role: 'qa', teams: ['qa'] }] }, /must be organization\/team/],
  ])('%s are refused', (_, signOff, message) => {
    expect(() => load(signOff)).toThrow(message);
  });
});
