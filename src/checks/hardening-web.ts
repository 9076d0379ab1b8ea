import { servicesOn } from '../config/roles.js';
import { logFolder } from '../host/layout.js';
import { factsFor, needsRoot } from './hardening-firewall.js';
import type { HardeningFacts } from './hardening-facts.js';
import { runs } from './hardening-upkeep.js';
import { fail, pass, skip, verdict, type CheckContext, type HostCheck, type HostVisit } from './model.js';

const base = { family: 'hardening', scope: 'host', severity: 'warn' } as const;

/** The facts of a host that serves the site, or undefined. */
function siteFacts(visit: HostVisit, context: CheckContext): HardeningFacts | undefined {
  const serves = context.config.site !== undefined && Object.keys(servicesOn(context.config.services, visit.host)).length > 0;
  return serves ? factsFor(visit, context) : undefined;
}

function hasManager(visit: HostVisit, context: CheckContext, wanted: 'pm2'): boolean {
  return Object.values(servicesOn(context.config.services, visit.host)).some(({ manager }) => manager === wanted);
}

export const webServer: readonly HostCheck[] = [
  {
    ...base, id: 'preflight.hardening.nginx', requirement: ['SV-04'],
    title: 'nginx runs, now and after a restart of the host',
    remedy: 'On the host: sudo systemctl enable --now nginx; why it does not start says: sudo nginx -t. It is installed by `slipway server <environment>`.',
    run(visit, context) {
      const facts = siteFacts(visit, context);
      if (facts === undefined) return undefined;
      const expected = 'nginx, running and enabled';
      const version = visit.facts.versions['nginx'];
      if (version === undefined) return fail('not installed', expected);
      if (!runs(facts, 'nginx')) return fail(`nginx ${version} does not run`, expected);
      const enabled = facts.units['nginx.service']?.enabled ?? '-';
      // Without systemd nobody can tell what starts it.
      return verdict(enabled === '-' || enabled === 'enabled', `nginx ${version} runs${enabled === '-' ? '' : `, ${enabled} at boot`}`, expected);
    },
  },
  {
    ...base, id: 'preflight.hardening.nginx-test', requirement: ['SV-04'],
    title: 'nginx takes its files as they are',
    remedy: 'Mend the file it names, or take it out of sites-enabled: a deploy that changes the site would fail by it. Then: sudo nginx -t.',
    run(visit, context) {
      const facts = siteFacts(visit, context);
      if (facts === undefined || visit.facts.versions['nginx'] === undefined) return undefined;
      const { test } = facts.nginx;
      const expected = 'nginx -t succeeds';
      if (test?.startsWith('not tried') === true) return skip(test, expected);
      // A login without rights meets what only root may read.
      if (test === undefined) return needsRoot('nginx -t', expected);
      return verdict(test === 'ok', test, expected);
    },
  },
  {
    ...base, id: 'preflight.hardening.nginx-version', requirement: ['SV-04'],
    title: 'nginx does not tell its version',
    remedy: 'A file such as /etc/nginx/conf.d/version.conf with `server_tokens off;`, then: sudo nginx -t && sudo systemctl reload nginx. The app\'s own site is quiet already.',
    run(visit, context) {
      const facts = siteFacts(visit, context);
      if (facts === undefined || visit.facts.versions['nginx'] === undefined) return undefined;
      const quiet = facts.nginx.lines.find(({ file, text }) => !file.includes('/sites-enabled/') && !isOwn(file, context) && /^server_tokens\s+off\s*;/.test(text));
      return verdict(quiet !== undefined, quiet === undefined ? 'told where no site says otherwise' : `off in ${quiet.file}`, '`server_tokens off;` for all sites');
    },
  },
  {
    ...base, id: 'preflight.hardening.nginx-names', requirement: ['SV-04'],
    title: 'No other site of nginx answers to the site\'s names',
    remedy: 'Take the file out of sites-enabled (or its names out of the file) and reload nginx: of two sites with one name nginx uses the first.',
    run(visit, context) {
      const facts = siteFacts(visit, context);
      if (facts === undefined || visit.facts.versions['nginx'] === undefined) return undefined;
      const domains = (context.environment.domains ?? context.config.site?.domains ?? []).map((name) => name.toLowerCase());
      const taken = facts.nginx.lines.filter(({ file, text }) => !isOwn(file, context) && text.startsWith('server_name')).flatMap(({ file, text }) => {
        const names = text.replace(/;.*/, '').split(/\s+/).slice(1).map((name) => name.toLowerCase());
        return names.filter((name) => domains.includes(name)).map((name) => `${name} in ${file}`);
      });
      return verdict(taken.length === 0, taken.length === 0 ? 'no other' : [...new Set(taken)].join(', '), `none for ${domains.join(', ')}`);
    },
  },
  {
    ...base, id: 'preflight.hardening.log-rotation', requirement: ['SV-12'],
    title: 'Logs are rotated daily',
    remedy: 'On the host: sudo apt-get install logrotate && sudo systemctl enable --now logrotate.timer; `slipway server <environment>` does so.',
    run(visit, context) {
      const facts = factsFor(visit, context);
      if (facts === undefined) return undefined;
      const expected = 'logrotate with its timer or cron';
      if (!facts.logs.logrotate) return fail('logrotate is not installed', expected);
      const timer = facts.units['logrotate.timer'];
      if (timer?.active === true) return pass('logrotate.timer', expected);
      const cron = facts.logs.cron && (runs(facts, 'cron') || runs(facts, 'crond'));
      // Debian's script in cron.daily leaves the work to the timer where systemd is process 1, whatever the timer's state.
      const byCron = cron && visit.facts.init !== 'systemd';
      return verdict(byCron, byCron ? 'cron.daily' : `nothing runs it: logrotate.timer is ${timer === undefined ? 'absent' : timer.enabled === 'enabled' ? 'not started' : timer.enabled}`, expected);
    },
  },
  {
    ...base, id: 'preflight.hardening.log-coverage', requirement: ['SV-12'],
    title: 'The app\'s logs are among those rotated',
    remedy: 'Run `slipway server <environment>`, or write a file below /etc/logrotate.d/ for them (with copytruncate for those of PM2, or: pm2 install pm2-logrotate).',
    run(visit, context) {
      const facts = factsFor(visit, context);
      if (facts === undefined) return undefined;
      const { paths, pm2Module } = facts.logs;
      const covers = (folder: string): boolean => paths.some((path) => path.startsWith(`${folder}/`));
      const own = logFolder(visit.facts.root.path);
      const wanted = [
        ...(siteFacts(visit, context) === undefined ? [] : [{ name: '/var/log/nginx', covered: covers('/var/log/nginx') }]),
        ...(hasManager(visit, context, 'pm2') ? [{ name: own, covered: pm2Module || covers(own) }] : []),
      ];
      if (wanted.length === 0) return undefined;
      const lacking = wanted.filter(({ covered }) => !covered).map(({ name }) => name);
      return verdict(lacking.length === 0, lacking.length === 0 ? 'all' : `not rotated: ${lacking.join(', ')}`, wanted.map(({ name }) => name).join(', '));
    },
  },
  {
    ...base, id: 'preflight.hardening.journal', requirement: ['SV-12'],
    title: 'The journal of systemd has a limit',
    remedy: 'A file such as /etc/systemd/journald.conf.d/limit.conf: `[Journal]`, `SystemMaxUse=500M`; then: sudo systemctl restart systemd-journald. `slipway server <environment>` does so (`server.journal-size`).',
    run(visit, context) {
      const facts = factsFor(visit, context);
      if (facts === undefined || visit.facts.init !== 'systemd') return undefined;
      const { Storage: storage, SystemMaxUse: disk, RuntimeMaxUse: memory } = facts.logs.journal;
      const limit = storage === 'none' ? 'kept nowhere' : storage === 'volatile' ? memory : disk;
      // journald.conf(5): a tenth of the file system, and 4 GB at most.
      return verdict(limit !== undefined, limit ?? 'none set: up to a tenth of the disk, at most 4 GB', 'a limit of its own');
    },
  },
  {
    ...base, id: 'preflight.hardening.pm2-startup', requirement: ['SV-03'],
    title: 'PM2 and its services come back after a restart of the host',
    remedy: 'On the host, as the login: pm2 startup, run the command it prints, then pm2 save; `slipway server <environment>` does so.',
    run(visit, context) {
      const facts = factsFor(visit, context);
      if (facts === undefined || !hasManager(visit, context, 'pm2')) return undefined;
      const unit = `pm2-${visit.facts.login.user}.service`;
      const expected = `${unit} enabled, its list of processes saved`;
      if (visit.facts.init !== 'systemd') return skip('systemd is not process 1 here: what starts PM2 is not known', expected);
      const state = facts.units[unit]?.enabled;
      if (state !== 'enabled') return fail(`${unit} is ${state ?? 'absent'}`, expected);
      // Before the first release there is nothing to save.
      const used = visit.facts.root.content.split(' ').includes('current');
      return verdict(facts.pm2Saved || !used, `${unit} enabled${facts.pm2Saved ? ', list saved' : used ? ', no list saved' : ''}`, expected);
    },
  },
];

/** Whether a file of nginx is the one that the app's site is written to (host/scripts/site.sh). */
function isOwn(file: string, { config, environmentName }: CheckContext): boolean {
  return file.endsWith(`/slipway-${config.app}-${environmentName}.conf`);
}
