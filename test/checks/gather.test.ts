import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gatherBundle } from '../../src/checks/gather/bundle.js';
import { readCoverage } from '../../src/checks/gather/coverage.js';
import { gatherRepository, type RepositoryQuestions } from '../../src/checks/gather/git.js';
import { runProcess } from '../../src/checks/gather/process.js';
import { commandNames, gatherRunnerFacts } from '../../src/checks/gather/runner.js';
import type { RepositoryFacts } from '../../src/checks/model.js';
import { originEnv } from '../../src/main/github.js';
import { configWith } from './support.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-gather-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Nothing of this machine's git configuration counts. */
const env = { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@example.com', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@example.com' };
// Put together here, so that no scanner takes this file for a leak.
const AWS = ['AKIA', 'Q3EGRZ5T7YUJ2M4K'].join('');

function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function put(root: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

describe('the repository', () => {
  let count = 0;
  let work: string;
  let origin: string;
  const commit = (files: Readonly<Record<string, string | Buffer>>): void => {
    put(work, files);
    git(work, 'add', '--all', '--force');
    git(work, 'commit', '--quiet', '--allow-empty', '--message', 'work');
  };
  const gather = (rest: Partial<RepositoryQuestions> = {}): Promise<RepositoryFacts | undefined> => gatherRepository({ workspace: work, env, branch: 'main', ...rest });
  const tagFacts = async (ref: string, workspace = work): Promise<RepositoryFacts['tag']> => (await gather({ workspace, tag: true, ref }))?.tag;

  beforeEach(() => {
    count += 1;
    work = join(folder, `work-${count}`);
    origin = join(folder, `origin-${count}.git`);
    git(folder, 'init', '--quiet', '--bare', '--initial-branch=main', origin);
    git(folder, 'clone', '--quiet', origin, work);
    git(work, 'checkout', '--quiet', '-B', 'main');
    commit({ 'README.md': '# Demo\n' });
    git(work, 'push', '--quiet', 'origin', 'main');
  });

  it('is not there in a folder without git, or without the folder', async () => {
    const plain = join(folder, 'plain');
    mkdirSync(plain, { recursive: true });
    expect(await gather({ workspace: plain })).toBeUndefined();
    expect(await gather({ workspace: join(plain, 'none') })).toBeUndefined();
  });

  it('knows an annotated and pushed tag on the branch', async () => {
    git(work, 'tag', '-a', 'v1.0.0', '-m', 'Release');
    git(work, 'push', '--quiet', 'origin', 'v1.0.0');
    const wanted = { name: 'v1.0.0', exists: true, annotated: true, remote: 'same', onBranch: 'yes' };
    expect(await tagFacts('refs/tags/v1.0.0')).toEqual(wanted);
    expect(await tagFacts('v1.0.0')).toEqual(wanted);
  });

  it('knows a lightweight tag that was not pushed', async () => {
    git(work, 'tag', 'v1.0.0');
    expect(await tagFacts('v1.0.0')).toMatchObject({ annotated: false, remote: 'absent' });
  });

  it('sees an annotated tag through a checkout that fetched its commit only', async () => {
    git(work, 'tag', '-a', 'v1.0.0', '-m', 'Release');
    git(work, 'push', '--quiet', 'origin', 'v1.0.0');
    git(work, 'tag', '-d', 'v1.0.0');
    git(work, 'update-ref', 'refs/tags/v1.0.0', 'HEAD');
    expect(await tagFacts('v1.0.0')).toMatchObject({ annotated: true, remote: 'same' });
  });

  it('sees that a tag was moved on origin', async () => {
    git(work, 'tag', '-a', 'v1.0.0', '-m', 'Release');
    git(work, 'push', '--quiet', 'origin', 'v1.0.0');
    commit({ 'a.txt': 'a' });
    git(work, 'tag', '-f', '-a', 'v1.0.0', '-m', 'Moved');
    expect(await tagFacts('v1.0.0')).toMatchObject({ remote: 'different', onBranch: 'no' });
  });

  it('sees that a tag is on another branch only', async () => {
    git(work, 'checkout', '--quiet', '-b', 'feature');
    commit({ 'b.txt': 'b' });
    git(work, 'tag', '-a', 'v1.1.0', '-m', 'Too early');
    expect(await tagFacts('v1.1.0')).toMatchObject({ onBranch: 'no' });
  });

  it('does not guess in a shallow clone or without the branch', async () => {
    commit({ 'c.txt': 'c' });
    git(work, 'tag', '-a', 'v1.0.0', '-m', 'Release', 'HEAD~1');
    commit({ 'd.txt': 'd' });
    git(work, 'push', '--quiet', 'origin', 'main', 'v1.0.0');
    const shallow = join(folder, `shallow-${count}`);
    git(folder, 'clone', '--quiet', '--depth', '1', `file://${origin}`, shallow);
    git(shallow, 'fetch', '--quiet', '--depth', '1', 'origin', 'refs/tags/v1.0.0:refs/tags/v1.0.0');
    expect(await tagFacts('v1.0.0', shallow)).toMatchObject({ exists: true, onBranch: 'unknown' });
    expect((await gather({ tag: true, ref: 'v1.0.0', branch: 'release' }))?.tag).toMatchObject({ onBranch: 'unknown' });
  });

  it('tells a missing tag, a branch, no remote and a dead remote apart', async () => {
    expect(await tagFacts('v9')).toMatchObject({ exists: false });
    expect(await tagFacts('refs/heads/main')).toBe('branch main');
    git(work, 'tag', '-a', 'v1', '-m', 'x');
    git(work, 'remote', 'set-url', 'origin', join(folder, 'gone.git'));
    expect(await tagFacts('v1')).toMatchObject({ remote: 'unreadable' });
    git(work, 'remote', 'remove', 'origin');
    expect(await tagFacts('v1')).toMatchObject({ remote: 'none' });
    expect((await gather({ tag: true }))?.tag).toBeUndefined();
    expect((await gather({ ref: 'v1' }))?.tag).toBeUndefined();
  });

  it('lists what is changed and what is new, whatever its name', async () => {
    expect((await gather({ clean: true }))?.changed).toEqual([]);
    put(work, { 'README.md': 'changed', 'new "file"\nname': '' });
    expect((await gather({ clean: true }))?.changed?.toSorted()).toEqual(['README.md', 'new "file"\nname']);
  });

  it('finds credentials in tracked text files only, with file and line', async () => {
    put(work, { 'untracked.js': AWS });
    git(work, 'config', 'core.excludesFile', '/dev/null');
    writeFileSync(join(work, '.git/info/exclude'), 'untracked.js\n');
    put(work, {
      'src/with space.js': `// one\nconst id = '${AWS}';\n`, 'data.bin': Buffer.concat([Buffer.from([0]), Buffer.from(AWS)]), 'large.txt': `${'x'.repeat(1024 * 1024)}\n${AWS}\n`,
      'fixtures/sample.js': AWS, 'fixtures-other.js': AWS, 'deleted.js': AWS,
    });
    symlinkSync('with space.js', join(work, 'src/link.js'));
    git(work, 'add', '--all');
    git(work, 'commit', '--quiet', '--message', 'more');
    rmSync(join(work, 'deleted.js'));
    const { credentials } = (await gather({ secrets: true, secretsExcept: ['fixtures'] })) ?? {};
    expect(credentials?.findings).toEqual([
      { file: 'fixtures-other.js', line: 1, kind: 'AWS access key' },
      { file: 'src/with space.js', line: 2, kind: 'AWS access key' },
    ]);
    expect(JSON.stringify(credentials)).not.toContain(AWS);
  });

  it('tells environment files from their templates', async () => {
    commit({ '.env': '', 'backend/.env.production': '', 'config/prod.env': '', '.env.example': '', '.env.production.sample': '', 'sample.env': '', 'environment.ts': '', '.env.template': '' });
    expect((await gather({ secrets: true }))?.envFiles).toEqual(['.env', 'backend/.env.production', 'config/prod.env']);
  });

  it('finds what keeps dependencies up to date', async () => {
    expect((await gather())?.updates).toBeUndefined();
    commit({ '.github/dependabot.yml': 'version: 2\n' });
    expect((await gather())?.updates).toBe('.github/dependabot.yml');
  });

  it('looks for the tag in the changelog', async () => {
    const changelog = async (ref?: string): Promise<unknown> => (await gather({ changelog: 'CHANGELOG.md', ...(ref === undefined ? {} : { ref }) }))?.changelog;
    expect(await changelog('v1.2.3')).toEqual({ file: 'CHANGELOG.md', exists: false, hasEntry: false, version: 'v1.2.3' });
    put(work, { 'CHANGELOG.md': '# Changelog\n\n## [1.2.3] - 2026-11-21\n\n- New\n' });
    expect(await changelog('refs/tags/v1.2.3')).toMatchObject({ exists: true, hasEntry: true });
    expect(await changelog('v1.2.4')).toMatchObject({ hasEntry: false });
    expect(await changelog('refs/heads/main')).toEqual({ file: 'CHANGELOG.md', exists: true, hasEntry: false });
    expect(await changelog()).toEqual({ file: 'CHANGELOG.md', exists: true, hasEntry: false });
  });

  it('reads the version from what languages keep it in', async () => {
    const named = async (text: string): Promise<unknown> => {
      put(work, { file: text });
      return (await gather({ version: 'file', ref: 'refs/tags/v1.2.3' }))?.version;
    };
    for (const text of ['{"name":"x","version":"1.2.3"}', '[project]\nname = "x"\nversion = "1.2.3"\n', 'name: x\nversion: 1.2.3\n', '1.2.3\n']) {
      expect(await named(text)).toEqual({ file: 'file', exists: true, named: '1.2.3', tag: 'v1.2.3' });
    }
    expect(await named('{"name":"x"}')).toEqual({ file: 'file', exists: true, tag: 'v1.2.3' });
    expect((await gather({ version: 'none' }))?.version).toEqual({ file: 'none', exists: false });
  });

  it('asks a private origin with the token of the job, also beside credentials that the check-out has left', async () => {
    git(work, 'tag', '-a', 'v1.0.0', '-m', 'Release');
    const refs = [`${git(work, 'rev-parse', 'v1.0.0').trim()} refs/tags/v1.0.0\0agent=x\n`, `${git(work, 'rev-parse', 'HEAD').trim()} refs/tags/v1.0.0^{}\n`];
    const packet = (text: string): string => (Buffer.byteLength(text) + 4).toString(16).padStart(4, '0') + text;
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      const given = request.rawHeaders.flatMap((name, at) => (at % 2 === 0 && /^authorization$/i.test(name) ? [request.rawHeaders[at + 1]] : []));
      seen.push(...given);
      if (given.length !== 1 || given[0] !== `basic ${Buffer.from('x-access-token:ghs_x').toString('base64')}`) return void response.writeHead(given.length > 1 ? 400 : 401, { 'WWW-Authenticate': 'Basic' }).end();
      response.writeHead(200, { 'Content-Type': 'application/x-git-upload-pack-advertisement' });
      response.end(`${packet('# service=git-upload-pack\n')}0000${refs.map(packet).join('')}0000`);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      git(work, 'remote', 'set-url', 'origin', `${url}/acme/shop`);
      expect(await tagFacts('v1.0.0')).toMatchObject({ remote: 'unreadable' });
      const mine = originEnv({ token: 'ghs_x', apiUrl: `${url}/api/v3` });
      expect((await gather({ tag: true, ref: 'v1.0.0', originEnv: mine }))?.tag).toMatchObject({ remote: 'same', annotated: true });
      git(work, 'config', `http.${url}/.extraheader`, 'AUTHORIZATION: basic other');
      expect((await gather({ tag: true, ref: 'v1.0.0', originEnv: mine }))?.tag).toMatchObject({ remote: 'same' });
      git(work, 'config', '--unset', `http.${url}/.extraheader`);
      seen.length = 0;
      expect((await gather({ tag: true, ref: 'v1.0.0', originEnv: originEnv({ token: 'ghs_x', apiUrl: 'https://api.github.com' }) }))?.tag).toMatchObject({ remote: 'unreadable' });
      expect(seen).toEqual([]);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  it('does not take a ref for an option', async () => {
    expect(await tagFacts('--output=/tmp/x')).toMatchObject({ exists: false });
  });
});

describe('a process of the team', () => {
  const cwd = tmpdir();

  it('gives its exit code and its last lines in order', async () => {
    const lines: string[] = [];
    const result = await runProcess('bash', ['-c', 'echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three; exit 3'], { cwd, env, onLine: (line) => lines.push(line) });
    expect(result).toMatchObject({ code: 3, tail: ['one', 'two', 'three'], stdout: 'one\nthree', stderr: 'two\n' });
    expect(lines).toEqual(['one', 'two', 'three']);
  });

  it('sees only the environment it is given', async () => {
    process.env['SLIPWAY_TEST_SECRET'] = 'sentinel';
    const { stdout } = await runProcess('env', [], { cwd, env }).finally(() => delete process.env['SLIPWAY_TEST_SECRET']);
    expect(stdout).not.toContain('sentinel');
  });

  it('is ended with its children when its time is up', async () => {
    const started = Date.now();
    const result = await runProcess('bash', ['-c', 'sleep 60 & echo $!; wait'], { cwd, env, limit: 5_000 });
    expect(result.code).toBeUndefined();
    expect(Date.now() - started).toBeLessThan(45_000);
    // It may still wait to be reaped.
    const { stdout } = await runProcess('ps', ['-o', 'stat=', '-p', result.stdout.trim()], { cwd, env });
    expect(stdout).not.toMatch(/^[^Z\s]/);
  });

  it('has not passed when it was stopped and ended well', async () => {
    const result = await runProcess('bash', ['-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'], { cwd, env, limit: 2_000 });
    expect(result.code).toBeUndefined();
  });

  it('is not waited for because of what it left in the background', async () => {
    const started = Date.now();
    const result = await runProcess('bash', ['-c', 'sleep 60 & echo done'], { cwd, env });
    expect(result).toMatchObject({ code: 0, tail: ['done'] });
    expect(Date.now() - started).toBeLessThan(45_000);
  });

  it('is ended by a signal from outside', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    expect((await runProcess('sleep', ['60'], { cwd, env, signal: controller.signal })).code).toBeUndefined();
  });

  it('rejects when there is no such program', async () => {
    await expect(runProcess(join(folder, 'no-such-program'), [], { cwd, env })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('keeps only the end of endless output', async () => {
    const { tail } = await runProcess('bash', ['-c', 'seq 100000'], { cwd, env });
    expect(tail).toHaveLength(40);
    expect(tail.at(-1)).toBe('100000');
  });
});

describe('coverage', () => {
  const coverageOf = (name: string, text: string): Promise<number | string> => {
    put(folder, { [name]: text });
    return readCoverage(join(folder, name));
  };

  it('is read from lcov and from istanbul\'s summary', async () => {
    expect(await coverageOf('lcov.info', 'SF:a.js\nLF:8\nLH:4\nend_of_record\nSF:b.js\nLF:2\nLH:2\nend_of_record\n')).toBeCloseTo(0.6);
    expect(await coverageOf('summary.json', JSON.stringify({ total: { lines: { total: 200, covered: 161, pct: 80.5 } } }))).toBeCloseTo(0.805);
  });

  it('says why it cannot be read', async () => {
    expect(await readCoverage(join(folder, 'none.json'))).toMatch(/no such file/);
    expect(await coverageOf('bad.json', '{')).toMatch(/not valid JSON/);
    expect(await coverageOf('odd.json', '{"total":{}}')).toMatch(/no total\.lines/);
    expect(await coverageOf('empty.json', JSON.stringify({ total: { lines: { total: 0, covered: 0 } } }))).toMatch(/no lines at all/);
    expect(await coverageOf('empty.info', 'TN:\n')).toMatch(/no LF/);
  });
});

describe('the frontend', () => {
  it('is weighed and searched', async () => {
    const written = Array.from({ length: 1500 }, (_, index) => `const value${index} = ${index};`).join('\n');
    put(join(folder, 'app'), {
      'dist/index.html': '<script src="/assets/index-BxK3_9aQ.js"></script><a href="http://10.0.0.5/x">x</a>',
      'dist/assets/index-BxK3_9aQ.js': 'fetch("https://api.example.com/v1");fetch("http://backend:12001/x");console.log(1)\n//# sourceMappingURL=index-BxK3_9aQ.js.map\n',
      'dist/assets/index-BxK3_9aQ.js.map': '{}',
      'dist/assets/vendor.js': written,
      'dist/assets/style-1a2b3c4d5e.css': 'a{b:c}\n/*# sourceMappingURL=style.css.map */',
      'dist/sw.js': 'self.addEventListener("x",()=>{})',
      'dist/logo.png': Buffer.alloc(5000, 1),
    });
    const facts = await gatherBundle(join(folder, 'app'), 'dist');
    expect(facts).toMatchObject({
      exists: true, files: 7, unminified: ['assets/vendor.js'], unfingerprinted: ['assets/vendor.js'],
      sourceMaps: ['assets/index-BxK3_9aQ.js.map', 'assets/style-1a2b3c4d5e.css (sourceMappingURL)'],
      consoleCalls: [{ file: 'assets/index-BxK3_9aQ.js', line: 1, kind: 'console.log' }],
      origins: { 'https://api.example.com': 'assets/index-BxK3_9aQ.js', 'http://backend:12001': 'assets/index-BxK3_9aQ.js', 'http://10.0.0.5': 'index.html' },
    });
    expect(facts.gzip).toBeGreaterThan(500);
    expect(facts.gzip).toBeLessThan(written.length);
  });

  it('may not be there', async () => {
    expect(await gatherBundle(folder, 'no-such-folder')).toMatchObject({ exists: false, files: 0, gzip: 0 });
  });
});

describe('the runner', () => {
  it('runs the tests until one fails, then the audit, and reads the coverage they wrote', async () => {
    const workspace = join(folder, 'project');
    put(workspace, { 'package.json': '{}' });
    const config = configWith(`
preflight:
  tests: ["echo 'LF:10' > lcov.info; echo 'LH:9' >> lcov.info", "echo broken >&2; false | cat; exit 7", "touch never"]
  coverage: { file: lcov.info, lines: 80% }
  audit: { command: "echo 0 vulnerabilities" }`);
    const facts = await gatherRunnerFacts({ config, workspace, env });
    expect(facts.tests?.map(({ code }) => code)).toEqual([0, 1]);
    expect(facts.tests?.[1]?.tail).toEqual(['broken']);
    expect(() => readFileSync(join(workspace, 'never'))).toThrow();
    expect(facts.coverage).toBeCloseTo(0.9);
    expect(facts.audit).toMatchObject({ code: 0, tail: ['0 vulnerabilities'] });
    expect(facts.commands).toMatchObject({ bash: true, git: true });
    expect(facts.node).toMatch(/^\d+\.\d+\.\d+$/);
    expect(facts.diskFree).toBeGreaterThan(0);
    expect(facts.repository).toBeUndefined();
  });

  it('leaves out the folders in which credentials are made up', async () => {
    const workspace = join(folder, 'made-up');
    put(workspace, { 'test/fixtures/a.js': AWS, 'src/b.js': AWS });
    git(folder, 'init', '--quiet', workspace);
    git(workspace, 'add', '--all');
    const config = configWith('preflight: { repository: { secrets-except: [test/fixtures] } }');
    const facts = await gatherRunnerFacts({ config, workspace, env });
    expect(facts.repository?.credentials?.findings.map(({ file }) => file)).toEqual(['src/b.js']);
  });

  it('knows which commands it will need', () => {
    const config = configWith('release: { build: [npm ci, "cd web && npm run build", "FOO=1 make"] }\npreflight: { tests: [python3 -m pytest], audit: true }\nsmoke: [{ name: own, run: ./smoke.sh }]');
    expect(commandNames(config)).toEqual(['bash', 'git', 'npm', 'python3']);
    expect(commandNames(configWith())).toEqual(['git']);
  });
});
