import { mkdirSync } from 'node:fs';
import express from 'express';
import multer from 'multer';
import { issueToken, readToken, same } from './token.js';

/** The routes, over a store and a configuration. */
export function createApp(config, store) {
  mkdirSync(config.uploadFolder, { recursive: true });
  const upload = multer({ dest: config.uploadFolder, limits: { fileSize: 1024 * 1024 } });
  const app = express();
  app.disable('x-powered-by');
  app.use(express.json({ limit: '100kb' }));

  app.get('/', (request, response) => {
    response.type('html').send(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Slipway example</title></head>
<body><h1>Slipway example</h1><p>Release <code>${config.release}</code>, ${store.list().length} items.</p></body>
</html>
`);
  });

  app.get('/health', (request, response) => {
    response.status(store.check() ? 200 : 503).json({ status: 'ok', database: store.engine });
  });

  app.get('/version', (request, response) => {
    response.json({ release: config.release, pid: process.pid });
  });

  app.post('/login', (request, response) => {
    const { email, password } = request.body ?? {};
    const known = email === config.adminEmail && same(String(password), config.adminPassword);
    if (!known) {
      response.status(401).json({ error: 'Wrong email or password.' });
      return;
    }
    response.json({ token: issueToken(email, config.tokenSecret) });
  });

  const authenticated = (request, response, next) => {
    const token = /^Bearer (.+)$/.exec(request.get('authorization') ?? '')?.[1];
    if (token === undefined || readToken(token, config.tokenSecret) === undefined) {
      response.status(401).json({ error: 'Log in first.' });
      return;
    }
    next();
  };

  app.get('/items', authenticated, (request, response) => {
    response.json({ items: store.list() });
  });

  app.post('/items', authenticated, (request, response) => {
    const name = request.body?.name;
    if (typeof name !== 'string' || name === '') {
      response.status(422).json({ error: 'name must be a non-empty text.' });
      return;
    }
    response.status(201).json(store.add(name));
  });

  app.post('/upload', authenticated, upload.single('file'), (request, response) => {
    if (request.file === undefined) {
      response.status(422).json({ error: 'Send one file in the field "file".' });
      return;
    }
    response.status(201).json({ name: request.file.originalname, size: request.file.size });
  });

  app.use((error, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status = error instanceof multer.MulterError ? 413 : (error.status ?? 500);
    if (status === 500) {
      console.error(error);
    }
    response.status(status).json({ error: status === 500 ? 'Something went wrong.' : error.message });
  });

  return app;
}
