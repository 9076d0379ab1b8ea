import { describe, expect, it } from '@jest/globals';
import { likelyCause } from '../../src/services/likely-cause.js';

describe('the likely cause of a failed start', () => {
  it.each([
    ['Error: listen EADDRINUSE: address already in use :::3001', 'the port is taken'],
    ['[Errno 98] Address already in use', 'the port is taken'],
    ['Error response from daemon: driver failed programming external connectivity: Bind for 127.0.0.1:3000 failed: port is already allocated', 'the port is taken'],
    ['permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock', 'may not use Docker'],
    ['Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?', 'Docker does not run'],
    ['Error response from daemon: manifest for shop:2 not found: manifest unknown', 'does not give the image out'],
    ['SqliteError: database is locked', 'holds a lock on the database'],
    ['sqlite3.OperationalError: attempt to write a readonly database', 'not writable'],
    ["Error: ENOSPC: no space left on device, write", 'the disk is full'],
    ["Error: EACCES: permission denied, open '/srv/app/shared/x'", 'may not read, write or listen'],
    ["Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'express'", 'a dependency is missing'],
    ["ModuleNotFoundError: No module named 'flask'", 'a dependency is missing'],
    ['SyntaxError: Unexpected end of input', 'does not parse'],
    ['Error: connect ECONNREFUSED 127.0.0.1:5432', 'refuses the connection'],
    ['getaddrinfo ENOTFOUND db.example.com', 'does not resolve'],
    ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory', 'out of memory'],
    ['Error: The environment variable JWT_SECRET is missing.', 'a variable is missing'],
  ])('%s', (line, cause) => {
    expect(likelyCause(['listening soon', line, '    at start (server.js:1:1)'])).toContain(cause);
  });

  it('is not guessed when nothing certain is seen', () => {
    expect(likelyCause(['GET /health 503', 'shutting down'])).toBeUndefined();
  });
});
