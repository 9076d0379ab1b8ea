import { expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.js';
import { serverParameters } from '../../src/server/parameters.js';

const foldersOf = (...folders: string[]): string | undefined => {
  const config = loadConfig(JSON.stringify({
    app: 'shop', environments: { production: { hosts: ['deploy@203.0.113.10'] } }, release: { build: ['true'], include: ['app'] }, server: { folders },
  }), 'slipway.yml');
  const host = config.environments['production']?.hosts[0];
  if (host === undefined) throw new Error('no host');
  return serverParameters({ config, host, services: {} }, { environment: 'production', root: '/srv/shop', deployKeys: [], connection: '' })['folders'];
};

test('folders beside the app are made', () => {
  expect(foldersOf('/var/uploads', '/srv/shop-uploads')).toBe('/var/uploads /srv/shop-uploads');
});

test('a folder in the app\'s root is refused before anything is done: it would keep the first deploy out', () => {
  expect(() => foldersOf('/srv/shop/uploads')).toThrow(expect.objectContaining({ message: expect.stringMatching(/\/srv\/shop\/uploads lies in the app's root/), remedy: expect.stringMatching(/release\.shared \(`uploads`\)/) }));
});
