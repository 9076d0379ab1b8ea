import { describe, expect, test } from '@jest/globals';
import { batches } from '../../src/config/batch.js';
import { describeConfig } from '../../src/config/describe.js';
import { excludeHosts, hostList } from '../../src/config/exclude.js';
import { loadConfig } from '../../src/config/load.js';
import { servicesOn } from '../../src/config/roles.js';
import type { Config } from '../../src/config/schema.js';

const load = (text: string): Config => loadConfig(text, 'slipway.yml');
const ENVIRONMENTS = `app: shop
environments:
  staging: { hosts: [deploy@192.0.2.1] }
  production:
    batch: 25%
    hosts:
      - { address: deploy@192.0.2.11, roles: [web] }
      - { address: "deploy@[2001:db8::1]:2222", roles: [web, worker] }
      - { address: deploy@192.0.2.13, roles: [files] }
      - { address: deploy@192.0.2.13:2200, roles: [files] }
`;
const services = (backend: string, worker: string): string =>
  `${ENVIRONMENTS}services:
  backend: { manager: pm2, start: node a.js${backend} }
  worker: { manager: pm2, start: node b.js${worker} }
  agent: { manager: pm2, start: node c.js }
`;

describe('batch', () => {
  const sizes = (count: number, text: string): number[] => {
    const { batch } = load(`app: shop\nenvironments: { production: { hosts: [deploy@192.0.2.1]${text} } }\n`).environments['production']!;
    return batches(Array.from({ length: count }, (_, index) => index), batch).map((group) => group.length);
  };

  test('says how many hosts switch at a time: all, a number, or a share of which one is the least', () => {
    expect(sizes(7, '')).toEqual([7]);
    expect(sizes(3, ', batch: 1')).toEqual([1, 1, 1]);
    expect(sizes(7, ', batch: 3')).toEqual([3, 3, 1]);
    expect(sizes(3, ', batch: 25%')).toEqual([1, 1, 1]);
    expect(sizes(10, ', batch: 25%')).toEqual([2, 2, 2, 2, 2]);
    expect(sizes(10, ', batch: 100%')).toEqual([10]);
    expect(sizes(2, ', batch: 9')).toEqual([2]);
  });

  test.each([
    ['0', /batch: must be 1–10000, is 0/],
    ['0%', /batch: must be more than 0%/],
    ['120%', /batch: must be 0%–100%/],
    ['half', /batch: must be a percentage such as 20%/],
    ['[1]', /batch: must be a whole number or a text/],
  ])('%s is refused', (text, message) => {
    expect(() => sizes(1, `, batch: ${text}`)).toThrow(message);
  });

  test('is described as it was written', () => {
    const read = (text: string): string => describeConfig(load(`app: shop\nenvironments: { production: { hosts: [deploy@192.0.2.1], batch: ${text} } }\n`));
    expect(read('2')).toMatch(/^ {4}batch: 2$/m);
    expect(read('12.5%')).toMatch(/^ {4}batch: 12.5%$/m);
  });
});

describe('roles', () => {
  const on = (text: string, environment: string): string[] => {
    const config = load(text);
    return config.environments[environment]!.hosts.map((host) => Object.keys(servicesOn(config.services, host)).join(' '));
  };

  test('say on which hosts a service runs; a service or a host without roles stands for all of them', () => {
    expect(on(services(', roles: [web]', ', roles: [worker]'), 'production')).toEqual(['backend agent', 'backend worker agent', 'agent', 'agent']);
    expect(on(services(', roles: [web]', ', roles: [worker]'), 'staging')).toEqual(['backend worker agent']);
    expect(on(services('', ', roles: [files, worker]'), 'production')).toEqual(['backend agent', 'backend worker agent', 'backend worker agent', 'backend worker agent']);
  });

  test('of which no host has one are refused with the nearest word', () => {
    expect(() => load(services('', ', roles: [wroker]'))).toThrow(/services\.worker\.roles\[0\]: must be a role of a host in production \(web, worker, files\); is `wroker` — did you mean `worker`\?/);
    expect(() => load(services(', roles: [web, mail]', ''))).toThrow(/services\.backend\.roles\[1\]: must be a role of a host in production \(web, worker, files\); is `mail`/);
  });

  test('nearly those of another host are refused also where a host has all of them', () => {
    const text = (role: string): string => `app: shop
environments: { production: { hosts: [deploy@192.0.2.1, { address: deploy@192.0.2.2, roles: [web] }] } }
services: { worker: { manager: pm2, start: node b.js, roles: [${role}] } }
`;
    expect(() => load(text('wbe'))).toThrow(/is `wbe` — did you mean `web`/);
    expect(on(text('nightly'), 'production')).toEqual(['worker', '']);
  });

  test('have no meaning on a jump host', () => {
    expect(() => load('app: shop\nenvironments: { production: { hosts: [{ address: deploy@192.0.2.1, jump: { address: jump@192.0.2.9, roles: [web] } }] } }\n')).toThrow(
      /hosts\[0\]\.jump\.roles: must be left out: no service runs on a jump host/,
    );
  });
});

test('the same host twice in an environment is refused', () => {
  expect(() => load('app: shop\nenvironments: { production: { hosts: [deploy@192.0.2.1, deploy@192.0.2.2, deploy@192.0.2.1:22] } }\n')).toThrow(
    /hosts\[2\]: must differ from the other hosts; `deploy@192\.0\.2\.1` stands here twice/,
  );
});

describe('hosts left out by name', () => {
  const { environments } = load(ENVIRONMENTS);
  const exclude = (text: string): string[] => excludeHosts(environments['production']!, 'production', hostList(text)).environment.hosts.map(({ name }) => name);
  const ALL = ['deploy@192.0.2.11', 'deploy@[2001:db8::1]:2222', 'deploy@192.0.2.13', 'deploy@192.0.2.13:2200'];

  test.each([
    ['', []],
    ['deploy@192.0.2.11', [0]],
    ['192.0.2.11', [0]],
    ['2001:db8::1', [1]],
    ['[2001:db8::1]:2222', [1]],
    ['deploy@192.0.2.13', [2]],
    ['192.0.2.13:2200', [3]],
    ['192.0.2.11, deploy@192.0.2.13:2200\n2001:db8::1', [0, 1, 3]],
  ])('%j leaves out the hosts %j', (text, out) => {
    expect(exclude(text)).toEqual(ALL.filter((_, index) => !out.includes(index)));
  });

  test('are refused when nobody has that name, with those there are', () => {
    expect(() => exclude('192.0.2.12')).toThrow(/there is no host `192\.0\.2\.12` in production — did you mean .*; it has: deploy@192\.0\.2\.11, /);
  });

  test('are refused when several have that name, or none would be left', () => {
    expect(() => exclude('192.0.2.13')).toThrow(/`192\.0\.2\.13` names 2 hosts of production: deploy@192\.0\.2\.13, deploy@192\.0\.2\.13:2200/);
    expect(() => excludeHosts(environments['staging']!, 'staging', ['192.0.2.1'])).toThrow(/leaves out every host of staging/);
  });
});
