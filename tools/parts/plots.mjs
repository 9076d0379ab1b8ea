// What draws the plots of reports, with ECharts.
export * from '../../src/report/plots.js';
