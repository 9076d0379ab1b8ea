// What draws the plots of reports, with ECharts: a bundle of its own, so that no other command has to read it.
export * from '../src/report/plots.js';
