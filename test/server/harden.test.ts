import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { scriptText } from '../../src/host/script.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-harden-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Functions of a script, with commands around them. */
function ran(script: 'server' | 'harden-undo', names: readonly string[], body: string): string {
  const text = scriptText(script);
  const functions = names.map((name) => new RegExp(`^${name}\\(\\) \\{(?:\\n[^]*?^\\}| .*\\})$`, 'm').exec(text)?.[0] ?? '').join('\n');
  const { stdout, stderr } = spawnSync('sh', ['-euc', `${functions}\n${body}`], { cwd: folder, encoding: 'utf8' });
  return stdout + stderr;
}
function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}
const read = (path: string): string => readFileSync(join(folder, path), 'utf8');

test('on a full disk a step is taken back all the same: files as they were, strangers out of the way', () => {
  const saved = join('undo/before', folder, 'conf');
  put(join(saved, 'sshd.conf'), 'before\n');
  put(join(saved, 'same.conf'), 'same\n');
  put('conf/sshd.conf', 'changed\n');
  put('conf/same.conf', 'same\n');
  put('conf/10-slipway.conf', 'new\n');
  const said = ran('harden-undo', ['put_back', 'put_one', 'aside', 'files_of'], `
say() { echo "$*"; }
cp() { return 1; }
mkdir() { [ -d "$2" ]; }
place=$PWD/undo
put_back "$PWD/conf"`);
  expect(said).toContain('10-slipway.conf.slipway-aside');
  expect([read('conf/sshd.conf'), read('conf/same.conf'), read('conf/10-slipway.conf.slipway-aside')]).toEqual(['before\n', 'same\n', 'new\n']);
});

test("a smaller number of sshd's that the team has set stays theirs; a greater one, none, and one in a Match block do not", () => {
  const told = (conf: string): string => {
    put('sshd.conf', conf);
    return ran('server', ['unless_stricter'], 'sshd_reads() { echo sshd.conf; }\nunless_stricter MaxAuthTries 4').trim();
  };
  expect(['maxauthtries=3\n', 'MaxAuthTries 9\n', '', 'LoginGraceTime 0\nMaxAuthTries 0\n', 'Match User bob\nMaxAuthTries 2\n'].map(told)).toEqual(['', ...Array<string>(4).fill('MaxAuthTries 4')]);
});

test('all ports of sshd stay open, those of ListenAddress too, and where its files ask for the port of a login', () => {
  const ports = ran('server', ['sshd_makes', 'ssh_ports'], `
sshd() { case "$*" in *lport=*) printf 'port 22\\nlistenaddress 0.0.0.0:2222\\nlistenaddress [::]:2223\\n' ;; *) return 255 ;; esac; }
systemctl() { return 1; }
mkdir() { :; }
work=. p_user=deploy p_port=22 p_connection='192.0.2.1 50000 192.0.2.2 2200'
ssh_ports`);
  expect(ports.trim().split('\n')).toEqual(['2200', '22', '2222', '2223']);
});
