import { expect } from '@jest/globals';
import { type Facts, PORTS } from './fault-host.js';
import type { Fault } from './fault-matrix.js';

/** `current`, marker, slot, nginx and journal say the same. */
export function expectAgrees(facts: Facts, fault?: Fault | 'disk'): void {
  const [slot = 'none'] = facts.markers;
  expect(facts).toMatchObject({
    markers: [slot],
    slots: { [slot]: facts.current },
    nginx: `${slot} ${facts.current}`,
    answers: facts.current,
  });
  const record = facts.releases.find(({ id }) => id === facts.current);
  const switching = facts.unfinished.find(({ kind }) => kind === 'switching');
  if (switching === undefined) {
    expect(record).toMatchObject({ slot, present: true });
    expect(['active', 'good']).toContain(record?.state);
  } else {
    // Only where the script was killed, or found no room for a line, may the journal leave open how its switch ended; it names both.
    expect(['shell', 'reboot', 'disk']).toContain(fault);
    expect([switching.release, 'previous' in switching ? switching.previous : '']).toContain(facts.current);
  }
}

/** No lease, process, timer, staging folder or half-made file: what runs and what is there is what the journal says. */
export function expectNothingLeft(facts: Facts): void {
  const [slot = 'blue'] = facts.markers as (keyof typeof PORTS)[];
  const present = facts.releases.filter(({ present }) => present).map(({ id }) => id).sort();
  expect(facts).toMatchObject({
    left: [],
    unfinished: [],
    works: [facts.current],
    ports: [String(PORTS[slot])],
    services: [`web@${slot}`, 'worker'],
    folders: present,
    manifests: present,
  });
  expect(Object.keys(facts.slots)).toEqual([slot]);
  expect(facts.releases.find(({ id }) => id === facts.current)?.state).toBe('good');
}
