// What draws the plots of reports, with ECharts: a bundle of its own, so that no other command has to read it.
module.exports = require('../build/report/plots.js');
