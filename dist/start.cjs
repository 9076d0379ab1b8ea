// What the stubs in dist/ start with. V8's compiled form of the bundle is kept for the next step of the job, or for the next
// command of this user: a third of the start. Always in a folder that nobody else can write, as what is in it is executed.
// https://nodejs.org/api/module.html#moduleenablecompilecachecachedir (Node 22.1; older ones go without).
const { join } = require('node:path');

function keepCompiled() {
  try {
    const { RUNNER_TEMP, XDG_CACHE_HOME, GITHUB_ACTIONS } = process.env;
    const folder = RUNNER_TEMP || GITHUB_ACTIONS ? RUNNER_TEMP : XDG_CACHE_HOME || join(require('node:os').homedir(), '.cache');
    if (folder) require('node:module').enableCompileCache?.(join(folder, 'slipway-compiled'));
  } catch {
    // A user without a home: it starts as fast as it can.
  }
}

keepCompiled();
module.exports.run = (name) => require('./index.cjs').run(name);
module.exports.cli = (argv) => require('./cli.cjs').cli(argv);
