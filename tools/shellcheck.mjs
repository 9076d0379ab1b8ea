/**
 * shellcheck over every shell file of the repository. A remote script is read as it is sent: behind the library it
 * stands on (src/host/script.ts puts them together).
 *
 *   node tools/shellcheck.mjs
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

const root = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'slipway-shellcheck-'));

try {
  // Tracked files, and those that are about to be.
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', '*.sh', '.ci/run'], { cwd: root, encoding: 'utf8' });
  const local = listed.split('\0').filter((file) => file !== '' && !file.startsWith('src/host/scripts/'));
  const { plain, data } = await sentScripts();
  const clean = [
    shellcheck(['--external-sources', '--source-path=SCRIPTDIR', ...local], root),
    // SC2317, "unreachable": a script does not use every function of the library in front of it.
    shellcheck(['--shell=sh', '--exclude=SC2317', ...plain], work),
    // Those for data get parameters by name (SC2154: read_parameters makes them), and call what each engine defines in its own
    // way, some with an argument, some without (SC2119, SC2120); a library sets what the script behind it reads (SC2034).
    shellcheck(['--shell=sh', '--exclude=SC2317,SC2154,SC2119,SC2120,SC2034', ...data], work),
  ];
  console.log(`${local.length} files here, ${plain.length + data.length} scripts as they are sent`);
  if (clean.includes(false)) process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true });
}

function shellcheck(args, cwd) {
  const { status, error } = spawnSync('shellcheck', args, { cwd, stdio: 'inherit' });
  if (error) throw error;
  return status === 0;
}

/** Writes each remote script as a host receives it into the work folder; returns the file names. */
async function sentScripts() {
  execFileSync(process.execPath, [join(root, 'tools/generate.mjs')]);
  writeFileSync(join(work, 'package.json'), '{ "type": "module" }');
  for (const name of ['script', 'scripts.generated']) {
    const { outputText } = ts.transpileModule(readFileSync(join(root, `src/host/${name}.ts`), 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
    });
    writeFileSync(join(work, `${name}.js`), outputText);
  }
  const { engineNames, needsEngine, scriptNames, scriptText } = await import(pathToFileURL(join(work, 'script.js')).href);
  mkdirSync(join(work, 'sent'));
  const write = (file, text) => {
    writeFileSync(join(work, 'sent', file), text);
    return `sent/${file}`;
  };
  const names = scriptNames();
  // What calls read_parameters.
  const isTold = (name) => name.startsWith('backup-') || name === 'server' || name === 'certbot';
  const engines = engineNames();
  return {
    plain: names.filter((name) => !isTold(name)).map((name) => write(`${name}.sh`, scriptText(name))),
    // Each engine once, and each script once.
    data: [
      ...names.filter(isTold).map((name) => write(`${name}.sh`, scriptText(name, needsEngine(name) ? 'sqlite' : undefined))),
      ...engines.filter((engine) => engine !== 'sqlite').map((engine) => write(`backup-create.${engine}.sh`, scriptText('backup-create', engine))),
    ],
  };
}
