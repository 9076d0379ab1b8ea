import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RunContext } from '../../src/commands/run-context.js';
import { closeRisky } from '../../src/commands/harden.js';
import { runSteps, type Preparation } from '../../src/commands/server-steps.js';
import { loadConfig } from '../../src/config/load.js';
import type { Evidence } from '../../src/evidence/record.js';
import type { Reporter } from '../../src/evidence/reporter.js';
import { serverParameters } from '../../src/server/parameters.js';
import { SERVER_STEPS, type ServerStep } from '../../src/server/steps.js';
import { connect } from '../../src/ssh/connect.js';
import { type Host, startHost } from './harness.js';
import { Job } from './run-action.js';
import { workspace } from './workspace.js';

/** Each risky step is made to fail on purpose, in each way a team could be locked out: the host must be as before, by itself if need be. */
let host: Host;

beforeAll(async () => {
  host = await startHost();
}, 120_000);
afterAll(() => host.stop(), 60_000);

/** Seconds a step may stay unproven. */
const WITHIN = 8;

interface Ran {
  readonly changed: readonly string[];
  readonly error: Error & { readonly remedy?: string };
  readonly said: string;
  readonly evidence: readonly Evidence[];
  readonly milliseconds: number;
}

interface Options {
  readonly steps: readonly string[];
  /** Section `server.harden`. */
  readonly harden?: Readonly<Record<string, unknown>>;
  /** What the configuration says the port is; the run itself comes in on the right one. */
  readonly configuredPort?: number;
  readonly plan?: boolean;
  /** The runner is gone the moment the steps are applied: nobody proves or confirms. */
  readonly vanish?: boolean;
}

/** What `slipway server` does with these steps, over a login as deploy. */
async function run({ steps, harden = {}, configuredPort, plan = false, vanish = false }: Options): Promise<Ran> {
  const configOf = (port: number) => loadConfig(JSON.stringify({
    app: 'tiny',
    environments: { production: { hosts: [{ address: `deploy@127.0.0.1:${port}`, 'host-key': host.hostKeyLine, 'connect-timeout': '20s', keepalive: '2s' }] } },
    server: { harden: { 'undo-within': `${WITHIN}s`, ...harden } },
  }), 'slipway.yml');
  const config = configOf(configuredPort ?? host.port);
  const wanted = config.environments['production']!.hosts[0]!;
  const said: string[] = [];
  const evidence: Evidence[] = [];
  const tell = (...words: unknown[]) => void said.push(words.filter((word) => typeof word === 'string').join(' '));
  const reporter: Reporter = {
    group: (_, body) => body(), step: tell, line: tell, block: tell, warn: tell, error: tell, debug: () => undefined, progress: () => undefined, evidence: (record) => void evidence.push(record),
  };
  const credentials = { privateKey: host.clientKey };
  const context = { config, environmentName: 'production', credentials, signal: new AbortController().signal, reporter, plan, now: () => new Date() } as unknown as RunContext;
  const started = Date.now();
  const connection = await connect(configOf(host.port).environments['production']!.hosts[0]!, credentials);
  const changed: string[] = [];
  try {
    const { stdout } = await connection.exec('printf %s "$SSH_CONNECTION"');
    const parameters = serverParameters({ config, host: wanted, services: {} }, { environment: 'production', root: '/srv/tiny', deployKeys: [], connection: stdout });
    const chosen = SERVER_STEPS.filter(({ id }) => steps.includes(id));
    const made: Preparation = { name: wanted.name, host: wanted, connection, steps: chosen, parameters };
    const one = async (step: ServerStep): Promise<string[]> => (step.risky !== true || plan || vanish ? runSteps(context, made, [step]) : closeRisky(context, made, [step]));
    for (const step of chosen) changed.push(...(await one(step)));
    return { changed, error: new Error('none'), said: said.join('\n'), evidence, milliseconds: Date.now() - started };
  } catch (error) {
    return { changed, error: error as Error, said: said.join('\n'), evidence, milliseconds: Date.now() - started };
  } finally {
    await connection.close();
  }
}

async function must(command: string): Promise<string> {
  const { code, stdout, stderr } = await host.run(command, { limit: 60_000 });
  if (code !== 0) throw new Error(`${command}\n${stdout}${stderr}`);
  return stdout;
}

/** Everything that hardening may touch, as it is on the disk and in force. */
const state = (): Promise<string> => must(`
find /etc/ufw /etc/default/ufw /etc/ssh/sshd_config /etc/ssh/sshd_config.d /etc/fail2ban -printf '%p %m %u:%g %y\\n' | sort
find /etc/ufw /etc/default/ufw /etc/ssh/sshd_config /etc/ssh/sshd_config.d /etc/fail2ban -type f -exec sha256sum {} + | sort
for save in iptables-save ip6tables-save; do $save | grep -E '^(-A|:[A-Z]+ DROP|:ufw)' | sed 's/ \\[.*//' || true; done
ufw status verbose; sshd -T; systemctl is-enabled ufw fail2ban || true; systemctl is-active fail2ban ssh || true
ls -d /var/lib/slipway/undo/*/armed /etc/systemd/system/slipway-undo.service 2>/dev/null | grep -v '[.]last/' || true
systemctl list-timers --all --no-legend 'slipway-undo*' | sed 's/.* slipway/slipway/'
`);

/** The step must fail with a message that names it, and leave the host as it was: in time, and with a login that works. */
async function expectAsBefore(step: string, before: string, { error, milliseconds, evidence }: Ran): Promise<void> {
  expect(error.message).toContain(`(${step})`);
  expect(error.message).toContain('The host is as before');
  expect(error.remedy).toBeTruthy();
  expect(evidence.filter(({ id }) => id === `harden.${step}`).at(-1)).toMatchObject({ status: 'fail' });
  expect(await state()).toBe(before);
  expect(milliseconds).toBeLessThan((WITHIN + 40) * 1_000);
  const again = await run({ steps: [] });
  expect(again.error.message).toBe('none');
}

describe('a firewall that', () => {
  test('shuts out new logins by a deny rule of the team\'s is taken back at once, over the connection that still stands', async () => {
    await must('ufw deny proto tcp to any port 1:1000');
    const before = await state();
    const ran = await run({ steps: ['firewall'] });
    expect(ran.error.message).toMatch(/taken back at once over the connection that still stood/);
    expect(ran.said).toMatch(/rules of your own stay: deny 1:1000\/tcp/);
    await expectAsBefore('firewall', before, ran);
    await must('ufw delete deny proto tcp to any port 1:1000');
  }, 60_000);

  test('drops us altogether, the old connection too, is taken back by the host itself', async () => {
    await must(`cp -a /etc/ufw/before.rules /root/kept && sed -i '/^# allow all on loopback/i -I ufw-before-input 1 -p tcp --dport 22 -j DROP' /etc/ufw/before.rules`);
    const before = await state();
    const ran = await run({ steps: ['firewall'] });
    expect(ran.error.message).toMatch(/took it back by itself within 8 s/);
    await expectAsBefore('firewall', before, ran);
    await must('mv /root/kept /etc/ufw/before.rules');
  }, 60_000);

  test('is not begun when the configured port is not the one that lets the deploy user in', async () => {
    const before = await state();
    const ran = await run({ steps: ['firewall'], configuredPort: 9 });
    expect(ran.error.message).toMatch(/nothing could be proven, so nothing was closed/);
    expect(await state()).toBe(before);
  }, 30_000);

  test('would come behind a rule that decides all is not begun, and one that loads its rules at each start beside it neither', async () => {
    await must('iptables -A INPUT -p tcp --dport 22 -j ACCEPT; iptables -A INPUT -j REJECT --reject-with icmp-host-prohibited');
    const behind = await run({ steps: ['firewall'], plan: true });
    await must('iptables -D INPUT -j REJECT --reject-with icmp-host-prohibited; iptables -D INPUT -p tcp --dport 22 -j ACCEPT');
    expect(`${behind.error.message}${behind.said}`).toMatch(/asked before its rules and decides all: iptables -A INPUT -j REJECT --reject-with icmp-host-prohibited/);
    await must('printf "[Unit]\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n" >/etc/systemd/system/netfilter-persistent.service && systemctl enable --quiet netfilter-persistent.service');
    const beside = await run({ steps: ['firewall'], plan: true });
    await must('systemctl disable --quiet netfilter-persistent.service && rm /etc/systemd/system/netfilter-persistent.service && systemctl daemon-reload');
    expect(`${beside.error.message}${beside.said}`).toMatch(/netfilter-persistent\.service loads rules of its own at each start/);
  }, 30_000);

  test('was applied when the host went down is not there after the start', async () => {
    const before = await state();
    const ran = await run({ steps: ['firewall'], harden: { 'undo-within': '10m' }, vanish: true });
    expect(ran.changed).toEqual(['firewall']);
    expect(await must('ufw status')).toContain('Status: active');
    await host.powerCut();
    expect(await state()).toBe(before);
    expect(await must('cat /var/lib/slipway/undo/firewall.result')).toMatch(/^as before: .* the host went down/);
  }, 60_000);

  test('nobody proved, since the runner is gone, is taken back in time, and the next run waits for that, says so, and succeeds', async () => {
    expect((await run({ steps: ['firewall'], vanish: true })).changed).toEqual(['firewall']);
    const ran = await run({ steps: ['firewall'], harden: { allow: ['51820/udp'] } });
    expect(ran.said).toMatch(/firewall: a run before this one has not proven it/);
    expect(ran.said).toMatch(/as before: taken back at .* nobody had proven it within 8 s/);
    expect(ran.changed).toEqual(['firewall']);
    const rules = await must('iptables -S; ip6tables -S');
    expect(rules).toContain('-P INPUT DROP');
    expect(rules).toContain('--dport 22 ');
    expect(rules).toContain('--dport 51820 ');
    expect(await state()).not.toContain('slipway-undo');
  }, 60_000);

  test('stands is left alone by the next run, and one that is no longer as asked for shows the difference', async () => {
    expect((await run({ steps: ['firewall'], harden: { allow: ['51820/udp'] } })).changed).toEqual([]);
    const plan = await run({ steps: ['firewall'], plan: true });
    expect(plan.said).toMatch(/- allow 51820\/udp/);
    expect((await run({ steps: ['firewall'] })).changed).toEqual(['firewall']);
    expect(await must('ufw show added')).not.toContain('51820');
  }, 60_000);
});

describe('an sshd that', () => {
  test('refuses the deploy user by a file that appears meanwhile is taken back', async () => {
    await must(`
mkdir -p /etc/systemd/system/ssh.service.d
printf '%s\\n' '[Service]' ExecReload= 'ExecReload=/bin/sh -c "test -e /root/once || exit 0; rm /root/once; echo DenyUsers deploy > /etc/ssh/sshd_config.d/90-team.conf"' \
  'ExecReload=/bin/kill -HUP $MAINPID' > /etc/systemd/system/ssh.service.d/appears.conf
systemctl daemon-reload; touch /root/once`);
    const before = await state();
    const ran = await run({ steps: ['sshd'] });
    expect(ran.error.message).toMatch(/the server refuses the login as deploy/);
    await expectAsBefore('sshd', before, ran);
    expect(await must('cat /var/lib/slipway/undo/sshd.last/aside/etc/ssh/sshd_config.d/90-team.conf')).toBe('DenyUsers deploy\n');
  }, 60_000);

  test('would refuse the deploy user by a file that sshd has not read yet is left as it is, with the line that says so', async () => {
    await must("echo 'AllowUsers ops' > /etc/ssh/sshd_config.d/20-team.conf");
    const before = await state();
    const ran = await run({ steps: ['sshd'] });
    expect(ran.error.message).toMatch(/would not let deploy in: \/etc\/ssh\/sshd_config.d\/20-team.conf line 1: AllowUsers ops/);
    expect(await state()).toBe(before);
    await must("mv /etc/ssh/sshd_config.d/20-team.conf /root; echo 'PasswordAuthentication yes' > /etc/ssh/sshd_config.d/05-team.conf");
    expect((await run({ steps: ['sshd'] })).error.message).toMatch(/sshd reads \/etc\/ssh\/sshd_config.d\/05-team.conf line 1: PasswordAuthentication yes before our file/);
    await must('rm /etc/ssh/sshd_config.d/05-team.conf');
  }, 30_000);

  test('stands refuses root and passwords, and is left alone by the next run', async () => {
    // Where systemd listens for sshd, as on Ubuntu 24.04, that of Debian 12 dies of a reload.
    await must('systemctl stop ssh.service && systemctl start ssh.socket');
    expect((await run({ steps: ['sshd'] })).changed).toEqual(['sshd']);
    expect(await must('systemctl is-failed ssh.service || true')).toBe('active\n');
    expect(await must('sshd -T -C user=root,host=x,addr=127.0.0.1')).toMatch(/^permitrootlogin no$/m);
    await expect(connect({ ...address('root') }, { privateKey: host.clientKey })).rejects.toMatchObject({ kind: 'auth' });
    expect((await run({ steps: ['sshd'] })).changed).toEqual([]);
  }, 30_000);
});

test('bans of the team that are stricter stay so', async () => {
  await must('printf "[sshd]\nbantime = 1d\n" >/etc/fail2ban/jail.d/team.local');
  const { said } = await run({ steps: ['ban'], plan: true });
  await must('rm /etc/fail2ban/jail.d/team.local');
  const jail = /\[sshd\][^[]*/.exec(said)?.[0] ?? '';
  expect(jail).toMatch(/maxretry = 5/);
  expect(jail).not.toMatch(/bantime/);
}, 30_000);

test('bans run with the address of the run among those that are never banned; files with secrets are closed; then nothing is left to change', async () => {
  await must('install -d /srv/tiny/shared && echo KEY=1 > /srv/tiny/shared/.env && chmod 0644 /srv/tiny/shared/.env');
  const steps = ['secret-modes', 'kernel', 'ban'];
  const ran = await run({ steps });
  expect(ran.error.message).toBe('none');
  expect(ran.changed).toEqual(steps);
  expect(await must('stat -c %a /srv/tiny/shared/.env')).toBe('600\n');
  const [client] = (await must("sed -n 's/^client=//p' /var/lib/slipway/undo/ban.last/armed")).split('\n');
  expect(await must('fail2ban-client get sshd ignoreip')).toContain(client);
  expect((await run({ steps: ['secret-modes', 'kernel', 'firewall', 'sshd', 'ban'] })).changed).toEqual([]);
}, 60_000);

test('what was kept can be taken back by hand, with the one command that the documents name', async () => {
  expect(await must('for step in ban sshd firewall; do sh /var/lib/slipway/undo/script $step hand || exit 1; done')).toMatch(/firewall: as before: .* by hand/);
  // Of the firewall the last change was that a port was closed; bans and sshd's file were new.
  const now = await must('iptables -S; systemctl is-active fail2ban || true; ls /etc/ssh/sshd_config.d');
  expect(now).toContain('-P INPUT DROP');
  expect(now).toContain('--dport 51820 ');
  expect(now).toMatch(/\ninactive\nslipway\.conf\n$/);
  const root = await connect(address('root'), { privateKey: host.clientKey });
  await root.close();
}, 60_000);

test('a runner that is killed before the proof leaves a host that goes back by itself', async () => {
  // The image has it masked; another step of `server` wants it.
  await must('systemctl unmask logrotate.timer');
  const work = await workspace(host, { kind: 'tiny', changes: { services: undefined, server: { updates: false, 'time-sync': false, harden: { 'undo-within': `${WITHIN}s` } } } });
  const job = await Job.begin(work.folder, { inputs: work.inputs });
  try {
    const ran = await job.run('server', {
      onLine: (line, child) => {
        if (line.includes('not proven yet')) child.kill('SIGKILL');
      },
    });
    expect(ran.code).toBe('SIGKILL');
    expect(await must('iptables -S')).not.toContain('--dport 51820 ');
    await must('for _ in $(seq 150); do [ -e /var/lib/slipway/undo/firewall.result ] && exit 0; sleep 0.1; done; exit 1');
    expect(await must('cat /var/lib/slipway/undo/firewall.result; iptables -S')).toMatch(/^as before: .* nobody had proven it within 8 s[^]*--dport 51820 /);
    expect((await run({ steps: [] })).error.message).toBe('none');
  } finally {
    await job.abandon();
    await work.remove();
  }
}, 90_000);

const address = (user: string) => ({
  name: `${user}@127.0.0.1:${host.port}`, user, address: '127.0.0.1', port: host.port, hostKeys: [host.hostKeyLine], path: [], connectTimeout: 5_000, keepalive: 0,
});
