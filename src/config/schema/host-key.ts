import * as z from 'zod';

/**
 * Key types OpenSSH offers for hosts (https://man.openbsd.org/ssh_config#HostKeyAlgorithms); DSA is gone since
 * OpenSSH 10.
 */
const TYPES = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
]);

/** A pinned host key as the `.pub` file has it; the comment is dropped. */
export const hostKey = z
  .string()
  .refine((text) => complaint(text) === undefined, { error: ({ input }) => complaint(String(input)) ?? '' })
  .overwrite((text) => text.trim().split(/\s+/).slice(0, 2).join(' '))
  .meta({
    description: "A server's public host key: type and base64, as in /etc/ssh/ssh_host_ed25519_key.pub.",
    examples: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI…'],
  });

function complaint(text: string): string | undefined {
  if (text.includes('PRIVATE KEY'))
    return "must be the server's public host key, is a private key; take it out of the file and replace the key";
  const [type = '', data = '', third = ''] = text.trim().split(/\s+/);
  if (!TYPES.has(type)) {
    if (type.startsWith('@')) return `must be a plain host key; \`${type}\` lines belong into the known-hosts input`;
    if (TYPES.has(data) && third !== '') return `must begin with the key's type: leave out \`${type}\` in front of it`;
    if (type.startsWith('SHA256:'))
      return 'must be the key itself, not its fingerprint; `slipway trust <environment>` prints it';
    return `must be a host key such as \`ssh-ed25519 AAAA…\`, is \`${text.slice(0, 40)}\``;
  }
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(data)) return `must have base64 after \`${type}\``;
  return blobType(data) === type
    ? undefined
    : `must hold a key of the type \`${type}\`: the base64 after it is cut off or of another type`;
}

/** The type inside the key: a length of four bytes, then the name (RFC 4253, section 6.6). */
function blobType(data: string): string | undefined {
  const blob = Buffer.from(data, 'base64');
  if (blob.length < 40) return undefined;
  const length = blob.readUInt32BE(0);
  return length < 64 ? blob.toString('latin1', 4, 4 + length) : undefined;
}
