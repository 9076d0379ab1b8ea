import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCRIPTS = join(import.meta.dirname, '../../src/host/scripts');

/** What an engine says of a dump by its versions alone; an empty text: the server takes it. */
function doubt(engine: string, made: string, here: string): string {
  const { stdout, stderr } = spawnSync('sh', ['-eu', '-c', '. "$1"; engine_takes "$2" "$3" || echo', 'sh', join(SCRIPTS, `engine-${engine}.sh`), made, here], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.trim();
}

test.each([
  ['mysql', '10.11.6-MariaDB-0+deb12u1', '10.11.14-MariaDB-0+deb12u2'],
  ['mysql', '10.11.14-MariaDB', '10.11.6-MariaDB'],
  ['mysql', '10.6.18-MariaDB-log', '11.4.2-MariaDB-ubu2404'],
  ['mysql', '5.7.44-log', '8.0.36'],
  ['mysql', '8.0.36-28', '8.4.0'],
  ['mysql', '', '8.4.0'],
  ['postgres', '13.14', '15.5'],
  ['postgres', '15.6', '15.5'],
  ['postgres', '9.6.24', '16.1'],
  ['postgres', '', '15.5'],
])('a dump of %s %s is taken by %s', (engine, made, here) => {
  expect(doubt(engine, made, here)).toBe('');
});

test.each([
  ['mysql', '11.4.2-MariaDB', '10.11.6-MariaDB-0+deb12u1', 'MariaDB 11.4.2 has made it, and this is MariaDB 10.11.6'],
  ['mysql', '8.0.36', '10.11.6-MariaDB', 'MySQL 8.0.36 has made it, and this is MariaDB 10.11.6'],
  ['mysql', '5.5.68-MariaDB', '8.0.36', 'MariaDB 5.5.68 has made it, and this is MySQL 8.0.36'],
  ['mysql', '8.4.0', '8.0.36', 'MySQL 8.4.0 has made it, and this is MySQL 8.0.36'],
  ['postgres', '16.1', '15.5', 'PostgreSQL 16.1 has made it, and this is PostgreSQL 15.5'],
])('a dump of %s %s is not known to be taken by %s, which is said', (engine, made, here, words) => {
  expect(doubt(engine, made, here)).toBe(words);
});

/** What pg_restore 17 says of a dump of 15, and how it ends. */
function scripted(server: number, ends: number): { stdout: string; status: number | null } {
  const script = ['--', '-- PostgreSQL database dump', '--', 'SET lock_timeout = 0;', 'SET transaction_timeout = 0;', 'COPY t FROM stdin;', 'SET transaction_timeout = 0;', '\\.'].join('\\n');
  const text = `. "$1"; work=$2; pg_server=${server}; pg_line='17 /none'; pg_restore() { printf '%b' '${script}\\n' | sed 's/^$/\\\\./'; return ${ends}; }; pg_script`;
  const work = mkdtempSync(join(tmpdir(), 'slipway-fits-'));
  try {
    return spawnSync('sh', ['-u', '-c', text, 'sh', join(SCRIPTS, 'engine-postgres.sh'), work], { encoding: 'utf8' });
  } finally {
    rmSync(work, { recursive: true });
  }
}

test('a client of PostgreSQL 17 or later begins a restore with a setting that older servers do not know: it is left out, once, and a failure stays one', () => {
  const times = (text: string): number => text.split('\n').filter((line) => line === 'SET transaction_timeout = 0;').length;
  const [older, same] = [scripted(15, 0), scripted(17, 0)];
  expect([older.status, same.status, times(older.stdout), times(same.stdout)]).toEqual([0, 0, 1, 2]);
  expect(older.stdout).toBe(same.stdout.replace('SET transaction_timeout = 0;\n', ''));
  expect(scripted(15, 1).status).toBe(1);
});
