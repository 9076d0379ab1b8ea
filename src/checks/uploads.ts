import { formatBytes } from '../evidence/format.js';
import { fail, pass, type EnvironmentCheck, type Setting } from './model.js';

/** Names under which apps say how large an upload may be: `MAX_FILE_SIZE`, `MAX_UPLOAD_SIZE_MB`, `BODY_LIMIT`, Flask's `MAX_CONTENT_LENGTH`. */
const UPLOAD = /(?:^|_)(?:MAX_(?:FILE|UPLOAD|BODY|REQUEST|ATTACHMENT|IMAGE)_?SIZE|(?:FILE|UPLOAD|BODY|REQUEST|ATTACHMENT)_?(?:SIZE_?)?(?:LIMIT|MAX)|(?:FILE|UPLOAD)_MAX_?SIZE|MAX_CONTENT_LENGTH)(?:_(?:BYTES|KB|MB|GB))?$/;

const FACTOR: Readonly<Record<string, number>> = { '': 1, B: 1, BYTES: 1, K: 1e3, KB: 1e3, KIB: 1024, M: 1e6, MB: 1e6, MIB: 1024 ** 2, G: 1e9, GB: 1e9, GIB: 1024 ** 3 };

/** Bytes; undefined when the value is none of the forms apps use. Units count in thousands, to the app's favour: libraries disagree. */
function bytesOf({ name, value }: Setting): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(value.trim()) ?? [];
  const factor = FACTOR[(unit === '' ? /_(BYTES|KB|MB|GB)$/.exec(name)?.[1] ?? '' : unit).toUpperCase()];
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}

export const uploads: readonly EnvironmentCheck[] = [
  {
    id: 'preflight.variables.upload-size',
    title: 'nginx lets through uploads as large as the app takes',
    family: 'variables', scope: 'environment', requirement: ['PF-21'], severity: 'warn',
    remedy: 'Raise `site.upload`, or `upload` of the route that takes them: what is larger nginx refuses with 413, before the app hears of it.',
    run({ entries }, { config: { site } }) {
      if (site === undefined) return undefined;
      const sizes = entries.filter(({ name }) => UPLOAD.test(name)).flatMap((setting) => {
        const bytes = bytesOf(setting);
        return bytes === undefined || bytes === 0 ? [] : [{ name: setting.name, bytes }];
      });
      if (sizes.length === 0) return undefined;
      const limit = Math.max(site.upload, ...Object.values(site.routes).map(({ upload }) => upload ?? 0));
      const larger = sizes.filter(({ bytes }) => bytes > limit);
      const expected = `at most ${formatBytes(limit)}, as nginx lets through`;
      const texts = (list: typeof sizes): string => list.map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`).join(', ');
      return larger.length === 0 ? pass(texts(sizes), expected) : fail(texts(larger), expected);
    },
  },
];
