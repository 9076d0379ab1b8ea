import type { Complain, Loose } from './section.js';
import { looksSecret } from './secrets.js';

/** What must fit together inside one service. */
export function serviceRules(value: Loose, complain: Complain): void {
  const { manager, mode, instances, start } = value;
  if (mode !== undefined && manager === 'systemd')
    complain(['mode'], 'must be left out under systemd: cluster and fork are modes of pm2');
  if (mode === 'cluster' && !(typeof start === 'string' && NODE_SCRIPT.test(start))) {
    const found = typeof start === 'string' ? `is \`${start}\`` : 'is missing';
    complain(
      start === undefined ? ['mode'] : ['start'],
      `must be \`node <script>\` for mode cluster, ${found}; mode fork runs any command`,
    );
  }
  if (manager === 'systemd' && (instances === 'max' || (typeof instances === 'number' && instances > 1))) {
    complain(['instances'], `must be 1 under systemd, is ${instances}; pm2 runs several`);
  }
  if (manager === 'pm2' && value['user'] !== undefined)
    complain(['user'], 'must be left out under pm2: it runs as the user who logs in');
  if (value['scope'] === 'user' && value['user'] !== undefined)
    complain(['user'], 'must be left out with scope user: the unit runs as the user who logs in');
  managerKeys(value, complain);
  healthPort(value, complain);
  secretValues(value, complain);
}

/** Keys that mean something under one manager alone. */
function managerKeys(value: Loose, complain: Complain): void {
  const { manager, image, archive, port } = value;
  if (manager === 'static') {
    for (const key of ['start', 'port', 'health', 'green-port']) {
      if (value[key] !== undefined) complain([key], 'must be left out under static: nothing runs, nginx serves the folder');
    }
  } else if (manager !== undefined && value['fallback'] !== undefined) {
    complain(['fallback'], 'must be left out: only the site serves files, for services with manager static');
  }
  for (const key of ['file', 'image', 'archive']) {
    if (manager !== undefined && manager !== 'compose' && value[key] !== undefined) complain([key], 'must be left out: only compose has images');
  }
  if (manager === 'compose' && image === 'load' && archive === undefined) complain(['image'], 'needs `archive`, the file with the images that the release ships');
  if (manager === 'compose' && archive !== undefined && image !== 'load') complain(['archive'], 'needs `image: load`: otherwise nothing is loaded from it');
  const green = value['green-port'];
  if (green !== undefined && manager !== 'static') {
    if (port === undefined) complain(['green-port'], 'needs `port`: it is the second one');
    else if (green === port) complain(['green-port'], `must differ from \`port\`, is ${Number(green)} too`);
  }
}

/** `node [options] script [arguments]`: what pm2's cluster module can load itself. */
const NODE_SCRIPT = /^node\s+(-\S+\s+)*[^-\s]\S*(\s.*)?$/;

function healthPort(value: Loose, complain: Complain): void {
  const health = value['health'];
  if (typeof health !== 'object' || health === null || value['port'] !== undefined) return;
  const { path, tcp, port } = health as Loose;
  const asked = path !== undefined ? 'path' : tcp === true ? 'tcp' : undefined;
  if (asked !== undefined && port === undefined)
    complain(['health', asked], 'needs a port: give the service (or its health) a `port`');
}

function secretValues(value: Loose, complain: Complain): void {
  const env = value['env'];
  if (typeof env !== 'object' || env === null) return;
  for (const [key, item] of Object.entries(env)) {
    // The value itself is never repeated: this message stands in public logs.
    if (typeof item === 'string' && looksSecret(item)) {
      complain(['env', key], 'looks like a secret; put it into app-env and, if the name differs, refer to it as $NAME');
    }
  }
}

/** What must fit together among services. */
export function servicesRules(value: Loose, complain: Complain): void {
  const names = Object.keys(value);
  const owners = new Map<number, string>();
  for (const [name, service] of Object.entries(value)) {
    if (typeof service !== 'object' || service === null) continue;
    const { port, needs } = service as Loose;
    if (typeof port === 'number') {
      const owner = owners.get(port);
      if (owner === undefined) owners.set(port, name);
      else complain([name, 'port'], `must differ from the port of \`${owner}\`, is ${port} too`);
    }
    for (const [index, need] of list(needs).entries()) {
      if (need === name) complain([name, 'needs', index], 'must be another service');
      else if (!names.includes(need))
        complain(
          [name, 'needs', index],
          unknownName(
            need,
            names.filter((other) => other !== name),
          ),
        );
    }
  }
  const cycle = findCycle(
    new Map(Object.entries(value).map(([name, service]) => [name, list((service as Loose | null)?.['needs'])])),
  );
  if (cycle !== undefined) complain([cycle[0] ?? '', 'needs'], `must not go round in a circle: ${cycle.join(' → ')}`);
}

function unknownName(name: string, known: readonly string[]): string {
  return known.length === 0
    ? `must name a service, there is no other; is \`${name}\``
    : `must be one of ${known.join(', ')}; is \`${name}\``;
}

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** The first circle among needs as `[a, b, a]`; a service that needs itself has its own message. */
function findCycle(needs: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]): string[] | undefined => {
    if (trail.includes(name)) return [...trail.slice(trail.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const next of needs.get(name) ?? []) {
      const cycle = next === name ? undefined : visit(next, [...trail, name]);
      if (cycle !== undefined) return cycle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of needs.keys()) {
    const cycle = visit(name, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
