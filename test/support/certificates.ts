import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pair {
  /** The certificate alone. */
  readonly cert: string;
  readonly key: string;
}

export interface Wish {
  readonly names?: readonly string[];
  /** From now; negative for one that has expired. */
  readonly days?: number;
  /** OpenSSL's words for the key; default P-256. */
  readonly key?: readonly string[];
  readonly digest?: string;
  /** Further lines of the extensions. */
  readonly extensions?: readonly string[];
}

/** A root, an intermediate and what they issue, made by openssl in a folder of its own. */
export class TestAuthority {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-ca-'));
  readonly root: Pair;
  readonly intermediate: Pair;
  private count = 0;

  constructor() {
    this.root = this.selfSigned('Test Root', ['basicConstraints=critical,CA:TRUE', 'keyUsage=keyCertSign,cRLSign']);
    writeFileSync(join(this.folder, 'ca.pem'), this.root.cert);
    this.intermediate = this.sign(this.root, 'Test Intermediate', { extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=keyCertSign,cRLSign'] });
  }

  /** A server's certificate, issued by the intermediate. */
  issue(wish: Wish = {}): Pair {
    const names = wish.names ?? ['app.example.com'];
    return this.sign(this.intermediate, names[0] ?? 'nobody', { ...wish, extensions: [`subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`, ...wish.extensions ?? []] });
  }

  selfSigned(name: string, extensions: readonly string[] = []): Pair {
    const at = this.path();
    this.run(['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '90', '-subj', `/CN=${name}`,
      '-config', this.file(`${at}.cnf`, '[req]\ndistinguished_name=dn\n[dn]\n'), ...extensions.flatMap((line) => ['-addext', line]), '-keyout', `${at}.key`, '-out', `${at}.pem`]);
    return { cert: readFileSync(`${at}.pem`, 'utf8'), key: readFileSync(`${at}.key`, 'utf8') };
  }

  private sign(issuer: Pair, name: string, { days = 90, key = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'], digest = 'sha256', extensions = [] }: Wish): Pair {
    const at = this.path();
    this.run(['req', '-new', '-newkey', ...key, '-nodes', '-subj', `/CN=${name}`, '-config', this.file(`${at}.cnf`, '[req]\ndistinguished_name=dn\n[dn]\n'), '-keyout', `${at}.key`, '-out', `${at}.csr`]);
    this.run(['x509', '-req', '-in', `${at}.csr`, '-CA', this.file(`${at}.ca.pem`, issuer.cert), '-CAkey', this.file(`${at}.ca.key`, issuer.key), '-set_serial', String(this.count),
      '-days', String(days), `-${digest}`, '-extfile', this.file(`${at}.ext`, `${extensions.join('\n')}\n`), '-out', `${at}.pem`]);
    return { cert: readFileSync(`${at}.pem`, 'utf8'), key: readFileSync(`${at}.key`, 'utf8') };
  }

  /** A Diffie-Hellman group of that many bits. */
  dhGroup(bits: number): string {
    return execFileSync('openssl', ['dhparam', '-dsaparam', String(bits)], { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  }

  private run(words: readonly string[]): void {
    execFileSync('openssl', words, { stdio: 'pipe' });
  }

  private path(): string {
    this.count += 1;
    return join(this.folder, String(this.count));
  }

  private file(path: string, text: string): string {
    writeFileSync(path, text);
    return path;
  }
}
