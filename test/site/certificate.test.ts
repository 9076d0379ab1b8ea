import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.js';
import { decide, faultsOf, type HostCertificate } from '../../src/site/certificate.js';
import { explainFailure } from '../../src/site/certificate-errors.js';
import { hasTrial, proofArguments, renewalDoubt, requestArguments } from '../../src/site/certificate-request.js';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-21T12:00:00Z');

/** A certificate of 90 days with `left` days to go. */
const lasting = (left: number, names = ['www.example.com'], life = 90): HostCertificate => ({
  names, serial: '01', issuer: 'CN=R11', validFrom: NOW + (left - life) * DAY, validTo: NOW + left * DAY, selfSigned: false, length: 2,
});
const wanted = { names: ['www.example.com'], server: 'https://acme.example.com', renewBefore: 30 * DAY, force: false, now: NOW };
const kept = (certificate: HostCertificate) => ({ certificate, keyMatches: true, server: wanted.server });

describe('the certificate on a host', () => {
  test.each([
    ['is asked for where there is none', decide({}, wanted), 'issue', 'there is no certificate yet'],
    ['is left alone while it is good', decide(kept(lasting(31)), wanted), 'keep', 'valid for 31 days more'],
    ['is renewed when it ends soon', decide(kept(lasting(29)), wanted), 'renew', 'it ends in 29 days'],
    ['is renewed when it has ended', decide(kept(lasting(-2)), wanted), 'renew', 'it ended 2 days ago'],
    ['that lives for six days is not renewed in every run', decide(kept(lasting(3, ['www.example.com'], 6)), wanted), 'keep', 'valid for 3 days more'],
    ['is extended by a name it lacks', decide(kept(lasting(60)), { ...wanted, names: ['www.example.com', 'api.example.com'] }), 'expand', 'it lacks api.example.com'],
    ['is renewed when its key is another', decide({ ...kept(lasting(60)), keyMatches: false }, wanted), 'renew', 'its private key does not belong to it'],
    ['is renewed when another authority is wanted', decide({ ...kept(lasting(60)), server: 'https://staging.example.com' }, wanted), 'renew', 'it comes from https://staging.example.com, wanted is https://acme.example.com'],
    ['is renewed when a person says so', decide(kept(lasting(60)), { ...wanted, force: true }), 'renew', 'asked for'],
    ['with a wildcard holds the names below it, one label deep', decide(kept(lasting(60, ['*.example.com'])), { ...wanted, names: ['www.example.com', 'a.b.example.com'] }), 'expand', 'it lacks a.b.example.com'],
  ])('%s', (_, { action, why }, expected, reason) => {
    expect([action, why]).toEqual([expected, reason]);
  });

  test('with names that are not wanted any more is left alone, and they are told', () => {
    expect(decide(kept(lasting(60, ['www.example.com', 'old.example.com'])), wanted)).toMatchObject({ action: 'keep', removed: ['old.example.com'] });
  });

  test('of the team must be for the names, belong to its key, be valid, and in production not self-signed', () => {
    const asked = { names: ['www.example.com'], now: NOW, production: true };
    expect(faultsOf(kept(lasting(60)), asked)).toEqual([]);
    expect(faultsOf({ certificate: { ...lasting(-1, ['other.example.com']), selfSigned: true }, keyMatches: false }, asked)).toEqual([
      'it is not for www.example.com (it is for other.example.com)', 'the private key does not belong to it', 'it ended on 2026-11-20', expect.stringMatching(/^it is self-signed/),
    ]);
    expect(faultsOf({ certificate: { ...lasting(60), selfSigned: true } }, { ...asked, production: false })).toEqual([]);
    expect(faultsOf({}, asked)).toEqual(['there is no certificate']);
  });
});

describe('what certbot is told', () => {
  const site = (tls = '') => {
    const config = loadConfig(`app: shop\nenvironments: { production: { hosts: [deploy@203.0.113.10] } }\nservices: { web: { start: node s.js, manager: pm2, port: 3001, health: { path: / } } }
site: { domains: [www.example.com, api.example.com], routes: { /: web }, tls: { email: ops@example.com, ${tls} } }\n`, 'slipway.yml');
    const { site: found } = config;
    if (found?.tls === undefined) throw new Error('no site');
    return { site: found, tls: found.tls };
  };
  const told = (tls: string, action: 'issue' | 'expand' | 'renew', trial = false): string => {
    const made = site(tls);
    return requestArguments(made.site, made.tls, { app: 'shop', environment: 'production' }, action, trial).join(' ');
  };

  test('names, key and the folder that our site serves; a trial only goes to an authority that has one', () => {
    expect(told('', 'issue', true)).toBe('certonly --non-interactive --agree-tos --no-eff-email --email ops@example.com --server https://acme-v02.api.letsencrypt.org/directory '
      + '--cert-name www.example.com -d www.example.com -d api.example.com --key-type ecdsa --webroot --webroot-path /var/lib/slipway-acme/shop-production --dry-run');
    expect(hasTrial(site('').tls)).toBe(true);
    expect(hasTrial(site('server: https://acme.example.com/dir').tls)).toBe(false);
  });
  test('names are taken over as they are now, and an early renewal is forced', () => {
    expect(told('', 'expand')).toMatch(/ --expand --renew-with-new-domains$/);
    expect(told('', 'renew')).toMatch(/ --force-renewal$/);
  });
  test('the commands of the team for the DNS, each as one word', () => {
    const made = site('mode: dns, dns: { authenticate: /bin/add "$CERTBOT_DOMAIN" now, clean-up: /bin/remove }');
    expect(requestArguments(made.site, made.tls, { app: 'shop', environment: 'production' }, 'issue', false)).toEqual(expect.arrayContaining(['--manual-auth-hook', '/bin/add "$CERTBOT_DOMAIN" now', '--manual-cleanup-hook', '/bin/remove']));
  });
  test('nginx is stopped only when a person has said so', () => {
    expect(told('mode: standalone', 'issue')).not.toContain('nginx');
    expect(told('mode: standalone, stop-nginx: true', 'issue')).toContain('--pre-hook systemctl stop nginx --post-hook systemctl start nginx');
  });
  test('is in doubt for renewals, where certbot would prove the names in a way that does not work any more', () => {
    expect(renewalDoubt(site('').tls, 'webroot', true)).toBeUndefined();
    expect(renewalDoubt(site('').tls, 'standalone', true)).toMatch(/still prove the names by standalone/);
    expect(renewalDoubt(site('mode: standalone').tls, 'standalone', true)).toMatch(/nginx holds port 80/);
    expect(renewalDoubt(site('mode: standalone, stop-nginx: true').tls, 'standalone', true)).toBeUndefined();
    expect(renewalDoubt(site('mode: dns, dns: { authenticate: /bin/add }').tls, 'manual', true)).toBeUndefined();
  });
  // certbot renew --dry-run asks Let's Encrypt's staging whatever authority the certificate has, unless told.
  test('a proof of the renewal goes to the authority of the certificate, and does not sleep', () => {
    const made = site('server: https://acme.example.com/dir');
    expect(proofArguments(made.site, made.tls).join(' ')).toMatch(/--dry-run .*--server https:\/\/acme.example.com\/dir .*--no-random-sleep-on-renew/);
  });
});

describe('what the authority refuses', () => {
  const asked = { names: ['www.example.com'], mode: 'webroot', server: 'https://acme-v02.api.letsencrypt.org/directory', now: new Date(NOW) };
  /** As certbot 2.1 prints it (auth_handler.py), with names and words of Boulder's. */
  const failed = (type: string, detail: string): string => `Saving debug log to /var/log/letsencrypt/letsencrypt.log
Requesting a certificate for www.example.com

Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: www.example.com
  Type:   ${type}
  Detail: ${detail}

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.

Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile /var/log/letsencrypt/letsencrypt.log or re-run Certbot with -v for more details.`;
  const unexpected = (detail: string, log = ''): string => `Saving debug log to /var/log/letsencrypt/letsencrypt.log\nAn unexpected error occurred:\n${detail}\nAsk for help or search for solutions at https://community.letsencrypt.org.\n${log}`;
  const logged = (type: string, detail: string): string => `  "type": "urn:ietf:params:acme:error:${type}",\n  "detail": "${detail}",`;

  test.each([
    ['connection', failed('connection', '203.0.113.10: Fetching http://www.example.com/.well-known/acme-challenge/x: Timeout during connect (likely firewall problem)'), /cannot connect to port 80 of www.example.com[^]*likely firewall/, /port 80 open to all/],
    ['unauthorized', failed('unauthorized', '203.0.113.99: Invalid response from http://www.example.com/.well-known/acme-challenge/x: 404'), /did not find the answer[^]*404/, /lead to this host alone/],
    ['dns', failed('dns', 'DNS problem: NXDOMAIN looking up A for www.example.com - check that a DNS record exists for this domain'), /cannot resolve www.example.com[^]*NXDOMAIN/, /dig www.example.com/],
    ['caa', failed('caa', 'CAA record for www.example.com prevents issuance'), /CAA record forbids/, /www.example.com. 300 IN CAA 0 issue "letsencrypt.org"/],
    ['tls', failed('tls', '203.0.113.10: Fetching https://www.example.com/: remote error: tls: handshake failure'), /redirected to https/, /let it through as http/],
    ['rejectedIdentifier', unexpected('Error creating new order :: Cannot issue for "www.example.com": The ACME server refuses to issue a certificate for this domain name, because it is forbidden by policy', logged('rejectedIdentifier', 'Cannot issue')), /does not issue for www.example.com/, /use another name/],
    ['externalAccountRequired', 'Unable to register an account with ACME server. Server requires external account binding. Please use --eab-kid and --eab-hmac-key.', /wants an account/, /site.tls.account/],
    ['badNonce', unexpected('JWS has an invalid anti-replay nonce: "x"', logged('badNonce', 'JWS has an invalid anti-replay nonce')), /nonce/, /run again/],
    ['serverInternal', unexpected('Service busy; retry later.', logged('serverInternal', 'Service busy; retry later.')), /fault of its own[^]*Service busy/, /status.io/],
    ['busy', 'Another instance of Certbot is already running.', /already at work/, /Wait for it/],
    ['plugin', 'Could not choose appropriate plugin: The requested nginx plugin does not appear to be installed', /lacks its plugin/, /apt-get install python3-certbot-nginx/],
    ['network', unexpected("requests.exceptions.ConnectionError: HTTPSConnectionPool(host='acme-v02.api.letsencrypt.org', port=443): Max retries exceeded with url: /directory (Caused by NewConnectionError"), /cannot reach acme-v02.api.letsencrypt.org/, /port 443/],
    ['authority-certificate', unexpected('requests.exceptions.SSLError: Max retries exceeded (Caused by SSLError(SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed'), /does not trust the server/, /site.tls.ca/],
    ['unknown', unexpected('Something that nobody has seen before'), /got no certificate:[^]*nobody has seen/, /letsencrypt.log/],
  ])('%s is told with what to do', (kind, text, what, next) => {
    const said = explainFailure(text, asked);
    expect(said.kind).toBe(kind);
    expect(said.message).toMatch(what);
    expect(said.remedy).toMatch(next);
  });

  test.each([
    ['in its words', unexpected('too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-11-28 12:34:56 UTC: see https://letsencrypt.org/docs/rate-limits/', logged('rateLimited', 'too many')), '2026-11-28T12:34:56.000Z'],
    ['in a header, in seconds', unexpected('too many', `${logged('rateLimited', 'too many')}\nRetry-After: 7200`), '2026-11-21T14:00:00.000Z'],
    ['in a header, as a date', unexpected('too many', `${logged('rateLimited', 'too many')}\nRetry-After: Sun, 22 Nov 2026 06:00:00 GMT`), '2026-11-22T06:00:00.000Z'],
    ['nowhere', unexpected('too many', logged('rateLimited', 'too many')), undefined],
  ])('a limit is told with the time to try again, where that stands %s', (_, text, at) => {
    const said = explainFailure(text, asked);
    expect([said.kind, said.retryAfter?.toISOString()]).toEqual(['rateLimited', at]);
    expect(said.remedy).toContain(at === undefined ? 'Wait, a week at most' : `Try again after ${at.slice(0, 16).replace('T', ' ')} UTC`);
  });

  test('a nonce that certbot itself has asked for anew does not hide what went wrong after it', () => {
    expect(explainFailure(unexpected('too many', `${logged('badNonce', 'bad')}\n${logged('rateLimited', 'too many')}`), asked).kind).toBe('rateLimited');
    expect(explainFailure(unexpected('too many', `${logged('rateLimited', 'too many')}\n${logged('badNonce', 'bad')}`), asked).kind).toBe('rateLimited');
  });

  test('with a record in the DNS it is the record that is looked for', () => {
    expect(explainFailure(failed('unauthorized', 'Incorrect TXT record "x" found at _acme-challenge.www.example.com'), { ...asked, mode: 'dns' }).remedy).toContain('dig +short TXT _acme-challenge.www.example.com');
  });
});
