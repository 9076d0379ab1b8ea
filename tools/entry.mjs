import { plotsFrom } from '../src/main/index.js';

export { cli, run } from '../src/main/index.js';

// The plots of reports are another bundle beside this one, read when a report is written (see build.mjs).
// eslint-disable-next-line @typescript-eslint/no-require-imports -- what is bundled is CommonJS
plotsFrom(() => require('./plots.cjs'));
