import { createApp } from './app.js';
import { config } from './config.js';
import { openStore } from './store.js';

const store = await openStore(config.databaseFolder);
const server = createApp(config, store).listen(config.port, config.address, (error) => {
  if (error) {
    throw error;
  }
  console.log(`Release ${config.release} listens on ${config.address}:${config.port}.`);
  // PM2 with wait_ready counts an instance as up from here on.
  process.send?.('ready');
});

let stopping = false;

/** Takes no new connections, lets the open requests end, then closes the database. */
function stop(signal) {
  if (stopping) {
    return;
  }
  stopping = true;
  console.log(`${signal}: draining.`);
  server.close(() => {
    store.close();
    process.exit(0);
  });
  server.closeIdleConnections();
}

process.on('SIGINT', stop);
process.on('SIGTERM', stop);
