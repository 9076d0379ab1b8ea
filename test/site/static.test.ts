import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startNginx, type Nginx } from '../support/nginx.js';

let nginx: Nginx;

const pages = {
  'dist/index.html': 'home', 'dist/about.html': 'about', 'dist/guide/index.html': 'guide', 'dist/.hidden': 'secret', 'dist/.well-known/security.txt': 'contact',
  'dist/assets/app-1.js': 'app', 'dist/assets/page.html': 'a page', 'dist/sw.js': 'worker', 'dist/empty/file.txt': 'x',
  'manual/index.html': 'manual', 'manual/deep/index.html': 'deep', 'manual/a b.html': 'spaced', 'manual/.env': 'X=1', 'manual/img/a.css': 'css',
  'files/config/production.env': 'X=1', 'files/config/readme.txt': 'read me',
  '.env': 'JWT_SECRET=x', 'package.json': '{}',
};

beforeAll(async () => {
  nginx = await startNginx(
    `{ web: { manager: static, directory: dist, fallback: index.html }, manual: { manager: static, directory: manual }, whole: { manager: static } }`,
    `{ domains: [www.example.com, files.example.com], routes: { /: web, /docs.v1: manual, files.example.com/: whole }, cache: { /assets: 365d, /docs.v1/img: 12h } }`,
  );
  await nginx.release('20260101T000000Z-aaaaaaa', 'blue', pages);
});
afterAll(() => nginx.stop());

const get = async (path: string, host = 'www.example.com'): Promise<[number, string]> => {
  const { status, body } = await nginx.ask(path, { host });
  return [status, status === 200 ? body : ''];
};
const cached = async (path: string): Promise<unknown> => (await nginx.ask(path)).headers['cache-control'];

describe('a folder', () => {
  test('is served with its pages; a path without one gets the fallback', async () => {
    expect(await get('/')).toEqual([200, 'home']);
    expect(await get('/about.html')).toEqual([200, 'about']);
    expect(await get('/guide/')).toEqual([200, 'guide']);
    expect(await get('/orders/17?tab=2')).toEqual([200, 'home']);
    expect(await get('/empty/')).toEqual([200, 'home']);
  });

  test('without a fallback says 404', async () => {
    expect((await get('/docs.v1/none'))[0]).toBe(404);
    expect((await get('/docs.v1/img/'))[0]).toBe(404);
  });

  test('below a path of its own is found from there', async () => {
    expect(await get('/docs.v1/')).toEqual([200, 'manual']);
    expect(await get('/docs.v1/deep/')).toEqual([200, 'deep']);
    expect(await get('/docs.v1/a%20b.html')).toEqual([200, 'spaced']);
    expect(await get('/docs.v1/img/a.css')).toEqual([200, 'css']);
    expect(await get('/docsXv1/')).toEqual([200, 'home']);
  });

  test.each([['/guide', '/guide/'], ['/docs.v1', '/docs.v1/'], ['/docs.v1/deep', '/docs.v1/deep/'], ['/docs.v1/deep?a=1', '/docs.v1/deep/?a=1']])('with a page is asked for with a slash: %s', async (path, target) => {
    const { status, headers } = await nginx.ask(path);
    expect([status, headers.location]).toEqual([301, target]);
  });

  test('keeps what begins with a dot to itself, and the environment file', async () => {
    for (const path of ['/.hidden', '/docs.v1/.env', '/%2Ehidden', '/x/../.hidden']) expect((await nginx.ask(path)).status).toBe(404);
    expect(await get('/.well-known/security.txt')).toEqual([200, 'contact']);
    expect((await get('/.env', 'files.example.com'))[0]).toBe(404);
    expect(await get('/files/config/readme.txt', 'files.example.com')).toEqual([200, 'read me']);
  });

  test('takes no forms', async () => {
    expect((await nginx.ask('/', { method: 'POST' })).status).toBe(405);
  });
});

describe('what browsers keep', () => {
  test('is no page, wherever it lies and however it was found', async () => {
    for (const path of ['/', '/about.html', '/orders/17', '/guide/', '/assets/page.html', '/docs.v1/']) expect([path, await cached(path)]).toEqual([path, 'max-age=0, must-revalidate']);
    expect(await cached('/sw.js')).toBe('max-age=0, must-revalidate');
  });

  test('is what lies in a cached folder, for its time', async () => {
    expect(await cached('/assets/app-1.js')).toBe('public, max-age=31536000, immutable');
    expect(await cached('/docs.v1/img/a.css')).toBe('public, max-age=43200, immutable');
  });

  test('is said again when nothing changed', async () => {
    for (const [path, kept] of [['/assets/app-1.js', 'public, max-age=31536000, immutable'], ['/assets/page.html', 'max-age=0, must-revalidate']] as const) {
      const { headers } = await nginx.ask(path);
      const again = await nginx.ask(path, { headers: { 'If-None-Match': headers.etag ?? '' } });
      expect([again.status, again.headers['cache-control']]).toEqual([304, kept]);
    }
  });

  test('is no missing file: not the fallback either', async () => {
    const missing = await nginx.ask('/assets/app-0.js');
    expect(missing.status).toBe(404);
    expect(missing.headers).not.toHaveProperty('cache-control');
    expect(missing.headers['x-frame-options']).toBe('SAMEORIGIN');
  });
});

test('a switch shows at once, also where nginx keeps files open', async () => {
  await nginx.release('20260101T000000Z-aaaaaaa', 'blue');
  expect(await get('/')).toEqual([200, 'home']);
  await nginx.release('20260102T000000Z-bbbbbbb', 'blue', { 'dist/index.html': 'new home' });
  expect(await get('/')).toEqual([200, 'new home']);
  expect((await nginx.ask('/assets/app-1.js')).status).toBe(404);
  await nginx.release('20260101T000000Z-aaaaaaa', 'blue');
  expect(await get('/')).toEqual([200, 'home']);
  expect((await nginx.ask('/package.json')).body).toBe('home');
});
