import { inputOf } from '../databases/input.js';
import { HostError } from '../host/failure.js';
import { scriptText } from '../host/script.js';
import { readChain, type HostCertificate } from '../site/certificate.js';
import type { ExecResult } from '../ssh/types.js';
import type { Member } from '../release/fleet.js';

/** Who listens on port 80. */
export interface Holder {
  readonly name: string;
  readonly pid: string;
  /** The unit of systemd's it belongs to, or ''. */
  readonly unit: string;
}

/** What a host says of its certificate and of what it takes to get one. */
export interface CertificateFindings {
  /** Versions; undefined where they are not installed. */
  readonly certbot: string | undefined;
  readonly nginx: string | undefined;
  readonly running: boolean;
  /** False: the login may not become root, so nothing below is known. */
  readonly root: boolean;
  readonly port80: readonly Holder[];
  readonly certificate: HostCertificate | undefined;
  readonly key: 'matches' | 'other' | 'absent' | 'unreadable' | undefined;
  /** Octal. */
  readonly keyMode: string | undefined;
  /** The authority that certbot's own configuration of this certificate names. */
  readonly server: string | undefined;
  /** How certbot proves the names when it renews: the name of its plugin. */
  readonly plugin: string | undefined;
  /** Its folder is there, and certbot knows nothing of it. */
  readonly unmanaged: boolean;
}

/** What certbot said, and what the authority answered. */
export interface CertbotRun {
  readonly code: number;
  readonly said: string;
  readonly log: string;
}

/** Certbot may wait for the authority, or for a record in the DNS. */
const SILENCE = 1_800_000;

/** The certificate on one host: each method is one exec call of certbot.sh. */
export class CertbotHost {
  readonly #member: Member;
  readonly #parameters: Readonly<Record<string, string>>;

  constructor(member: Member, parameters: Readonly<Record<string, string>>) {
    this.#member = member;
    this.#parameters = parameters;
  }

  get name(): string {
    return this.#member.name;
  }

  /** Reads what is there; changes nothing. */
  async look(): Promise<CertificateFindings> {
    return readFindings((await this.#run('look', [], 'reading the certificate')).stdout);
  }

  /**
   * Has port 80 serve the folder of the authority's questions for these names, with a file `slipway-<nonce>` in it.
   * @returns `put`: a block was put for want of a site; `lacking`: names that nginx itself does not answer, with its status.
   */
  async open(nonce: string, names: readonly string[]): Promise<{ put: boolean; lacking: { name: string; status: string }[] }> {
    const { stdout } = await this.#run('open', [nonce, ...names], 'opening port 80 for the authority');
    return {
      put: said(stdout, 'put').length > 0,
      lacking: said(stdout, 'here').map((text) => ({ name: text.split('\t')[0] ?? '', status: text.split('\t')[1] ?? '' })),
    };
  }

  /** Takes away what `open` has put; with `undo` also the block that was put for want of a site. */
  async close(how: 'keep' | 'undo'): Promise<void> {
    await this.#run('close', [how], 'closing what was opened for the authority');
  }

  /** Runs certbot; that it fails is no error here. `secrets` go into a file that only root and the login can read. */
  async ask(args: readonly string[], secrets: Readonly<Record<string, string>> = {}): Promise<CertbotRun> {
    const { stdout } = await this.#run('ask', args, 'certbot', secrets);
    return { code: Number(said(stdout, 'code')[0] ?? 1), said: said(stdout, 'said').join('\n'), log: said(stdout, 'log').join('\n') };
  }

  /**
   * nginx takes the certificate on the host: `same` (it had it), `reloaded`, `other`: it answers with another one, or `unnamed`:
   * the site of the live release is for other names, and has their certificate.
   */
  async serve(name: string): Promise<string> {
    return said((await this.#run('serve', [name], 'loading the certificate')).stdout, 'served')[0] ?? 'other';
  }

  /** What renewals lack, which `apply` mends, and what starts them: a unit, `cron`, or `none`. */
  async renewal(mode: 'plan' | 'apply'): Promise<{ lacks: string[]; timer: string }> {
    const { stdout } = await this.#run('renewal', [mode], 'the timer for renewals');
    return { lacks: said(stdout, 'lacks'), timer: said(stdout, 'timer')[0] ?? 'none' };
  }

  async #run(step: string, args: readonly string[], what: string, secrets: Readonly<Record<string, string>> = {}): Promise<ExecResult> {
    const { connection, place, lease, name } = this.#member.host;
    lease?.assertHeld();
    const result = await connection.exec(scriptText('certbot'), [place.root, lease?.token ?? '-', step, ...args], {
      input: inputOf({ ...this.#parameters, ...secrets }), label: `certbot ${step}`, idleLimit: SILENCE,
    });
    if (result.code !== 0) throw new HostError(name, what, result);
    return result;
  }
}

function said(stdout: string, word: string): string[] {
  return stdout.split('\n').flatMap((line) => (line === word ? [''] : line.startsWith(`${word}\t`) ? [line.slice(word.length + 1)] : []));
}

/** Reads what `certbot.sh … look` says. */
export function readFindings(stdout: string): CertificateFindings {
  const one = (word: string): string | undefined => said(stdout, word)[0];
  const encoded = one('certificate');
  const key = one('key');
  return {
    certbot: one('certbot'), nginx: one('nginx'), running: one('running') !== undefined, root: one('not-root') === undefined,
    port80: said(stdout, 'port').map((line) => {
      const [name = '', pid = '', unit = ''] = line.split(' ');
      return { name, pid, unit };
    }),
    certificate: encoded === undefined ? undefined : readable(Buffer.from(encoded, 'base64').toString('utf8')),
    key: key === 'matches' || key === 'other' || key === 'absent' || key === 'unreadable' ? key : undefined,
    keyMode: one('key-mode'), server: one('managed')?.split('\t')[0], plugin: one('managed')?.split('\t')[1], unmanaged: one('unmanaged') !== undefined,
  };
}

/** A file that holds no certificate is as good as none: it is told apart by its key alone. */
function readable(pem: string): HostCertificate | undefined {
  try {
    return readChain(pem);
  } catch {
    return undefined;
  }
}
