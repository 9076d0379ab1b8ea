import { UserError } from '../evidence/errors.js';
import { faultsOf } from '../site/certificate.js';
import { certificateOf } from '../site/nginx.js';
import { followUp, type Place } from './certbot-site.js';
import { recorded, type RunContext } from './run-context.js';

/**
 * A certificate of the team's own: certbot is not run. It is held against the names, the key and the day, and then served.
 * @throws UserError saying what is wrong with it; nginx goes on with what it has.
 */
export async function useOwnCertificate(context: RunContext, place: Place): Promise<string> {
  const { site, found, member, host } = place;
  const { certificate: file = '', key: keyFile = '' } = certificateOf(site) ?? {};
  const until = await recorded(
    context,
    { id: 'certbot.own', phase: 'certbot', title: 'The certificate of the team fits', subject: member.name, expected: site.domains.join(', ') },
    () => {
      const { certificate, key } = found;
      const faults = key === 'absent' ? [`the private key ${keyFile} is not there`] : key === 'unreadable' ? [`the private key ${keyFile} cannot be read, or has a password, which nginx cannot give`]
        : faultsOf({ ...(certificate === undefined ? {} : { certificate }), ...(key === undefined ? {} : { keyMatches: key === 'matches' }) }, {
          names: site.domains, now: context.now().getTime(), production: context.environmentName === 'production',
        });
      if (certificate === undefined || faults.length > 0) {
        return Promise.reject(new UserError(`${host.name}: ${file}: ${faults.join('; ')}`, { remedy: 'Put certificate (with its chain) and key there, PEM, or leave both keys out of `site.tls`: certbot then gets one. nginx goes on with what it has.' }));
      }
      return Promise.resolve(certificate);
    },
    (certificate) => {
      const end = new Date(certificate.validTo).toISOString().slice(0, 10);
      const left = certificate.validTo - context.now().getTime();
      const loose = found.keyMode !== undefined && Number.parseInt(found.keyMode, 8) % 8 !== 0;
      const doubts = [
        ...(certificate.selfSigned ? ['self-signed: browsers warn of it'] : []),
        ...(left < context.config.preflight.tls.expiresWarn ? ['it ends soon, and nobody renews it by itself'] : []),
        ...(loose ? [`everybody on the host may read its key (mode ${found.keyMode})`] : []),
      ];
      return { observed: [`by ${certificate.issuer}, until ${end}`, ...doubts].join('; '), ...(doubts.length === 0 ? {} : { status: 'warn' as const, remedy: loose ? `On the host: sudo chmod 600 ${keyFile}` : 'Put a new one there in time; `slipway certbot` then has nginx load it.' }) };
    },
  );
  if (!context.plan) await followUp(context, place);
  return `the certificate of the team fits, until ${new Date(until.validTo).toISOString().slice(0, 10)}`;
}
