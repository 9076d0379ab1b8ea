import type { HostConfig } from '../config/schema.js';
import { UserError } from '../evidence/errors.js';
import { connect } from '../ssh/connect.js';
import { SshError } from '../ssh/errors.js';
import type { Connection } from '../ssh/types.js';
import type { RunContext } from './run-context.js';

/**
 * Logs in to a host that is to be prepared: as the deploy user, or, on a host that does not know it yet, as root.
 * @param login somebody else: `user` or `user:port`.
 * @throws UserError when nobody is let in; of a bare host both refusals are told.
 */
export async function logIn(context: Pick<RunContext, 'credentials' | 'signal' | 'reporter'>, host: HostConfig, login: string | undefined): Promise<Connection> {
  const dial = (as: HostConfig): Promise<Connection> => connect(as, context.credentials, { signal: context.signal, debug: (text) => context.reporter.debug(text) });
  if (login !== undefined) return dial({ ...host, ...readLogin(login) });
  try {
    return await dial(host);
  } catch (error) {
    if (!(error instanceof SshError && error.kind === 'auth') || host.user === 'root') throw error;
    try {
      const connection = await dial({ ...host, user: 'root' });
      context.reporter.step(host.name, `does not know ${host.user} yet: logged in as root`);
      return connection;
    } catch (second) {
      if (!(second instanceof SshError && second.kind === 'auth')) throw second;
      throw new UserError(`${error.message}\n${second.message}`, {
        cause: error,
        remedy: 'On a new host the key must be allowed for root (most providers ask for it when the server is made; with a password, `ssh-copy-id root@<address>`). On a hardened one, log in as somebody with sudo: `--login <user>`.',
      });
    }
  }
}

/**
 * Where the login comes from and where it arrived, in sshd's own words (ssh(1), SSH_CONNECTION); sudo would not pass it on.
 * @throws UserError when the key may run nothing but a command of its own, which in images of clouds names the user to take
 *   (https://cloudinit.readthedocs.io/en/latest/reference/modules.html, disable_root_opts).
 */
export async function cameIn(connection: Pick<Connection, 'name' | 'user' | 'exec'>): Promise<string> {
  const { code, stdout } = await connection.exec('printf %s "${SSH_CONNECTION:-}"', [], { label: 'ssh connection' });
  if (code !== 0) {
    const said = stdout.trim();
    const instead = /log ?in as the user "([a-z_][a-z0-9_-]*)"/i.exec(said)?.[1];
    throw new UserError(`${connection.name}: the key lets ${connection.user} in, but runs no command (exit code ${code})${said === '' ? '' : `. The host says: ${said.slice(0, 300)}`}`, {
      remedy: instead === undefined
        ? `Is the key bound to a command (\`command="…"\` in authorized_keys), or the shell of ${connection.user} none? Log in as somebody with sudo: \`--login <user>\`.`
        : `This image has a user for that: \`--login ${instead}\` (input \`login\`), with the deploy user's key named below \`server.keys\`.`,
    });
  }
  return /^[0-9A-Fa-f:.%a-z]+ \d+ [0-9A-Fa-f:.%a-z]+ \d+$/.test(stdout) ? stdout : '';
}

/** `user` or `user:port`. */
function readLogin(login: string): { user: string; port?: number } {
  const match = /^([a-z_][a-z0-9_.-]*)(?::([0-9]{1,5}))?$/.exec(login);
  if (match === null) throw new UserError(`\`${login}\` is no login`, { remedy: 'A user, with a port where it is another than the configuration says: `--login root`, `--login root:22`.' });
  return { user: match[1] ?? '', ...(match[2] === undefined ? {} : { port: Number(match[2]) }) };
}
