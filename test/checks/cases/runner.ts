import type { BundleFacts, CommandFacts, RepositoryFacts, TagFacts } from '../../../src/checks/model.js';
import type { Case } from '../support.js';

const TAGGED = 'preflight: { repository: { tag: true } }';
const tag = (rest: Partial<TagFacts> = {}): RepositoryFacts => ({ tag: { name: 'v1.2.3', exists: true, annotated: true, remote: 'same', onBranch: 'yes', ...rest } });
const command = (rest: Partial<CommandFacts> = {}): CommandFacts => ({ command: 'npm test', code: 0, tail: [], duration: 1200, ...rest });
const bundle = (rest: Partial<BundleFacts> = {}): BundleFacts => ({
  directory: 'dist', exists: true, files: 3, gzip: 200_000, sourceMaps: [], consoleCalls: [], unminified: [], unfingerprinted: [], origins: { 'https://api.example.com': 'app.js' }, ...rest,
});
const BUNDLE = 'preflight: { bundle: { directory: dist, max-gzip: 500KB, no-console: true, public-urls: [https://api.example.com] } }';
const inBundle = (name: string, when: string, rest: Partial<BundleFacts>, says: Case['says'], words?: RegExp): Case =>
  ({ id: `preflight.bundle.${name}`, when, config: BUNDLE, runner: { bundle: bundle(rest) }, says, ...(words === undefined ? {} : { words }) });

export const runnerCases: Case[] = [
  { id: 'preflight.repository.credentials', when: 'none were found', runner: { repository: { credentials: { findings: [], files: 12 } } }, says: 'pass', words: /12 files/ },
  { id: 'preflight.repository.credentials', when: 'one was found', runner: { repository: { credentials: { findings: [{ file: 'src/a.js', line: 3, kind: 'AWS access key' }], files: 1 } } }, says: 'fail', words: /src\/a\.js:3 \(AWS access key\)/ },
  { id: 'preflight.repository.credentials', when: 'the workspace is no repository', says: 'nothing' },
  { id: 'preflight.repository.env-files', when: 'none are tracked', runner: { repository: { envFiles: [] } }, says: 'pass' },
  { id: 'preflight.repository.env-files', when: 'one is tracked', runner: { repository: { envFiles: ['backend/.env'] } }, says: 'fail', words: /backend\/\.env/ },
  { id: 'preflight.repository.clean', when: 'nothing has changed', runner: { repository: { changed: [] } }, says: 'pass' },
  { id: 'preflight.repository.clean', when: 'many files have changed', runner: { repository: { changed: Array.from({ length: 12 }, (_, index) => `f${index}`) } }, says: 'fail', words: /f9 and 2 more/ },
  { id: 'preflight.repository.tag', when: 'it is annotated', config: TAGGED, runner: { repository: tag() }, says: 'pass' },
  { id: 'preflight.repository.tag', when: 'it is lightweight', config: TAGGED, runner: { repository: tag({ annotated: false }) }, says: 'fail', words: /lightweight/ },
  { id: 'preflight.repository.tag', when: 'it does not exist', config: TAGGED, runner: { repository: tag({ exists: false }) }, says: 'fail', words: /fetch-depth/ },
  { id: 'preflight.repository.tag', when: 'a branch is released', config: TAGGED, runner: { repository: { tag: 'branch main' } }, says: 'fail', words: /branch main is not a tag/ },
  { id: 'preflight.repository.tag', when: 'no ref was given', config: TAGGED, runner: { repository: {} }, says: 'skip' },
  { id: 'preflight.repository.tag', when: 'tags are not asked for', runner: { repository: tag() }, says: 'nothing' },
  { id: 'preflight.repository.tag-pushed', when: 'origin has the same', config: TAGGED, runner: { repository: tag() }, says: 'pass' },
  { id: 'preflight.repository.tag-pushed', when: 'origin has none', config: TAGGED, runner: { repository: tag({ remote: 'absent' }) }, says: 'fail', words: /git push origin v1\.2\.3/ },
  { id: 'preflight.repository.tag-pushed', when: 'it was moved', config: TAGGED, runner: { repository: tag({ remote: 'different' }) }, says: 'fail', words: /another commit/ },
  { id: 'preflight.repository.tag-pushed', when: 'there is no origin', config: TAGGED, runner: { repository: tag({ remote: 'none' }) }, says: 'skip' },
  { id: 'preflight.repository.tag-pushed', when: 'origin does not answer', config: TAGGED, runner: { repository: tag({ remote: 'unreadable' }) }, says: 'fail' },
  { id: 'preflight.repository.tag-branch', when: 'it is on the branch', config: TAGGED, runner: { repository: tag() }, says: 'pass' },
  { id: 'preflight.repository.tag-branch', when: 'it is on another', config: TAGGED, runner: { repository: tag({ onBranch: 'no' }) }, says: 'fail' },
  { id: 'preflight.repository.tag-branch', when: 'the clone is shallow', config: TAGGED, runner: { repository: tag({ onBranch: 'unknown' }) }, says: 'fail', words: /fetch-depth: 0/ },
  { id: 'preflight.repository.changelog', when: 'it has the entry', runner: { repository: { changelog: { file: 'CHANGELOG.md', exists: true, hasEntry: true, version: 'v1.2.3' } } }, says: 'pass' },
  { id: 'preflight.repository.changelog', when: 'it lacks the entry', runner: { repository: { changelog: { file: 'CHANGELOG.md', exists: true, hasEntry: false, version: 'v1.2.3' } } }, says: 'fail', words: /v1\.2\.3/ },
  { id: 'preflight.repository.changelog', when: 'there is none', runner: { repository: { changelog: { file: 'CHANGELOG.md', exists: false, hasEntry: false } } }, says: 'fail', words: /no such file/ },
  { id: 'preflight.repository.changelog', when: 'no tag was given', runner: { repository: { changelog: { file: 'CHANGELOG.md', exists: true, hasEntry: false } } }, says: 'skip' },
  { id: 'preflight.repository.version', when: 'it is that of the tag', runner: { repository: { version: { file: 'package.json', exists: true, named: '1.2.3', tag: 'shop-v1.2.3' } } }, says: 'pass' },
  { id: 'preflight.repository.version', when: 'it is another', runner: { repository: { version: { file: 'package.json', exists: true, named: '1.2.3', tag: 'v11.2.3' } } }, says: 'fail', words: /1\.2\.3/ },
  { id: 'preflight.repository.version', when: 'the file is missing', runner: { repository: { version: { file: 'VERSION', exists: false, tag: 'v1.2.3' } } }, says: 'fail', words: /no such file/ },
  { id: 'preflight.repository.version', when: 'the file names none', runner: { repository: { version: { file: 'package.json', exists: true, tag: 'v1.2.3' } } }, says: 'fail', words: /names no version/ },
  { id: 'preflight.repository.version', when: 'no tag was given', runner: { repository: { version: { file: 'package.json', exists: true, named: '1.2.3' } } }, says: 'skip' },
  { id: 'preflight.repository.updates', when: 'Dependabot is configured', runner: { repository: { updates: '.github/dependabot.yml' } }, says: 'pass' },
  { id: 'preflight.repository.updates', when: 'nothing is configured', runner: { repository: {} }, says: 'fail' },

  { id: 'preflight.runner.node', when: 'it is what the hosts have', config: 'preflight: { node: ">=24" }\nrelease: { build: [npm run build] }', runner: { node: '24.1.0' }, says: 'pass' },
  { id: 'preflight.runner.node', when: 'it is older', config: 'preflight: { node: ">=24" }\nrelease: { build: [npm run build] }', runner: { node: '20.1.0' }, says: 'fail' },
  { id: 'preflight.runner.node', when: 'there is none', config: 'preflight: { node: ">=24" }\nrelease: { build: [npm run build] }', says: 'fail', words: /no node/ },
  { id: 'preflight.runner.node', when: 'nothing is built with it', config: 'preflight: { node: ">=24" }', runner: { node: '20.1.0' }, says: 'nothing' },
  { id: 'preflight.runner.disk-free', when: 'there is enough', runner: { diskFree: 10e9 }, says: 'pass' },
  { id: 'preflight.runner.disk-free', when: 'there is little', runner: { diskFree: 2e8 }, says: 'fail', words: /200 MB/ },
  { id: 'preflight.runner.commands', when: 'all exist', runner: { commands: { npm: true } }, says: 'pass' },
  { id: 'preflight.runner.commands', when: 'one is missing', runner: { commands: { npm: true, python3: false } }, says: 'fail', words: /python3/ },

  { id: 'preflight.quality.tests', when: 'all pass', runner: { tests: [command()] }, says: 'pass', words: /1\.2 s/ },
  { id: 'preflight.quality.tests', when: 'one fails', runner: { tests: [command(), command({ code: 1, tail: ['1 failed, 2 passed'] })] }, says: 'fail', words: /ended with 1: 1 failed/ },
  { id: 'preflight.quality.tests', when: 'one is cut off', runner: { tests: [command({ code: undefined as never })] }, says: 'fail', words: /before it finished/ },
  { id: 'preflight.quality.coverage', when: 'it is reached', config: 'preflight: { coverage: { file: c.json, lines: 80% } }', runner: { coverage: 0.8 }, says: 'pass' },
  { id: 'preflight.quality.coverage', when: 'it is nearly reached', config: 'preflight: { coverage: { file: c.json, lines: 80% } }', runner: { coverage: 0.7999 }, says: 'fail', words: /79\.9 %/ },
  { id: 'preflight.quality.coverage', when: 'there is no report', config: 'preflight: { coverage: { file: c.json, lines: 80% } }', runner: { coverage: 'the tests wrote no such file' }, says: 'fail', words: /no such file/ },
  { id: 'preflight.quality.audit', when: 'it is clean', runner: { audit: command({ command: 'npm audit' }) }, says: 'pass' },
  { id: 'preflight.quality.audit', when: 'it found something', runner: { audit: command({ command: 'npm audit', code: 1, tail: ['3 high severity vulnerabilities'] }) }, says: 'fail', words: /3 high/ },

  inBundle('directory', 'it is there', {}, 'pass'),
  inBundle('directory', 'it is not there', { exists: false, files: 0 }, 'fail', /no such folder/),
  inBundle('size', 'it is small', {}, 'pass'),
  inBundle('size', 'it is large', { gzip: 600_000 }, 'fail', /600 kB/),
  inBundle('size', 'there is no bundle to weigh', { exists: false }, 'nothing'),
  inBundle('source-maps', 'there are none', {}, 'pass'),
  inBundle('source-maps', 'there is one', { sourceMaps: ['app.js.map'] }, 'fail', /app\.js\.map/),
  inBundle('console', 'there are none', {}, 'pass'),
  inBundle('console', 'there is one', { consoleCalls: [{ file: 'app.js', line: 1, kind: 'console.log' }] }, 'fail', /app\.js:1 \(console\.log\)/),
  inBundle('minified', 'all are', {}, 'pass'),
  inBundle('minified', 'one is not', { unminified: ['app.js'] }, 'fail', /app\.js/),
  inBundle('fingerprints', 'all have one', {}, 'pass'),
  inBundle('fingerprints', 'one has none', { unfingerprinted: ['app.js'] }, 'fail', /app\.js/),
  inBundle('public-urls', 'only the declared one is called', { origins: { 'https://api.example.com': 'app.js', 'https://react.dev': 'app.js', 'http://localhost': 'axios.js' } }, 'pass'),
  inBundle('public-urls', 'the declared one is missing', { origins: {} }, 'fail', /https:\/\/api\.example\.com is in no script/),
  inBundle('public-urls', 'staging is compiled in', { origins: { 'https://api.example.com': 'app.js', 'https://staging.example.com': 'app.js' } }, 'fail', /environment staging/),
  inBundle('public-urls', 'a container is compiled in', { origins: { 'https://api.example.com': 'app.js', 'http://backend:12001': 'app.js' } }, 'fail', /name of a container/),
  inBundle('public-urls', 'a developer\'s machine is compiled in', { origins: { 'https://api.example.com': 'app.js', 'http://localhost:3001': 'app.js' } }, 'fail', /private address/),
  inBundle('public-urls', 'another host of the team is compiled in', { origins: { 'https://api.example.com': 'app.js', 'https://old-api.example.com': 'app.js' } }, 'fail', /not declared/),
];
