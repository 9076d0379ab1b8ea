import { fail, pass, verdict, type HostCheck } from './model.js';

export const permissions: readonly HostCheck[] = [
  {
    id: 'preflight.permissions.root-folder',
    title: 'The root folder belongs to this app',
    family: 'permissions', scope: 'host', requirement: [], severity: 'block',
    remedy: 'Choose an empty folder of its own for the app (environments.<name>.root). Nothing was written there.',
    run({ facts: { root } }, { config, environmentName }) {
      const expected = `a folder of ${config.app} in ${environmentName} alone, empty, or not there yet`;
      if (root.exists === 'not-a-folder') return fail(`${root.path} is not a folder`, expected);
      if (root.exists === 'no') return pass(`${root.path} is not there yet`, expected);
      if (root.app === config.app && root.environment === environmentName) return pass(`${root.path} of ${config.app} in ${environmentName}`, expected);
      if (root.app !== undefined) return fail(`${root.path} belongs to ${root.app} in ${root.environment ?? 'no environment'}`, expected);
      return verdict(root.content === '', root.content === '' ? `${root.path} is empty` : `${root.path} holds ${root.content}`, expected);
    },
  },
  {
    id: 'preflight.permissions.write',
    title: 'The login can write, link, rename and delete in the root folder',
    family: 'permissions', scope: 'host', requirement: ['PF-07'], severity: 'block',
    remedy: 'Make the folder and give it to the login.',
    run({ facts: { root, login } }) {
      const remedy = `On the host: sudo install -d -o ${login.user} -m 755 ${root.path}`;
      if (root.exists === 'no') {
        return verdict(root.parentWritable, root.parentWritable ? `can make it in ${root.parent}` : `${root.parent} is not writable for ${login.user}`, 'may make the folder', { remedy });
      }
      // A foreign folder is the finding of another check.
      if (root.probe === undefined || root.probe.startsWith('not tried')) return undefined;
      const full = /no space left|disk quota/i.test(root.probe);
      return verdict(root.probe === 'ok', root.probe === 'ok' ? 'did all of it' : `could not ${root.probe}`, 'create, link, rename, delete', {
        remedy: full ? 'The disk or the quota is full: free space on the host first.' : `On the host: sudo chown -R ${login.user}: ${root.path}`,
      });
    },
  },
  {
    id: 'preflight.permissions.old-releases',
    title: 'Old releases can be deleted',
    family: 'permissions', scope: 'host', requirement: [], severity: 'warn',
    remedy: 'Give the folders back to the login, and let the app write below `release.shared` only.',
    run({ facts: { root, login } }) {
      if (root.exists !== 'yes' || root.app === undefined) return undefined;
      if (root.unwritable.length === 0) return pass('all folders writable', 'folders of releases are writable');
      return fail(`not writable: ${root.unwritable.join(', ')}`, 'folders of releases are writable', {
        remedy: `On the host: sudo chown -R ${login.user}: ${root.path}/releases; the app should write below release.shared only.`,
      });
    },
  },
  {
    id: 'preflight.permissions.executable',
    title: 'Programs may be run from the root folder',
    family: 'permissions', scope: 'host', requirement: [], severity: 'block',
    remedy: 'Remount the file system without noexec and ro (see /etc/fstab), or choose another root.',
    run({ facts: { mountOptions } }) {
      if (mountOptions.length === 0) return undefined;
      const bad = mountOptions.filter((option) => option === 'noexec' || option === 'ro');
      return verdict(bad.length === 0, bad.length === 0 ? 'mounted rw, exec' : `mounted ${bad.join(', ')}`, 'mounted rw, exec');
    },
  },
  {
    id: 'preflight.permissions.sudo',
    title: 'sudo works without a question',
    family: 'permissions', scope: 'host', requirement: ['PF-07'], severity: 'block',
    remedy: 'Allow the login to use sudo without a password (a file in /etc/sudoers.d), or give the input sudo-password.',
    run({ facts: { login }, host, sudoPassword }) {
      if (!host.sudo || login.uid === 0) return undefined;
      if (login.sudo === 'yes') return pass('sudo -n works', 'sudo');
      if (login.sudo === 'gate') return pass('what Slipway needs, through the gate of `slipway server`', 'sudo');
      if (login.sudo === 'missing') return fail('sudo is not installed', 'sudo', { remedy: 'Install sudo on the host, or log in as root.' });
      // With a password the proof comes with the first step that needs it: a wrong one here would count against the account.
      if (sudoPassword === true) return pass('asks for a password, which was given', 'sudo');
      return fail(login.sudo ?? 'not asked', 'sudo without a password');
    },
  },
  {
    id: 'preflight.permissions.env-file',
    title: 'Environment files are private',
    family: 'permissions', scope: 'host', requirement: ['PF-16'], severity: 'block',
    remedy: 'Close the files to others: chmod 600 on each.',
    run({ facts: { envFiles } }) {
      if (envFiles.length === 0) return undefined;
      const open = envFiles.filter(({ mode }) => (Number.parseInt(mode, 8) & 0o177) !== 0);
      if (open.length === 0) return pass(`${envFiles.length} checked`, 'mode 600');
      return fail(open.map(({ path, mode }) => `${path} has mode ${mode}`).join(', '), 'mode 600', {
        remedy: `On the host: chmod 600 ${open.map(({ path }) => path).join(' ')}; then change the secrets, which others could read.`,
      });
    },
  },
];
