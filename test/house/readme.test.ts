import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadConfig } from '../../src/config/load.js';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const documents = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'docs/development.md'];

describe('the README', () => {
  it('gives the reason of every dependency, and of none that is not there', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
    const rows = read('README.md').split('## Dependencies')[1]!.split('\n## ')[0]!.matchAll(/^\| (`.*?) \|/gm);
    const named = [...rows].flatMap(([, cell]) => [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
    const wanted = Object.keys({ ...dependencies, ...devDependencies }).map((name) => name.replace(/^@types\/.*/, '@types/…'));
    expect([...named].sort()).toEqual([...new Set(wanted)].sort());
  });
});

describe('the table of commands in the README', () => {
  it('has each command of the command line, and no other', () => {
    const table = read('README.md').split('## The command line')[1]!.split('\n## ')[0]!;
    const offered = [...read('src/main/cli.ts').matchAll(/\bprogram\.command\('([a-z-]+)/g)].map(([, name]) => name!);
    expect([...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name!).sort()).toEqual(offered.sort());
  });
});

describe('the configuration shown in the README', () => {
  it('is one that Slipway reads', () => {
    const [text] = [...read('README.md').matchAll(/```yaml\n(app: .*?)```/gs)].map(([, block]) => block!);
    expect(Object.keys(loadConfig(text!, 'slipway.yml').environments)).toEqual(['production']);
  });
});

describe('the documents', () => {
  it.each(documents)('%s links only to files that are there', (file) => {
    const links = [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => target!);
    const missing = links.filter((target) => !existsSync(join(root, dirname(file), target)));
    expect(missing).toEqual([]);
  });
});
