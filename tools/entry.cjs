// The bundle starts from CommonJS: ssh2 reads __dirname, which an ES module bundle does not have.
module.exports = require('../build/main/index.js');
