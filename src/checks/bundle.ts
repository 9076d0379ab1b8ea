import { formatBytes } from '../evidence/format.js';
import { isPrivateHost, parseUrl, siteOf } from './measure/urls.js';
import { fail, pass, verdict, type BundleFacts, type CheckContext, type RunnerCheck } from './model.js';
import { list, places } from './repository.js';

export const bundle: readonly RunnerCheck[] = [
  bundleCheck('directory', 'The built frontend is there', 'block', 'Build before preflight, or correct preflight.bundle.directory.', ['PF-36'], (facts) =>
    verdict(facts.exists && facts.files > 0, !facts.exists ? 'no such folder' : `${facts.files} files`, 'a folder with files')),
  bundleCheck('size', 'The frontend is within its size budget', 'block', 'Split routes, load them lazily, and look for large packages with the bundler\'s analyser.', ['PF-36'], (facts, { config }) => {
    const limit = config.preflight.bundle?.maxGzip;
    if (limit === undefined) return undefined;
    return verdict(facts.gzip <= limit, `${formatBytes(facts.gzip)} of scripts and styles with gzip`, `at most ${formatBytes(limit)}`, { data: { gzip: facts.gzip } });
  }),
  bundleCheck('source-maps', 'No source maps in the frontend', 'block', 'Turn them off for production (Vite: build.sourcemap false; Next.js: productionBrowserSourceMaps false), or exclude them from the release.', ['PF-36'], (facts, { config }) => {
    if (config.preflight.bundle?.noSourceMaps !== true) return undefined;
    return verdict(facts.sourceMaps.length === 0, facts.sourceMaps.length === 0 ? 'none' : list(facts.sourceMaps), 'none');
  }),
  bundleCheck('console', 'No console calls in the frontend', 'block', 'Let the minifier drop them (esbuild: drop console; Next.js: compiler.removeConsole).', ['PF-36'], (facts, { config }) => {
    if (config.preflight.bundle?.noConsole !== true) return undefined;
    return facts.consoleCalls.length === 0 ? pass('none', 'none') : fail(places(facts.consoleCalls), 'none');
  }),
  bundleCheck('minified', 'Scripts are minified', 'warn', 'Build for production (NODE_ENV=production, the bundler\'s minify option).', ['PF-36'], (facts) =>
    verdict(facts.unminified.length === 0, facts.unminified.length === 0 ? 'all' : `not minified: ${list(facts.unminified)}`, 'all')),
  bundleCheck('fingerprints', 'Scripts and styles have fingerprinted names', 'warn', 'Let the bundler put a content hash into file names: only then may browsers keep them for a year.', ['PF-36'], (facts) =>
    verdict(facts.unfingerprinted.length === 0, facts.unfingerprinted.length === 0 ? 'all' : `without: ${list(facts.unfingerprinted)}`, 'all')),
  bundleCheck('public-urls', 'URLs compiled into the frontend point to production', 'block', 'They are fixed when the frontend is built: set the variables (VITE_…, NEXT_PUBLIC_…) for the build step, then build again.', ['PF-38'], urls),
];

function bundleCheck(
  name: string, title: string, severity: 'block' | 'warn', remedy: string, requirement: readonly string[],
  run: (facts: BundleFacts, context: CheckContext) => ReturnType<RunnerCheck['run']>,
): RunnerCheck {
  return {
    id: `preflight.bundle.${name}`, title, family: 'bundle', scope: 'runner', requirement, severity, remedy,
    run(facts, context) {
      if (facts.bundle === undefined || (!facts.bundle.exists && name !== 'directory')) return undefined;
      const outcome = run(facts.bundle, context);
      return outcome === undefined ? undefined : { subject: facts.bundle.directory, ...outcome };
    },
  };
}

function urls(facts: BundleFacts, { config, environmentName }: CheckContext): ReturnType<RunnerCheck['run']> {
  const wanted = (config.preflight.bundle?.publicUrls ?? []).flatMap((url) => parseUrl(url)?.origin ?? []);
  const sites = new Set(wanted.map((origin) => siteOf(new URL(origin).hostname)));
  const others = new Map(Object.entries(config.environments).flatMap(([name, { url }]) => {
    const origin = url === undefined ? undefined : parseUrl(url)?.origin;
    return name === environmentName || origin === undefined ? [] : [[origin, name] as const];
  }));
  const faults: string[] = [];
  for (const [origin, file] of Object.entries(facts.origins)) {
    if (wanted.includes(origin)) continue;
    const fault = urlFault(new URL(origin), sites, others);
    if (fault !== undefined) faults.push(`${origin} in ${file} (${fault})`);
  }
  for (const origin of wanted) if (facts.origins[origin] === undefined) faults.push(`${origin} is in no script`);
  return verdict(faults.length === 0, faults.length === 0 ? wanted.join(', ') || 'no private or foreign URL' : list(faults), wanted.join(', ') || 'no URL of a developer\'s machine');
}

/** Libraries carry URLs of documentation; only those that look like a place to send requests to are faults. */
function urlFault(url: URL, sites: ReadonlySet<string>, others: ReadonlyMap<string, string>): string | undefined {
  const other = others.get(url.origin);
  if (other !== undefined) return `environment ${other}`;
  if (/(?:^|\.)your-?domain\./.test(url.hostname)) return 'placeholder';
  // axios and others hold a bare http://localhost as a base that is never called.
  if (isPrivateHost(url.hostname)) return url.hostname === 'localhost' && url.port === '' ? undefined : 'private address';
  if (!url.hostname.includes('.') && url.port !== '') return 'name of a container';
  return sites.has(siteOf(url.hostname)) ? 'not declared' : undefined;
}
