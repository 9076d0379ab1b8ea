import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { output, run } from '../process.mjs';
import { releaseName, sshOptions } from './tool.mjs';

/** The usual two tasks, at their best: over one connection, with no facts gathered and rsync's own hard links. */
const deploy = (root) => `
- hosts: web
  gather_facts: false
  tasks:
    - name: Copy the release
      ansible.posix.synchronize:
        src: "{{ payload }}/"
        dest: "${root}/releases/{{ release }}/"
        archive: true
        compress: true
        use_ssh_args: true
        link_dest: "{{ ['${root}/current/'] if linked | bool else omit }}"
    - name: Switch
      ansible.builtin.file: { src: "releases/{{ release }}", dest: "${root}/current", state: link, follow: false, force: true }
`;

const rollback = (root) => `
- hosts: web
  gather_facts: false
  tasks:
    - name: Which releases are there
      ansible.builtin.shell: cd ${root} && ls -1 releases | sort | grep -B 1 -x "$(basename "$(readlink current)")" | head -n 1
      register: before
      changed_when: false
    - name: Switch
      ansible.builtin.file: { src: "releases/{{ before.stdout }}", dest: "${root}/current", state: link, follow: false, force: true }
`;

/**
 * Ansible with Debian's collections: `synchronize` (rsync with --link-dest) and `file`; pipelining on, one connection for
 * all tasks, a new one for each run.
 * @param {import('./tool.mjs').Place} place
 * @returns {import('./tool.mjs').Tool}
 */
export function ansible(place) {
  const root = '/srv/bench-ansible';
  const folder = join(place.scratch, 'ansible');

  const play = async (link, playbook, variables) => {
    const control = mkdtempSync(join(folder, 'c-'));
    const ssh = [...sshOptions(place, link), '-o', 'ControlMaster=auto', '-o', 'ControlPersist=60s'];
    writeFileSync(join(folder, 'inventory'), `[web]\nbench ansible_host=127.0.0.1 ansible_port=${link.port} ansible_user=deploy ansible_ssh_private_key_file=${place.host.keys.ed25519} ansible_python_interpreter=/usr/bin/python3\n`);
    const env = {
      ...process.env, ANSIBLE_CONFIG: join(folder, 'ansible.cfg'), ANSIBLE_SSH_ARGS: ssh.join(' '), ANSIBLE_SSH_CONTROL_PATH_DIR: control,
      ANSIBLE_LOCAL_TEMP: join(folder, 'tmp'), ANSIBLE_HOME: join(folder, 'home'), LC_ALL: 'C.UTF-8',
    };
    const args = ['-i', 'inventory', playbook, ...Object.entries(variables).flatMap(([name, value]) => ['-e', `${name}=${value}`])];
    const { ms } = await run('ansible-playbook', args, { cwd: folder, env });
    for (const socket of readdirSync(control)) await run('ssh', ['-F', '/dev/null', '-o', `ControlPath=${join(control, socket)}`, '-O', 'exit', 'bench'], { codes: [0, 255] });
    rmSync(control, { recursive: true, force: true });
    return { ms };
  };
  const variables = (version, linked) => ({ payload: place.payload.folder, release: releaseName(version), linked });
  return {
    name: 'ansible', title: 'Ansible (synchronize, file)', root,
    setUp: async () => {
      mkdirSync(folder);
      writeFileSync(join(folder, 'ansible.cfg'), '[defaults]\nretry_files_enabled = False\nnocows = 1\n[ssh_connection]\npipelining = True\n');
      writeFileSync(join(folder, 'deploy.yml'), deploy(root));
      writeFileSync(join(folder, 'rollback.yml'), rollback(root));
    },
    changed: async () => undefined,
    first: (link, version) => play(link, 'deploy.yml', variables(version, 'false')),
    delta: (link, version) => play(link, 'deploy.yml', variables(version, 'true')),
    rollback: (link) => play(link, 'rollback.yml', {}),
  };
}

/** The version that is measured. */
export const ansibleVersion = async () => /core ([\d.]+)/.exec(await output('ansible', ['--version']))?.[1];
