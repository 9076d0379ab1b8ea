import { UserError } from '../evidence/errors.js';
import { scriptText } from '../host/script.js';
import type { Wanted } from './steps.js';

/**
 * What the host's script is told, by `read_parameters`: the same for each of its steps.
 * @throws UserError when a folder of `server.folders` lies in the app's root: the first deploy takes only an empty one.
 */
export function serverParameters(wanted: Wanted, place: { environment: string; root: string; deployKeys: readonly string[]; connection: string }): Record<string, string> {
  const { config, host, services } = wanted;
  const { server } = config;
  const engines = [...new Set(Object.values(config.databases).map(({ engine }) => engine))];
  const harden = server.harden === false ? undefined : server.harden;
  const inside = server.folders.find((folder) => `${folder}/`.startsWith(`${place.root}/`));
  if (inside !== undefined) {
    throw new UserError(`server.folders: ${inside} lies in the app's root ${place.root}, which the first deploy makes itself`, {
      remedy: `Name what all releases share below release.shared${inside === place.root ? '' : ` (\`${inside.slice(place.root.length + 1)}\`)`}, and here only folders outside.`,
    });
  }
  return {
    app: config.app,
    environment: place.environment,
    root: place.root,
    user: host.user,
    port: String(host.port),
    keys_b64: base64(place.deployKeys),
    // A line each: name, space, key.
    admins_b64: base64(Object.entries(server.admins).flatMap(([person, keys]) => keys.map((key) => `${person} ${key}`))),
    // What narrow sudo lets through, and the names it knows.
    gate_b64: Buffer.from(scriptText('as-root')).toString('base64'),
    service_users: [...new Set(Object.values(services).flatMap(({ user }) => (user === undefined || user === 'root' ? [] : [user])))].join(' '),
    certificate: config.site?.tls?.certificate ?? '',
    key: config.site?.tls?.key ?? '',
    ca: config.site?.tls?.ca ?? '',
    dns_authenticate: config.site?.tls?.dns?.authenticate ?? '',
    dns_clean_up: config.site?.tls?.dns?.cleanUp ?? '',
    domains: config.site?.domains.join(' ') ?? '',
    tls_mode: config.site?.tls?.mode ?? '',
    packages: server.packages.join(' '),
    folders: server.folders.join(' '),
    node: String(server.node ?? ''),
    node_mirror: server.nodeMirror,
    swap: String(server.swap === false ? 0 : server.swap),
    timezone: server.timezone ?? '',
    reboot_at: server.rebootAt ?? '',
    log_days: String(server.logDays),
    journal_size: String(server.journalSize),
    engines: engines.join(' '),
    managers: [...new Set(Object.values(services).map(({ manager }) => manager))].join(' '),
    site: config.site === undefined ? 'no' : 'yes',
    ...(harden === undefined ? {} : {
      firewall: harden.firewall ? 'yes' : 'no',
      allow: harden.allow.join(' '),
      max_auth_tries: String(harden.maxAuthTries),
      ban_ignore: harden.banIgnore.join(' '),
      undo_seconds: String(Math.round(harden.undoWithin / 1000)),
      // sshd's own words on the live login: "<client> <port> <server> <port>". The firewall keeps that port open.
      connection: place.connection,
      // What takes a step back needs nothing of ours once it lies on the host.
      undo_b64: Buffer.from(scriptText('harden-undo')).toString('base64'),
    }),
  };
}

function base64(lines: readonly string[]): string {
  return Buffer.from(lines.map((line) => `${line}\n`).join('')).toString('base64');
}
