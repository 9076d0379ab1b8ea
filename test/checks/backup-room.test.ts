import { expect, test } from '@jest/globals';
import { backupRoom, roomForBackups } from '../../src/checks/backup-room.js';
import type { DatabaseFacts, DatabaseVisit } from '../../src/checks/database-facts.js';
import { configWith } from './support.js';

const GB = 1e9;
const facts = (rest: Partial<DatabaseFacts>): DatabaseFacts => ({ empty: false, privileges: [], excess: [], tables: [], replica: false, untold: [], bad: [], scheduled: false, ...rest });
const backup = { id: 'b', at: 0, size: 10 * GB, stored: GB, duration: 1, why: 'schedule' };

test('a backup needs what the last one took of its data, and a little beside; without one before as much as the data', () => {
  expect(backupRoom(facts({ size: 20 * GB, backup }), 'postgres')).toBeCloseTo(2.5 * GB, -8);
  expect(backupRoom(facts({ size: 20 * GB }), 'postgres')).toBeCloseTo(20 * GB, -8);
  // SQLite is copied before it is packed.
  expect(backupRoom(facts({ size: 20 * GB, backup }), 'sqlite')).toBeCloseTo(22.5 * GB, -8);
  expect(backupRoom(facts({}), 'postgres')).toBeUndefined();
});

test('the disk of the releases has to hold the backups before migrations, and no others', () => {
  const visit = (database: string): DatabaseVisit => ({
    database: configWith(`databases: { main: { engine: postgres, url: $DATABASE_URL, ${database} } }`).databases['main']!, host: 'deploy@203.0.113.10', facts: facts({ size: 20 * GB, backup }),
  });
  const one = roomForBackups([visit('migrate: npm run migrate')]);
  expect(one).toBeCloseTo(2.5 * GB, -8);
  expect(roomForBackups([visit('migrate: npm run migrate'), visit('migrate: npm run migrate')])).toBe(2 * one);
  expect(roomForBackups([visit('directory: .'), visit('migrate: npm run migrate, backup: { folder: /var/backups/demo }')])).toBe(0);
});
