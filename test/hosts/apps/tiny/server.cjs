// A server without dependencies, for tests that are not about the app: it answers, and misbehaves where it is told to.
const fs = require('fs');
const http = require('http');
const path = require('path');

const release = process.env.SLIPWAY_RELEASE || path.basename(fs.realpathSync(process.cwd()));
const told = (name) => (fs.existsSync(name) ? fs.readFileSync(name, 'utf8').trim() : undefined);

if (told('crash') !== undefined) {
  console.error(`cannot start: ${told('crash')}`);
  process.exit(1);
}

const server = http.createServer((request, response) => {
  if (request.url === '/health') {
    response.statusCode = told('sick') === undefined ? 200 : 503;
    if (response.statusCode === 503) console.error(`sick: ${told('sick')}`);
    response.end('ok');
  } else if (request.url === '/wrong') {
    response.statusCode = told('wrong') === undefined ? 200 : 500;
    response.end(told('wrong') === undefined ? 'right' : 'wrong');
  } else if (request.url === '/hang') {
    // An answer that begins and never ends.
    response.write('{');
  } else {
    response.setHeader('content-type', 'application/json');
    const answer = JSON.stringify({ release, pid: process.pid, user: process.getuid(), greeting: process.env.GREETING || null, text: told('text') || null });
    const [, ms] = /^\/slow\?ms=(\d+)$/.exec(request.url) || [];
    if (ms === undefined) response.end(answer);
    else setTimeout(() => response.end(answer), Number(ms));
  }
});
const listen = () => server.listen(Number(process.env.PORT), '0.0.0.0', () => console.log(`release ${release} listens on ${process.env.PORT}`));
setTimeout(listen, Number(told('starts-after') || 0) * 1000);
// Well when it starts, gone soon after, and not to be had again.
if (told('dies-after') !== undefined) {
  const grave = `/tmp/died-${release}`;
  if (fs.existsSync(grave)) process.exit(1);
  setTimeout(() => {
    fs.writeFileSync(grave, '');
    process.exit(1);
  }, Number(told('dies-after')) * 1000);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
