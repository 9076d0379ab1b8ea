import { createHmac, timingSafeEqual } from 'node:crypto';
import { UserError } from '../evidence/errors.js';
import { parsePublicKey, type PublicKey } from './public-key.js';

/** What a known_hosts text says about one host. */
export interface KnownKeys {
  readonly pinned: readonly PublicKey[];
  /** Keys marked `@revoked`: refused even when they are pinned as well. */
  readonly revoked: readonly PublicKey[];
}

export interface KnownHosts {
  keysOf(address: string, port: number): KnownKeys;
}

interface Entry {
  readonly matches: (name: string) => boolean;
  readonly revoked: boolean;
  readonly key: PublicKey;
}

/**
 * Reads text in the form of OpenSSH's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): comma-separated patterns
 * with `*`, `?` and `!`, `[host]:port`, hashed names, the marker `@revoked`, comments.
 * @throws {UserError} naming the line, for a line that cannot be read and for `@cert-authority`.
 */
export function parseKnownHosts(text: string, source = 'known-hosts'): KnownHosts {
  const entries = text.split('\n').flatMap((line, index) => parseLine(line.trim(), `${source}:${index + 1}`));
  const matching = (name: string) => entries.filter((entry) => entry.matches(name));
  return {
    keysOf(address, port) {
      const host = address.toLowerCase();
      let found = matching(port === 22 ? host : `[${host}]:${port}`);
      // As OpenSSH does: an entry without a port speaks for all ports that have none of their own.
      if (port !== 22 && !found.some((entry) => !entry.revoked)) found = [...found, ...matching(host)];
      return {
        pinned: found.filter((entry) => !entry.revoked).map((entry) => entry.key),
        revoked: found.filter((entry) => entry.revoked).map((entry) => entry.key),
      };
    },
  };
}

function parseLine(line: string, place: string): Entry[] {
  if (line === '' || line.startsWith('#')) return [];
  const fields = line.split(/\s+/);
  const marker = fields[0]?.startsWith('@') ? fields.shift() : undefined;
  if (marker === '@cert-authority') {
    throw new UserError(`${place}: host certificates (@cert-authority) are not supported.`, {
      remedy: 'Remove the line and pin the host key itself; `slipway trust <environment>` prints it.',
    });
  }
  if (marker !== undefined && marker !== '@revoked') {
    throw new UserError(`${place}: unknown marker ${marker}.`, { remedy: 'Only @revoked is understood.' });
  }
  const [names, type, base64] = fields;
  if (names === undefined || type === undefined || base64 === undefined) {
    throw new UserError(`${place}: the line needs a host, a key type and a key.`, {
      remedy: 'Write it as ssh-keyscan prints it: `host ssh-ed25519 AAAA…`.',
    });
  }
  const key = parsePublicKey(`${type} ${base64}`);
  if (key === undefined) {
    throw new UserError(`${place}: the ${type.slice(0, 40)} key of ${shown(names)} cannot be read: it is cut or altered.`, {
      remedy: 'Copy the whole line again, without breaks.',
    });
  }
  return [{ matches: nameMatcher(names, place), revoked: marker === '@revoked', key }];
}

const shown = (names: string) => (names.startsWith('|') ? 'a hashed host' : names);

function nameMatcher(names: string, place: string): (name: string) => boolean {
  if (names.startsWith('|')) return hashedMatcher(names, place);
  const patterns = names.split(',').filter((pattern) => pattern !== '').map((pattern) => {
    const negated = pattern.startsWith('!');
    return { negated, expression: wildcard(negated ? pattern.slice(1) : pattern) };
  });
  return (name) => {
    const hits = patterns.filter((pattern) => pattern.expression.test(name));
    return hits.length > 0 && !hits.some((pattern) => pattern.negated);
  };
}

/** `*` stands for any run of characters, `?` for one; everything else, brackets included, for itself. */
function wildcard(pattern: string): RegExp {
  const source = pattern.toLowerCase().replace(/[\\^$+.()|{}[\]]/g, '\\$&').replace(/\*+/g, '.*').replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}

/** `|1|salt|hash`, both base64: HMAC-SHA1 of the name under the salt. */
function hashedMatcher(names: string, place: string): (name: string) => boolean {
  const [, version, salt, hash] = names.split('|');
  const expected = Buffer.from(hash ?? '', 'base64');
  if (version !== '1' || salt === undefined || expected.length !== 20) {
    throw new UserError(`${place}: the hashed host name cannot be read.`, {
      remedy: 'Copy the whole line again; hashed names look like |1|salt|hash.',
    });
  }
  const key = Buffer.from(salt, 'base64');
  return (name) => timingSafeEqual(createHmac('sha1', key).update(name).digest(), expected);
}
