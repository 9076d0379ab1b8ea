import { estimateBits } from './measure/entropy.js';
import { isSamplePassword, namesExampleDomain, passwordInUrl, placeholderKind } from './measure/placeholders.js';
import { isOfType, originFaults, typeWants } from './measure/types.js';
import { fail, pass, verdict, type CheckContext, type EnvironmentCheck, type Outcome, type Setting, type Settings } from './model.js';

/** Names under which an app learns which mode it runs in. */
const MODES = ['NODE_ENV', 'ENVIRONMENT', 'VITE_ENV', 'APP_ENV', 'FLASK_ENV', 'RAILS_ENV', 'DJANGO_ENV', 'NEXT_PUBLIC_ENV'];
const DEBUGS = /^(?:DEBUG|(?:APP|FLASK|DJANGO|API|SERVER|VITE)_DEBUG)$/;
const CORS = ['CORS_ORIGIN', 'CORS_ORIGINS', 'ALLOWED_ORIGINS'];
const PASSWORDS = /(?:^|_)(?:PASSWORD|PASSWD|PASS|PWD|PASSPHRASE)$/;
const SECRETS = /(?:^|_)(?:PASSWORD|PASSWD|PASS|PWD|PASSPHRASE|SECRET|SECRET_KEY|PRIVATE_KEY|ENCRYPTION_KEY|MASTER_KEY)$/;

/** Chosen by a person, a password of twelve mixed characters holds about this much. */
const PASSWORD_BITS = 60;

/** A random string may hold a run by chance: the estimate can fall a little short of the truth. */
const DOUBT = 0.95;

/** Messages name variables and the kind of fault; no value is ever repeated. */
export const variables: readonly EnvironmentCheck[] = [
  {
    id: 'preflight.variables.required',
    title: 'Every required variable is set',
    family: 'variables', scope: 'environment', requirement: ['PF-10'], severity: 'block',
    remedy: 'Add them to the environment\'s secret that is passed as app-env, one NAME=value per line.',
    run(settings, { config }) {
      const wanted = [...new Set([...config.preflight.env.required, ...config.preflight.env.strong, ...Object.keys(config.preflight.env.values)])];
      if (wanted.length === 0) return undefined;
      // What the host makes itself is there, whatever app-env says.
      const missing = wanted.filter((name) => !config.release.generate.includes(name) && !valuesOf(settings, name).some(({ value }) => value.trim() !== ''));
      const remedy = settings.given ? {} : { remedy: 'No app-env was given: pass the environment file\'s text as the input app-env (CLI: --app-env <file>).' };
      return verdict(missing.length === 0, missing.length === 0 ? `all ${wanted.length} set` : `missing or empty: ${missing.join(', ')}`, wanted.join(', '), missing.length === 0 ? {} : remedy);
    },
  },
  {
    id: 'preflight.variables.references',
    title: 'Variables the services refer to have values',
    family: 'variables', scope: 'environment', requirement: ['PF-10'], severity: 'block',
    remedy: 'Add the variable to app-env, or write $$ where a dollar sign is meant.',
    run(settings, { config }) {
      if (Object.values(config.services).every(({ env }) => Object.keys(env).length === 0)) return undefined;
      return verdict(settings.unresolved.length === 0, settings.unresolved.length === 0 ? 'all have' : settings.unresolved.join('; '), 'a value for each');
    },
  },
  {
    id: 'preflight.variables.placeholders',
    title: 'No placeholders left from a template',
    family: 'variables', scope: 'environment', requirement: ['PF-11'], severity: 'block',
    remedy: 'Put the real values into app-env; a secret is made with: openssl rand -base64 48',
    run: (settings) => each(settings, ({ value }) => placeholderKind(value), 'real values'),
  },
  {
    id: 'preflight.variables.example-domains',
    title: 'No domains of examples',
    family: 'variables', scope: 'environment', requirement: ['PF-11'], severity: 'warn',
    remedy: 'Put the app\'s own domain where example.com or another name reserved for documentation stands.',
    run: (settings, context) => (isProduction(context) ? each(settings, ({ value }) => (namesExampleDomain(value) ? 'example domain' : undefined), 'real domains') : undefined),
  },
  {
    id: 'preflight.variables.sample-passwords',
    title: 'No passwords of samples',
    family: 'variables', scope: 'environment', requirement: ['PF-15'], severity: 'block',
    remedy: 'Change the password where it is used (database, cache, mail), then here. Make one with: openssl rand -base64 24',
    run: (settings) => each(settings, sampleKind, 'no well-known passwords'),
  },
  {
    id: 'preflight.variables.weak-passwords',
    title: 'Passwords are hard to guess',
    family: 'variables', scope: 'environment', requirement: ['PF-15'], severity: 'warn',
    remedy: 'Change the password where it is used, then here. Make one with: openssl rand -base64 24',
    run: (settings) => each(settings, weakKind, `an estimate of ${PASSWORD_BITS} bits or more`),
  },
  {
    id: 'preflight.variables.strong',
    title: 'Signing and session secrets are long and random',
    family: 'variables', scope: 'environment', requirement: ['PF-14'], severity: 'block',
    remedy: 'Make a new one with `openssl rand -hex 32`; sessions and tokens signed with the old one end.',
    run(settings, { config }) {
      const { strong, strongBits } = config.preflight.env;
      const present = strong.flatMap((name) => valuesOf(settings, name)).filter(({ value }) => value !== '');
      if (present.length === 0) return undefined;
      const measured = present.map(({ name, value }) => ({ name, bits: Math.floor(estimateBits(value)), length: [...value].length }));
      const weak = measured.filter(({ bits }) => bits < strongBits * DOUBT);
      const expected = `an estimate of ${strongBits} bits or more`;
      if (weak.length === 0) return pass(measured.map(({ name }) => name).join(', '), expected);
      return fail(weak.map(({ name, bits, length }) => `${name} about ${bits} bits (${length} characters)`).join(', '), expected);
    },
  },
  {
    id: 'preflight.variables.distinct',
    title: 'Secrets differ from each other and from other environments',
    family: 'variables', scope: 'environment', requirement: ['PF-14', 'PF-15'], severity: 'block',
    remedy: 'Give each purpose and each environment a secret of its own, or a leak in one opens the others.',
    run(settings, { config }) {
      const names = secretNames(settings, config.preflight.env.strong);
      if (names.length === 0) return undefined;
      const own = new Map<string, string[]>();
      for (const { name, value } of settings.entries) {
        if (names.includes(name) && value !== '') own.set(value, [...new Set([...(own.get(value) ?? []), name])]);
      }
      const faults = [...own.values()].filter((same) => same.length > 1).map((same) => same.join(' = '));
      for (const [environment, prints] of Object.entries(settings.elsewhere ?? {})) {
        const here = settings.prints ?? {};
        const shared = names.filter((name) => here[name] !== undefined && here[name] === prints[name]);
        if (shared.length > 0) faults.push(`the same as in ${environment}: ${shared.join(', ')}`);
      }
      return verdict(faults.length === 0, faults.length === 0 ? `${names.length} compared` : faults.join('; '), 'all different');
    },
  },
  {
    id: 'preflight.variables.types',
    title: 'Typed settings hold allowed values',
    family: 'variables', scope: 'environment', requirement: ['PF-12'], severity: 'block',
    remedy: 'Correct the value in app-env, or the type in preflight.env.types.',
    run(settings, { config }) {
      const types = Object.entries(config.preflight.env.types);
      const present = types.flatMap(([name, type]) => valuesOf(settings, name).map((setting) => ({ ...setting, type })));
      if (present.length === 0) return undefined;
      const wrong = present.filter(({ type, value }) => isOfType(type, value) !== true);
      return verdict(wrong.length === 0, wrong.length === 0 ? `${present.length} checked` : wrong.map(({ name, type }) => `${name} is not ${typeWants(type)}`).join(', '),
        types.map(([name, type]) => `${name}: ${type}`).join(', '));
    },
  },
  {
    id: 'preflight.variables.values',
    title: 'Settings have the declared values',
    family: 'variables', scope: 'environment', requirement: ['PF-20'], severity: 'block',
    remedy: 'Set the declared value in app-env, or change it in preflight.env.values after a review.',
    run(settings, { config }) {
      const wanted = Object.entries(config.preflight.env.values);
      if (wanted.length === 0) return undefined;
      // A declared value stands in the repository; the other one may be anything and is not shown.
      const wrong = wanted.filter(([name, value]) => valuesOf(settings, name).some((setting) => setting.value !== value));
      return verdict(wrong.length === 0, wrong.length === 0 ? 'as declared' : `not as declared: ${wrong.map(([name]) => name).join(', ')}`,
        wanted.map(([name, value]) => `${name}=${value}`).join(', '));
    },
  },
  {
    id: 'preflight.variables.forbidden',
    title: 'No setting has a forbidden value',
    family: 'variables', scope: 'environment', requirement: ['PF-12'], severity: 'block',
    remedy: 'Set another value in app-env.',
    run(settings, { config }) {
      const forbidden = Object.entries(config.preflight.env.forbid);
      if (forbidden.length === 0) return undefined;
      const wrong = forbidden.filter(([name, values]) => valuesOf(settings, name).some(({ value }) => values.includes(value)));
      return verdict(wrong.length === 0, wrong.length === 0 ? 'none' : `forbidden value: ${wrong.map(([name]) => name).join(', ')}`, `no forbidden value in ${forbidden.map(([name]) => name).join(', ')}`);
    },
  },
  {
    id: 'preflight.variables.production-mode',
    title: 'Production mode is on',
    family: 'variables', scope: 'environment', requirement: ['PF-13'], severity: 'block',
    remedy: 'Set it to production in app-env.',
    run(settings, context) {
      const present = MODES.flatMap((name) => valuesOf(settings, name));
      if (!isProduction(context) || present.length === 0) return undefined;
      const wrong = present.filter(({ value }) => !/^prod(?:uction)?$/i.test(value.trim()));
      return verdict(wrong.length === 0, wrong.length === 0 ? names(present) : `not production: ${names(wrong)}`, 'production');
    },
  },
  {
    id: 'preflight.variables.debug',
    title: 'Debug is off',
    family: 'variables', scope: 'environment', requirement: ['PF-13'], severity: 'block',
    remedy: 'Set it to false or remove it: debug pages show source, settings and secrets.',
    run(settings, context) {
      const present = settings.entries.filter(({ name }) => DEBUGS.test(name));
      if (!isProduction(context) || present.length === 0) return undefined;
      const on = present.filter(({ value }) => !/^(?:|0|false|no|off|none)$/i.test(value.trim()));
      return verdict(on.length === 0, on.length === 0 ? `off: ${names(present)}` : `on: ${names(on)}`, 'off');
    },
  },
  {
    id: 'preflight.variables.cors',
    title: 'Allowed origins are https origins, not *',
    family: 'variables', scope: 'environment', requirement: ['PF-19'], severity: 'block',
    remedy: 'List the origins of the frontend, such as https://app.example.com: scheme and host, no path, no slash at the end, separated by commas.',
    run(settings, { config }) {
      const wanted = config.preflight.env.cors.length > 0 ? config.preflight.env.cors : CORS;
      const present = wanted.flatMap((name) => valuesOf(settings, name));
      if (present.length === 0) return undefined;
      const faults = present.flatMap(({ name, value }) => originFaults(value).map((fault) => `${name} ${fault}`));
      return verdict(faults.length === 0, faults.length === 0 ? names(present) : faults.join(', '), 'https origins only');
    },
  },
];

/** Variables whose values must not be shared: the strong ones, and those named like a secret. */
export function secretNames(settings: Pick<Settings, 'entries'>, strong: readonly string[]): string[] {
  const present = new Set(settings.entries.filter(({ value }) => value !== '').map(({ name }) => name));
  return [...present].filter((name) => strong.includes(name) || SECRETS.test(name));
}

function valuesOf(settings: Settings, name: string): readonly Setting[] {
  return settings.entries.filter((entry) => entry.name === name);
}

function each(settings: Settings, fault: (setting: Setting) => string | undefined, expected: string): Outcome | undefined {
  if (settings.entries.length === 0) return undefined;
  const faults = settings.entries.flatMap((setting) => {
    const kind = fault(setting);
    return kind === undefined ? [] : [`${setting.name} (${kind}${setting.source === 'app-env' ? '' : `, ${setting.source}`})`];
  });
  return verdict(faults.length === 0, faults.length === 0 ? `${settings.entries.length} checked` : faults.join(', '), expected);
}

function sampleKind({ name, value }: Setting): string | undefined {
  const inside = passwordInUrl(value);
  if (inside !== undefined && isSamplePassword(inside)) return 'sample password in a URL';
  return SECRETS.test(name) && isSamplePassword(value) ? 'sample password' : undefined;
}

function weakKind({ name, value }: Setting): string | undefined {
  const inside = passwordInUrl(value);
  const password = inside ?? (PASSWORDS.test(name) ? value : '');
  if (password === '' || isSamplePassword(password)) return undefined;
  const bits = Math.floor(estimateBits(password));
  return bits < PASSWORD_BITS ? `about ${bits} bits${inside === undefined ? '' : ', in a URL'}` : undefined;
}

function isProduction({ environmentName }: CheckContext): boolean {
  return /^(?:prod|production|live)(?:$|-)/.test(environmentName);
}

function names(settings: readonly Setting[]): string {
  return [...new Set(settings.map(({ name }) => name))].join(', ');
}
