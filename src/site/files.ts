import { createHash } from 'node:crypto';
import type { ServiceConfig, SiteConfig } from '../config/schema.js';
import { quote } from '../ssh/quote.js';
import { certificateOf, renderNginx, type SitePlace } from './nginx.js';

/** What of the site travels with a release, by file name; host/scripts/site.sh installs one of the two texts. */
export interface SiteFiles {
  readonly 'plain.conf': string;
  /** The same as plain.conf where no certificate is wanted. */
  readonly 'tls.conf': string;
  /** Shell assignments: the name to ask for, how long slots drain (seconds), and where the certificate is. */
  readonly info: string;
}

/** The site of a host that runs `services`, or undefined when none of them stands behind it. */
export function renderSite(place: SitePlace, site: SiteConfig | undefined, services: Readonly<Record<string, ServiceConfig>>): SiteFiles | undefined {
  if (site === undefined) return undefined;
  const plain = renderNginx(place, site, services, false);
  if (plain === undefined) return undefined;
  const files = certificateOf(site);
  const info = { host: site.domains[0] ?? 'localhost', drain: Math.ceil(site.drain / 1000), certificate: files?.certificate ?? '', key: files?.key ?? '' };
  return {
    'plain.conf': plain,
    'tls.conf': files === undefined ? plain : (renderNginx(place, site, services, true) ?? plain),
    info: Object.entries(info).map(([name, value]) => `${name}=${quote(String(value))}\n`).join(''),
  };
}

/** Whether the text whose sum a host tells is what a release would install there; with a certificate that may still come, only the host knows. */
export function isInstalled(sum: string | undefined, files: SiteFiles): boolean {
  return sum === sumOf(files['tls.conf']);
}

function sumOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
