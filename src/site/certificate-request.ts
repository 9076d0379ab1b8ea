import type { SiteConfig } from '../config/schema.js';
import { LETS_ENCRYPT } from '../config/schema/tls.js';
import type { Decision } from './certificate.js';
import type { SitePlace } from './nginx.js';

type Tls = NonNullable<SiteConfig['tls']>;

/** The name certbot knows the certificate by, and the folder below /etc/letsencrypt/live it lies in. */
export function certificateName({ domains }: Pick<SiteConfig, 'domains'>): string {
  return domains[0] ?? '';
}

/**
 * Whether a trial costs nothing: with Let's Encrypt, certbot's --dry-run goes to a second directory of theirs, with limits of
 * its own. Any other authority would be asked for a real certificate (certbot, _internal/cli/helpful.py, set_test_server).
 */
export function hasTrial({ server }: Pick<Tls, 'server'>): boolean {
  return server === LETS_ENCRYPT;
}

/**
 * Why renewals would fail although the certificate is good: certbot proves the names in the way it did when it got them.
 * @param plugin what certbot has written down for renewals.
 * @param nginxListens whether nginx holds port 80.
 */
export function renewalDoubt({ mode, stopNginx }: Pick<Tls, 'mode' | 'stopNginx'>, plugin: string | undefined, nginxListens: boolean): string | undefined {
  if (plugin !== undefined && plugin !== (mode === 'dns' ? 'manual' : mode)) return `renewals still prove the names by ${plugin}, not by \`mode: ${mode}\``;
  if (mode === 'standalone' && !stopNginx && nginxListens) return 'nginx holds port 80, which certbot needs for a renewal in `mode: standalone`';
  return undefined;
}

/** Whether the authority comes to port 80 of the host. */
export function asksPort80({ mode }: Pick<Tls, 'mode'>): boolean {
  return mode !== 'dns';
}

/**
 * The arguments of certbot that ask for the certificate. What is secret is not among them: it stands in a file.
 * Source: https://eff-certbot.readthedocs.io/en/stable/using.html#certbot-command-line-options
 * @param place whose folder below /var/lib the site serves (certbot.sh makes it).
 */
export function requestArguments(site: SiteConfig, tls: Tls, place: Pick<SitePlace, 'app' | 'environment'>, action: Exclude<Decision['action'], 'keep'>, trial: boolean): string[] {
  return [
    'certonly', '--non-interactive', '--agree-tos', '--no-eff-email', '--email', tls.email, '--server', tls.server,
    '--cert-name', certificateName(site), ...site.domains.flatMap((domain) => ['-d', domain]),
    '--key-type', tls.keyType, ...modeArguments(tls, place),
    ...(trial ? ['--dry-run'] : []),
    ...(action === 'issue' ? [] : ['--expand', '--renew-with-new-domains']),
    ...(action === 'renew' ? ['--force-renewal'] : []),
  ];
}

function modeArguments({ mode, dns, stopNginx }: Tls, { app, environment }: Pick<SitePlace, 'app' | 'environment'>): string[] {
  switch (mode) {
    case 'webroot': return ['--webroot', '--webroot-path', `/var/lib/slipway-acme/${app}-${environment}`];
    case 'nginx': return ['--nginx'];
    case 'standalone': return ['--standalone', ...(stopNginx ? ['--pre-hook', 'systemctl stop nginx', '--post-hook', 'systemctl start nginx'] : [])];
    case 'dns': return [
      '--manual', '--preferred-challenges', 'dns', '--manual-auth-hook', dns?.authenticate ?? '',
      ...(dns?.cleanUp === undefined ? [] : ['--manual-cleanup-hook', dns.cleanUp]),
    ];
  }
}

/**
 * The arguments that prove that certbot can renew it alone. A dry run takes Let's Encrypt's second directory whatever the
 * certificate's own authority, unless it is told that one; without the last argument certbot sleeps for up to eight minutes.
 */
export function proofArguments(site: Pick<SiteConfig, 'domains'>, { server }: Pick<Tls, 'server'>): string[] {
  return ['renew', '--dry-run', '--non-interactive', '--server', server, '--cert-name', certificateName(site), '--no-random-sleep-on-renew'];
}
