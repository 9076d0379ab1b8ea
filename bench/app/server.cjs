// The app under load: a page from memory that names its release, and an orderly end. `sick` beside it makes it unhealthy.
const fs = require('fs');
const http = require('http');
const path = require('path');

const release = path.basename(fs.realpathSync(__dirname));
const sick = fs.existsSync(path.join(__dirname, 'sick'));
const page = JSON.stringify({ release, text: 'x'.repeat(2_000) });

const server = http.createServer((request, response) => {
  response.statusCode = sick ? 503 : 200;
  response.setHeader('content-type', 'application/json');
  response.end(page);
});
server.listen(Number(process.env.PORT), '127.0.0.1');

// What is asked is answered before it ends, as every guide recommends.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.close(() => process.exit(0)));
