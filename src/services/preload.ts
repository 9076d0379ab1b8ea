import { logFolder } from '../host/layout.js';
import type { Instance } from './definition.js';

/**
 * Required into Node processes that PM2 starts itself: reads the release's environment file and the service's own values
 * when the process starts, so that secrets pass neither through PM2's memory nor into its saved dump.
 * The files are in the strict dialect that config/env-file.ts writes. The paths stand in the text: in cluster mode PM2 sets
 * the process's variables only after this has run.
 *
 * PM2 writes the logs of such processes through streams that lag behind; what a process says right before it exits would be
 * lost. Here they are written at once, as Node.js itself writes to files ("A note on process I/O").
 *
 * In cluster mode PM2 hands connections to its workers. One that is under way to a worker which has just closed its server is
 * given back, and goes to another; but an app that exits the moment its server is closed takes it along, and that request is
 * never answered (12 reloads of two workers under load: 4 of 8,400). So the end of a server is told a little later (0 of 17,000).
 */
export function renderPreload(instance: Pick<Instance, 'root' | 'envFile' | 'base'>): string {
  return `'use strict';
// Written by Slipway: the environment of the release this process belongs to.
const fs = require('fs');
const path = require('path');

function load(file) {
  let text;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  const entry = /^([A-Za-z_][A-Za-z0-9_]*)=(?:'([^']*)'|"((?:[^"\\\\]|\\\\[^])*)")$/gm;
  for (const [, name, plain, escaped] of text.matchAll(entry)) {
    process.env[name] = plain === undefined ? escaped.replace(/\\\\([\\\\"$\`])/g, '$1') : plain;
  }
}

const { createWriteStream } = fs;
const atOnce = {
  close: fs.close,
  write(fd, buffer, offset, length, position, done) {
    try {
      done(null, fs.writeSync(fd, buffer, offset, length, position), buffer);
    } catch (error) {
      done(error);
    }
  },
};
fs.createWriteStream = (file, options) => {
  if (path.dirname(String(file)) !== ${JSON.stringify(logFolder(instance.root))}) return createWriteStream(file, options);
  // A stream that opens its file itself is not ready yet when it says so.
  const fd = fs.openSync(file, 'a');
  const stream = createWriteStream(file, { ...options, fd, fs: atOnce });
  setImmediate(() => stream.emit('open', fd));
  return stream;
};

if (require('cluster').isWorker) {
  const { Server } = require('net');
  const { emit } = Server.prototype;
  const told = new WeakSet();
  Server.prototype.emit = function (event, ...rest) {
    if (event !== 'close' || told.has(this)) return emit.call(this, event, ...rest);
    told.add(this);
    setTimeout(() => emit.call(this, event, ...rest), 200);
    return true;
  };
}

const release = fs.realpathSync(${JSON.stringify(instance.base)});
load(path.join(release, ${JSON.stringify(instance.envFile)}));
load(path.join(__dirname, 'env'));
process.env.SLIPWAY_RELEASE = path.basename(release);
`;
}
