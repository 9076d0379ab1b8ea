// The bundle starts from CommonJS: ssh2 reads __dirname, which an ES module bundle does not have.
module.exports = require('../build/main/index.js');
// The plots of reports are another bundle beside this one, read when a report is written (see build.mjs).
module.exports.plotsFrom(() => require('./plots.cjs'));
