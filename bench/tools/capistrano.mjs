import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../tools/free-port.mjs';
import { until } from '../machine.mjs';
import { atEnd, output, run } from '../process.mjs';
import { openLink } from '../proxy.mjs';

/**
 * Capistrano as its README sets it up: the host fetches from git and keeps a mirror there. The repository is served by
 * `git daemon` on this machine; the host reaches it without delay, which is the best case for Capistrano, and committing
 * and pushing are not measured. Its bytes count too.
 * @param {import('./tool.mjs').Place} place
 * @returns {import('./tool.mjs').Tool}
 */
export function capistrano(place) {
  const root = '/srv/bench-capistrano';
  const folder = join(place.scratch, 'capistrano');
  const repository = join(place.scratch, 'git', 'payload');
  const git = (...args) => run('git', ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.com', '-c', 'core.autocrlf=false', '-c', 'gc.auto=0',
    `--git-dir=${repository}/.git`, `--work-tree=${place.payload.folder}`, ...args]);
  let wire;

  const cap = async (link, ...tasks) => {
    writeFileSync(join(folder, 'config', 'deploy', 'production.rb'), [
      `server '127.0.0.1', user: 'deploy', port: ${link.port}, roles: %w{app}`,
      `set :ssh_options, { keys: ['${place.host.keys.ecdsa}'], keys_only: true, auth_methods: ['publickey'], config: false, verify_host_key: :always, user_known_hosts_file: '${place.host.knownHosts}' }`, '',
    ].join('\n'));
    wire.reset();
    const { ms } = await run('cap', ['production', ...tasks], { cwd: folder, env: { ...process.env, LC_ALL: 'C.UTF-8', SSH_AUTH_SOCK: '' } });
    return { ms, fetched: { ...wire.counters } };
  };
  return {
    name: 'capistrano', title: 'Capistrano (git)', root,
    setUp: async () => {
      mkdirSync(join(folder, 'config', 'deploy'), { recursive: true });
      mkdirSync(repository, { recursive: true });
      await run('git', ['-C', repository, 'init', '--quiet', '--initial-branch', 'main']);
      const port = await freePort(place.host.gateway);
      const daemon = spawn('git', ['daemon', `--listen=127.0.0.1`, `--port=${port}`, '--export-all', `--base-path=${join(place.scratch, 'git')}`], { stdio: 'ignore', detached: true });
      atEnd(async () => {
        // Its children too: each connection has one.
        process.kill(-daemon.pid);
        await once(daemon, 'exit');
      });
      wire = await openLink({ host: '127.0.0.1', port }, { listen: place.host.gateway });
      writeFileSync(join(folder, 'Capfile'), "require 'capistrano/setup'\nrequire 'capistrano/deploy'\nrequire 'capistrano/scm/git'\ninstall_plugin Capistrano::SCM::Git\n");
      writeFileSync(join(folder, 'config', 'deploy.rb'), [
        "lock '~> 3.17'", "set :application, 'bench'", `set :repo_url, 'git://${place.host.gateway}:${wire.port}/payload'`, "set :branch, 'main'",
        `set :deploy_to, '${root}'`, 'set :keep_releases, 50', '',
      ].join('\n'));
      await until('git daemon answers', async () => (await run('git', ['ls-remote', `git://127.0.0.1:${port}/payload`], { codes: [0, 128] })).code === 0);
    },
    changed: async (version) => {
      // Packages may come with ignore files of their own: everything is taken.
      await git('add', '--force', '--all');
      await git('commit', '--quiet', '--allow-empty', '--message', `Version ${version}`);
    },
    first: (link) => cap(link, 'deploy'),
    delta: (link) => cap(link, 'deploy'),
    rollback: (link) => cap(link, 'deploy:rollback'),
  };
}

/** The version that is measured. */
export const capistranoVersion = async () => /Version: ([\d.]+)/.exec(await output('cap', ['--version']))?.[1];
