import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../process.mjs';

/**
 * Slipway itself, as the CLI or as the action with its post step. The app is files only, so that every tool does the same
 * work; nothing of what Slipway does for files is switched off: lease, journal, sums of all files on the host, read-back.
 * @param {import('./tool.mjs').Place} place
 * @param {{ as: 'cli' | 'action' }} options
 * @returns {import('./tool.mjs').Tool}
 */
export function slipway(place, { as }) {
  const app = `bench-${as}`;
  const folder = join(place.scratch, app);
  mkdirSync(folder);
  const git = (...args) => run('git', ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.com', '-C', folder, ...args]);
  let linked;

  const configure = async (link) => {
    if (linked === link) return;
    writeFileSync(join(folder, 'slipway.yml'), [
      `app: ${app}`, 'environments:', '  production:', '    hosts:',
      `      - address: deploy@127.0.0.1:${link.port}`, `        host-key: ${place.host.hostKey}`,
      'release:', '  include: ["."]', '  keep: 50', '',
    ].join('\n'));
    if (linked === undefined) await git('init', '--quiet', '--initial-branch', 'main');
    await git('add', 'slipway.yml');
    await git('commit', '--quiet', '--allow-empty', '--message', 'Where the host is');
    linked = link;
  };

  const cli = async (command, options) => {
    const args = [join(place.dist, 'slipway.cjs'), command, 'production', '--identity', place.host.keys.ed25519, '--evidence', join(place.scratch, 'evidence.jsonl'), ...options];
    const { ms, peak } = await run(place.node, args, { cwd: folder, env: { ...process.env, SSH_AUTH_SOCK: '' }, memory: true });
    return { ms, peak };
  };

  /** The main step and its post step, as the runner starts them. */
  const action = async (command, inputs) => {
    const temp = mkdtempSync(join(place.scratch, 'job-'));
    const files = Object.fromEntries(['OUTPUT', 'STEP_SUMMARY', 'STATE'].map((name) => [`GITHUB_${name}`, join(temp, name)]));
    for (const file of Object.values(files)) writeFileSync(file, '');
    const given = { environment: 'production', 'ssh-private-key': readFileSync(place.host.keys.ed25519, 'utf8'), ...inputs };
    const env = {
      PATH: process.env.PATH, HOME: process.env.HOME, RUNNER_TEMP: temp, GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: folder, GITHUB_ACTOR: 'bench',
      GITHUB_SERVER_URL: 'https://github.example.com', GITHUB_REPOSITORY: 'acme/app', GITHUB_RUN_ID: '1', ...files,
      ...Object.fromEntries(Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
    };
    const main = await run(place.node, [join(place.dist, `${command}.cjs`)], { cwd: folder, env, memory: true });
    // What the main step saved comes to the post step as STATE_…
    const saved = [...readFileSync(files.GITHUB_STATE, 'utf8').matchAll(/^([^\n=]+?)<<(.+)\n([\s\S]*?)\n\2$/gm)].map(([, name, , value]) => [`STATE_${name}`, value]);
    const post = command === 'deploy' ? await run(place.node, [join(place.dist, `${command}-post.cjs`)], { cwd: folder, env: { ...env, ...Object.fromEntries(saved) } }) : { ms: 0 };
    rmSync(temp, { recursive: true });
    return { ms: main.ms + post.ms, peak: main.peak };
  };

  const deploy = async (link) => {
    await configure(link);
    return as === 'cli' ? cli('deploy', ['--artifact', place.payload.folder]) : action('deploy', { artifact: place.payload.folder });
  };
  return {
    name: `slipway-${as}`,
    title: as === 'cli' ? 'Slipway (command line)' : 'Slipway (action and its post step)',
    root: `/srv/${app}`,
    setUp: async () => undefined,
    changed: async () => undefined,
    first: deploy,
    delta: deploy,
    rollback: async (link, { again }) => {
      await configure(link);
      // Without a name it goes back once; how to go back further from there it tells itself, and that is done here.
      const release = again ? await place.host.sh(`cd /srv/${app} && ls -1 releases | sort | grep -B 1 -x "$(basename "$(readlink current)")" | head -n 1`) : undefined;
      return as === 'cli' ? cli('rollback', ['--reason', 'bench', ...(again ? ['--release', release] : [])]) : action('rollback', { reason: 'bench', ...(again && { release }) });
    },
  };
}
