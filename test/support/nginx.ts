import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, request, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../src/config/load.js';
import { renderNginx } from '../../src/site/nginx.js';
import { freePort } from './free-port.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly host?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Another address to come from, of 127.0.0.0/8. */
  readonly from?: string;
  /** The server with the certificate. */
  readonly port?: number;
}

/** A real nginx with the site of one configuration, and a folder of releases it serves. */
export interface Nginx {
  readonly root: string;
  readonly port: number;
  ask(path: string, options?: Ask): Promise<Answer>;
  /** Makes a release with these files and the slot's marker, and renames `current` to it. */
  release(id: string, slot: string, files?: Readonly<Record<string, string>>): Promise<void>;
  /** The lines of the access log so far. */
  log(): Promise<Record<string, unknown>[]>;
  /** The process, for tests that count its children. */
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

/** A service of the app's in one slot. */
export async function startService(port: number, listener: RequestListener): Promise<Server> {
  const server = createServer(listener).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** The text of the site that a configuration means, for a root. */
export function siteText(services: string, site: string, root: string, secure = false): string {
  const config = loadConfig(`app: shop\nenvironments: { production: { hosts: [deploy@192.0.2.1], root: ${root} } }\nservices: ${services}\nsite: ${site}\n`, 'slipway.yml');
  const text = config.site === undefined ? undefined : renderNginx({ app: 'shop', environment: 'production', root, envFile: '.env' }, config.site, config.services, secure);
  if (text === undefined) throw new Error('no site');
  return text;
}

/** Starts nginx as a process of ours, with ports and log files where we may have them. */
export async function startNginx(services: string, site: string, options: { secure?: boolean; change?: (text: string) => string; more?: string } = {}): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-nginx-'));
  await chmod(folder, 0o755);
  const root = join(folder, 'app');
  await mkdir(join(root, 'releases'), { recursive: true });
  await mkdir(join(folder, 'logs'));
  const port = await freePort();
  const { change = (text: string) => text } = options;
  const text = change(siteText(services, site, root, options.secure))
    .replace(/^ *listen \[::\].*\n/gm, '')
    .replaceAll('listen 80;', `listen 127.0.0.1:${port};`)
    .replaceAll('/var/log/nginx/', `${folder}/logs/`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join('\n');
  await writeFile(join(folder, 'nginx.conf'), [
    `${userInfo().uid === 0 ? 'user root;\n' : ''}daemon off; pid ${folder}/pid; worker_processes 1; error_log ${folder}/logs/error.log;`,
    `events { worker_connections 256; }\nhttp {\ntypes { text/html html; text/css css; application/javascript js; }\ndefault_type application/octet-stream;\n${temporary}`,
    // What another site may have set for all.
    'open_file_cache max=100 inactive=60s; open_file_cache_valid 60s; open_file_cache_min_uses 1;',
    `${text}\n${options.more ?? ''}\n}\n`,
  ].join('\n'));
  const child = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'logs/start.log')], {
    stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  const ended = once(child, 'exit');
  const answers = async (): Promise<boolean> => {
    const socket = connect({ port, host: '127.0.0.1' });
    const open = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error').then(() => false)]).catch(() => false);
    socket.destroy();
    return open;
  };
  while (!(await answers())) {
    if (child.exitCode !== null) throw new Error(`nginx does not start: ${said}\n${text}`);
    await sleep(20);
  }
  const nginx: Nginx = {
    root, port, process: child,
    ask: (path, ask = {}) => askOnce(path, { port, ...ask }),
    async release(id, slot, files = {}) {
      for (const [path, content] of Object.entries({ ...files, ...(slot === '' ? {} : { [`.slipway-${slot}`]: '' }) })) {
        await mkdir(dirname(join(root, 'releases', id, path)), { recursive: true });
        await writeFile(join(root, 'releases', id, path), content);
      }
      await mkdir(join(root, 'releases', id), { recursive: true });
      await symlink(`releases/${id}`, join(root, 'current.new'));
      await rename(join(root, 'current.new'), join(root, 'current'));
    },
    async log() {
      const lines = (await readFile(join(folder, 'logs/slipway-shop-production.access.log'), 'utf8')).split('\n').filter((line) => line !== '');
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
  return nginx;
}

async function askOnce(path: string, { host = 'www.example.com', method = 'GET', headers = {}, body, from, port = 0 }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers: { Host: host, ...headers }, agent: false, ...(from === undefined ? {} : { localAddress: from }) }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString('utf8') }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
