/**
 * The colours of plots and pages: GitHub's own. Plots are drawn once, in the light ones; the page's style sheet replaces
 * them on a dark page by their value, so each must be here but once.
 */
export const LIGHT = {
  text: '#1f2328', soft: '#59636e', line: '#d1d9e0', page: '#ffffff', raised: '#f6f8fa',
  pass: '#1a7f37', warn: '#9a6700', fail: '#cf222e', skip: '#818b98', accent: '#0969da', before: '#8c959f', onColour: '#fffffe',
} as const;

export const DARK: Record<keyof typeof LIGHT, string> = {
  text: '#f0f6fc', soft: '#9198a1', line: '#3d444d', page: '#0d1117', raised: '#151b23',
  pass: '#238636', warn: '#9e6a03', fail: '#da3633', skip: '#656c76', accent: '#4493f8', before: '#7d8590', onColour: '#fffffe',
};

/** Without quotes: ECharts writes it into an attribute as it stands. */
export const FONT = 'system-ui, -apple-system, Segoe UI, Noto Sans, Helvetica, Arial, sans-serif';
