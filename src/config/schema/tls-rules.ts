import type { Complain, Loose } from './section.js';

/** What must fit together inside `site.tls`. */
export function tlsRules({ certificate, key, mode, dns, ...rest }: Loose, complain: Complain): void {
  // Both files of the certificate, or neither.
  if (certificate !== undefined && key === undefined) complain(['certificate'], 'needs `key`, the private key that belongs to it');
  if (key !== undefined && certificate === undefined) complain(['key'], 'needs `certificate`, the certificate that belongs to it');
  if (mode === 'dns' && dns === undefined) complain(['mode'], 'needs `dns.authenticate`, the command that makes the record');
  if (dns !== undefined && mode !== 'dns') complain(['dns'], 'is only for `mode: dns`');
  if (rest['stop-nginx'] === true && mode !== 'standalone') complain(['stop-nginx'], 'is only for `mode: standalone`');
}
