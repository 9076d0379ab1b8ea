/** Users during a deploy, a bad deploy and a rollback: what they lose and how long they wait. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needCommands } from './machine.mjs';
import { run } from './process.mjs';
import { openLink } from './proxy.mjs';
import { sshOptions } from './tools/tool.mjs';
import { underLoad } from './wrk.mjs';

const RTT = 50;
/** What runs here runs elsewhere in life: it does not take the processor from app, nginx and load. The host's side is not slowed down. */
const KINDLY = ['-n', '10'];

/** nginx in front of the app as it stands in the guides: kept connections to one upstream. Port → port of the app. */
const NGINX = (name, listen, port) => `
upstream ${name} { server 127.0.0.1:${port}; keepalive 64; keepalive_timeout 4s; }
server {
  listen ${listen};
  location / {
    proxy_pass http://${name};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
  }
}
`;

const UNIT = `
[Unit]
Description=The app of the bench
[Service]
User=deploy
WorkingDirectory=/srv/plain-systemd/current
Environment=PORT=4200
ExecStart=/usr/local/bin/node server.cjs
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
`;

const PM2_FILE = `module.exports = { apps: [{ name: 'plain', script: 'server.cjs', cwd: '/srv/plain-pm2/current', instances: 2, exec_mode: 'cluster', env: { PORT: '4100' } }] };\n`;

/**
 * One phase of load.
 * @typedef {import('./wrk.mjs').Load & { way: string, what: string, ms: number }} Phase
 * @returns {Promise<{ samples: Phase[], titles: Record<string, string>, notes: string[] }>}
 */
export async function loadPart(machine, options) {
  await needCommands(['wrk', 'ssh']);
  const { host, say } = machine;
  const link = await openLink({ host: host.address, port: 22 }, { rtt: RTT });
  host.trust([link.port]);
  await host.sh('systemctl start nginx');
  const samples = [];
  const notes = [];
  const phase = async (way, what, url, name, action) => {
    // The app's code gets hot, and the next phase knows how long it takes to make its requests.
    if (what === 'steady') await underLoad(url, name, undefined, { brief: true });
    const result = await underLoad(url, name, action);
    samples.push({ way, what, ...result });
    say(`  ${way}, ${what}: ${result.requests} requests, ${result.lost} lost, p50 ${result.p50.toFixed(1)} ms, p99 ${result.p99.toFixed(1)} ms, max ${result.max.toFixed(0)} ms${result.ms ? `, command ${Math.round(result.ms)} ms` : ''}`);
  };
  for (const manager of ['pm2', 'systemd']) await slipwayPhases({ ...machine, link, phase, notes }, manager);
  await plainPhases({ ...machine, link, phase }, options);
  return {
    samples, notes,
    titles: { 'slipway-pm2': 'Slipway, slots under PM2', 'slipway-systemd': 'Slipway, slots under systemd', 'pm2-reload': 'pm2 reload', 'pm2-restart': 'pm2 restart', 'systemctl-restart': 'systemctl restart' },
  };
}

/** Slipway with `site:`. The bad release is unhealthy in its slot; the rollback comes before the confirmation. */
async function slipwayPhases({ host, scratch, dist, node, link, phase }, manager) {
  const app = `bench-${manager === 'pm2' ? 'pm2' : 'units'}`;
  const folder = join(scratch, app);
  const domain = `${manager}.bench.example`;
  mkdirSync(folder);
  cpSync(join(import.meta.dirname, 'app'), folder, { recursive: true });
  writeFileSync(join(folder, 'slipway.yml'), [
    `app: ${app}`,
    'environments:', '  production:', `    url: http://${host.address}`, '    hosts:',
    `      - { address: "deploy@127.0.0.1:${link.port}", host-key: ${host.hostKey}, sudo: true }`,
    'release: { include: ["."], exclude: [slipway.yml] }',
    'services:', '  web:', '    start: node server.cjs', `    manager: ${manager}`, `    port: ${manager === 'pm2' ? 4300 : 4400}`,
    ...(manager === 'pm2' ? ['    mode: cluster', '    instances: 2'] : []),
    '    health: { path: /, within: 5s, interval: 200ms }',
    'site:', `  domains: [${domain}]`, '  routes: { /: web }', '  drain: 5s',
    // With a scenario that deploy does not run, the release waits for its confirmation.
    'smoke:', '  - { name: page, get: /, expect: { status: 200 } }', '',
  ].join('\n'));
  const git = (...args) => run('git', ['-C', folder, '-c', 'user.name=Bench', '-c', 'user.email=bench@example.com', ...args]);
  await git('init', '--quiet');
  let version = 0;
  const release = async () => {
    writeFileSync(join(folder, 'version.txt'), `${version += 1}\n`);
    await git('add', '--all');
    await git('commit', '--quiet', '--message', `Version ${version}`);
  };
  const cli = (command, codes, ...more) =>
    run('nice', [...KINDLY, node, join(dist, 'slipway.cjs'), command, 'production', '--identity', host.keys.ed25519, '--evidence', join(scratch, 'evidence.jsonl'), ...more], { cwd: folder, env: { ...process.env, SSH_AUTH_SOCK: '' }, codes });
  const way = `slipway-${manager}`;
  const through = (what, action) => phase(way, what, `http://${host.address}/`, domain, action);

  await host.sh(`install -d -o deploy -g deploy /srv/${app}`);
  await release();
  await cli('deploy', [0]);
  await cli('smoke', [0], '--url', `http://${host.address}`);
  await through('steady');
  await release();
  await through('deploy', () => cli('deploy', [0]));
  await through('rollback', () => cli('rollback', [0], '--reason', 'bench'));
  writeFileSync(join(folder, 'sick'), '');
  await release();
  await through('bad deploy', () => cli('deploy', [1]));
  rmSync(join(folder, 'sick'));
}

/** The same app behind the same nginx, changed by moving a link and telling the manager. */
async function plainPhases({ host, link, phase }) {
  const place = { host };
  const ssh = (command) => run('nice', [...KINDLY, 'ssh', ...sshOptions(place, link), 'deploy@127.0.0.1', command]);
  await host.sh(`for root in /srv/plain-pm2 /srv/plain-systemd; do install -d -o deploy -g deploy $root/releases/{r1,r2,sick}; for r in r1 r2 sick; do cat > $root/releases/$r/server.cjs < /root/server.cjs; done; : > $root/releases/sick/sick; ln -s releases/r1 $root/current; chown -R deploy:deploy $root; done`
    .replace(/^/, 'cat > /root/server.cjs; '), { input: readFileSync(join(import.meta.dirname, 'app', 'server.cjs'), 'utf8') });
  await host.sh('cat > /etc/nginx/conf.d/plain.conf && nginx -t -q && systemctl reload nginx', { input: NGINX('plain_pm2', 8101, 4100) + NGINX('plain_systemd', 8102, 4200) });
  await host.sh('cat > /srv/plain-pm2/ecosystem.config.cjs', { input: PM2_FILE });
  await host.sh('pm2 start /srv/plain-pm2/ecosystem.config.cjs', { user: 'deploy' });
  await host.sh('cat > /etc/systemd/system/plain.service && systemctl daemon-reload && systemctl start plain', { input: UNIT });
  await host.sh('sleep 2; curl -fsS localhost:8101 localhost:8102 >/dev/null');

  const ways = {
    'pm2-reload': { root: '/srv/plain-pm2', port: 8101, command: 'pm2 reload plain' },
    'pm2-restart': { root: '/srv/plain-pm2', port: 8101, command: 'pm2 restart plain' },
    'systemctl-restart': { root: '/srv/plain-systemd', port: 8102, command: 'sudo systemctl restart plain' },
  };
  let next = 'r2';
  for (const [way, { root, port, command }] of Object.entries(ways)) {
    const to = (release) => `ln -sfn releases/${release} ${root}/current.new && mv -T ${root}/current.new ${root}/current && ${command}`;
    const through = (what, action) => phase(way, what, `http://${host.address}:${port}/`, 'plain.bench.example', action);
    if (way !== 'pm2-restart') await through('steady');
    await through('deploy', () => ssh(to(next)));
    const good = next;
    next = good === 'r1' ? 'r2' : 'r1';
    // The unhealthy release, a look at it after a second, and back by hand.
    await through('bad deploy', async () => {
      const there = await ssh(to('sick'));
      const look = await ssh(`sleep 1; ! curl -fs -o /dev/null localhost:${port}`);
      const back = await ssh(to(good));
      return { ms: there.ms + look.ms + back.ms };
    });
  }
}

