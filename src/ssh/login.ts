import ssh2 from 'ssh2';
import type { AnyAuthMethod, AuthHandlerMiddleware, BaseAgent, ParsedKey } from 'ssh2';
import { SshError, type Where } from './errors.js';
import { fingerprint } from './fingerprint.js';
import { parsePrivateKey, type PrivateKey } from './private-key.js';
import type { Credentials } from './types.js';

/** What there is to log in with, checked before any connection is made. */
export interface Identity {
  readonly key: PrivateKey | undefined;
  readonly agent: { readonly handle: BaseAgent; readonly keys: readonly string[] } | undefined;
}

/**
 * Reads the private key and asks the agent for its keys.
 * @throws {UserError} when the key cannot be read.
 * @throws {SshError} of kind `agent` when the agent does not answer, and there is no key to go on with.
 */
export async function identify(credentials: Credentials, where: Where): Promise<Identity> {
  const key = credentials.privateKey === undefined ? undefined : parsePrivateKey(credentials.privateKey, credentials.passphrase);
  if (credentials.agent === undefined || credentials.agent === '') return { key, agent: undefined };
  try {
    const handle = ssh2.createAgent(credentials.agent);
    const keys = (await identities(handle)).map((one) => `${one.type} ${fingerprint(one.getPublicSSH())}`);
    if (keys.length === 0 && key === undefined) {
      throw new SshError('agent', where, 'the ssh-agent holds no keys.', { remedy: 'Load one: `ssh-add ~/.ssh/id_ed25519`.' });
    }
    return { key, agent: { handle, keys } };
  } catch (error) {
    if (error instanceof SshError) throw error;
    // With a key of our own the agent is a second try only.
    if (key !== undefined) return { key, agent: undefined };
    throw new SshError('agent', where, `the ssh-agent at ${credentials.agent} does not answer.`, {
      remedy: 'Is it running, and is SSH_AUTH_SOCK that of this session? `ssh-add -l` shows. Otherwise give the key itself.',
      cause: error,
    });
  }
}

const AGENT_LIMIT = 5_000;

function identities(agent: BaseAgent): Promise<ParsedKey[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The agent did not answer in time.')), AGENT_LIMIT);
    agent.getIdentities((error, keys) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve((keys ?? []).map((key) => ssh2.utils.parseKey(key as ParsedKey)).filter((key): key is ParsedKey => !(key instanceof Error)));
    });
  });
}

/** One attempt to log in: hands ssh2 one method after the other and remembers what came of it. */
export class Login {
  /** What was tried, in words. */
  readonly tried: string[] = [];
  private offered: readonly string[] = [];
  private partly = false;
  private readonly methods: { readonly label: string; readonly method: AnyAuthMethod }[] = [];

  /** The key that is offered first, if it is one of our own. */
  readonly key: ParsedKey | undefined;

  constructor(private readonly user: string, identity: Identity) {
    this.key = identity.key?.key;
    if (identity.key !== undefined) {
      this.methods.push({
        label: `key ${identity.key.type} ${identity.key.fingerprint}`,
        method: { type: 'publickey', username: user, key: identity.key.key },
      });
    }
    if (identity.agent !== undefined) {
      const { handle, keys } = identity.agent;
      this.methods.push({
        label: `agent with ${keys.length} key${keys.length === 1 ? '' : 's'}${keys.map((key) => `\n      ${key}`).join('')}`,
        method: { type: 'agent', username: user, agent: handle },
      });
    }
    // Without anything to show, this at least makes the server say what it wants.
    if (this.methods.length === 0) this.methods.push({ label: 'nothing: neither a key nor an agent was given', method: { type: 'none', username: user } });
  }

  /** For ssh2's `authHandler`. */
  readonly next: AuthHandlerMiddleware = (methodsLeft, partialSuccess, next) => {
    // The first time it is null, whatever the types of ssh2 say.
    if (Array.isArray(methodsLeft)) this.offered = methodsLeft;
    if (partialSuccess) this.partly = true;
    const one = this.methods.shift();
    if (one !== undefined) this.tried.push(one.label);
    // `false` ends the login; the types of ssh2 do not know it.
    next(one === undefined ? (false as unknown as AnyAuthMethod) : one.method);
  };

  /** The error for a login that the server refused. `said` is what the server gave as its reason, if it did. */
  refused(where: Where, said?: string): SshError {
    const message = [
      this.partly ? `the key was accepted for user ${this.user}, but the server wants a second factor.` : `the server refuses the login as ${this.user}.`,
      ...(said === undefined ? [] : [`  server says: ${said}`]),
      ...this.tried.map((label) => `  tried: ${label}`),
      ...(this.offered.length === 0 ? [] : [`  the server accepts: ${this.offered.join(', ')}`]),
    ].join('\n');
    return new SshError('auth', where, message, { remedy: this.remedy(said) });
  }

  private remedy(said: string | undefined): string {
    if (this.partly) return 'Exempt the deploy user from the second factor: `Match User` with `AuthenticationMethods publickey` in sshd_config.';
    if (said !== undefined && /too many/i.test(said)) return 'The agent holds more keys than the server lets one try. Give the one key instead.';
    if (this.offered.length > 0 && !this.offered.includes('publickey')) return 'Switch on `PubkeyAuthentication` for this user in sshd_config.';
    return `Is ${this.user} the right user, and does its ~/.ssh/authorized_keys on the server hold this key (\`ssh-keygen -lf ~/.ssh/authorized_keys\`)?`
      + ' The home folder, ~/.ssh and the file must not be writable by others. The server\'s log (`journalctl -u ssh`) has the reason.';
  }
}
