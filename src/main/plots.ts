import type { Plots } from '../report/page.js';

let load: (() => Plots) | undefined;

/** Where the plots come from: ECharts is bundled apart and read by reports alone (tools/entry.cjs). */
export function plotsFrom(loader: () => Plots): void {
  load = loader;
}

/** What draws; undefined where nothing was bundled. */
export function plots(): Plots | undefined {
  return load?.();
}
