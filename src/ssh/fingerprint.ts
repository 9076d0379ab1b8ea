import { createHash } from 'node:crypto';

/** The fingerprint OpenSSH shows for a public key in wire form: `SHA256:` and unpadded base64 (`ssh-keygen -l`). */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}
