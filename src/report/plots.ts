import { CustomChart } from 'echarts/charts';
import { GridComponent, LegendComponent } from 'echarts/components';
import { init, use, type EChartsCoreOption } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { formatDuration } from '../evidence/format.js';
import { stripControls, truncate } from '../evidence/text.js';
import type { Sample, Span } from './model.js';
import { FONT, LIGHT } from './palette.js';
import { median, resultsOf } from './response-times.js';
import { scaleOf } from './scale.js';

/**
 * The plots of the report as SVG texts, by ECharts without a browser. The only file that imports ECharts: it is bundled apart
 * (tools/build.mjs) and loaded when a report is written.
 */
use([CustomChart, GridComponent, LegendComponent, SVGRenderer]);

/** A place of the axis and a row, as ECharts hands them to a custom series. */
interface Api { coord(at: [number, number]): [number, number]; size?(extent: [number, number]): [number, number] }
interface Params { coordSys: { x: number; y: number; width: number; height: number } }
type Shape = Readonly<Record<string, unknown>>;

const BAR = 18;
/** Width of a character of the labels, roughly: there is no browser to ask. */
const CHARACTER = 6.3;

/** Phases or steps of hosts over time, a row for each lane. `width` in pixels; below 600 the names stand above the bars. */
export function timeline(spans: readonly Span[], width: number, all: readonly Span[] = spans): string {
  const narrow = width < 600;
  const lanes = [...new Set(spans.map(({ lane }) => lane))];
  const scale = scaleOf(all);
  const left = narrow ? 6 : 190;
  const row = narrow ? 46 : 32;
  const { split, label, base } = frame();
  return draw(width, lanes.length * row + 34, `Time line of ${lanes.length} rows`, {
    ...base,
    grid: { left, right: 14, top: 4, bottom: 30 },
    xAxis: {
      type: 'value', min: 0, max: scale.length, splitNumber: narrow ? 3 : 6, splitLine: split,
      axisLabel: { ...label, showMaxLabel: false, formatter: (place: number) => clockAt(scale.when(place)) },
    },
    yAxis: {
      type: 'category', inverse: true, data: lanes.map((_, index) => String(index)), axisLine: { show: false }, axisTick: { show: false },
      axisLabel: { ...label, show: !narrow, color: LIGHT.text, formatter: (index: string) => fit(lanes[Number(index)] ?? '', (left - 16) / CHARACTER) },
    },
    series: [
      custom(scale.waits.map((wait) => [wait.from, 0, wait]), ([from, , wait], api, { coordSys }) => {
        const [x0] = api.coord([from, 0]);
        const [x1] = api.coord([wait.to, 0]);
        return [
          { type: 'rect', shape: { x: x0 + 2, y: coordSys.y, width: Math.max(1, x1 - x0 - 4), height: coordSys.height }, style: { fill: LIGHT.raised } },
          ...(narrow || x1 - x0 < formatDuration(wait.ms).length * CHARACTER ? [] : [text(formatDuration(wait.ms), (x0 + x1) / 2, coordSys.y + coordSys.height + 12, { fill: LIGHT.soft, align: 'center', fontSize: 11 })]),
        ];
      }),
      ...(narrow ? [custom(lanes.map((lane, index) => [0, index, lane]), ([, index, lane], api) => {
        const [x, y] = api.coord([0, index]);
        return [text(fit(lane, (width - 20) / CHARACTER), x, y - 14, { fill: LIGHT.text, align: 'left', fontSize: 12 })];
      })] : []),
      custom(spans.map((span) => [scale.at(span.from), lanes.indexOf(span.lane), span]), ([place, index, span], api) => {
        const [x0, y0] = api.coord([place, index]);
        const [x1] = api.coord([scale.at(span.to), index]);
        const y = y0 + (narrow ? 6 : 0);
        const long = Math.max(3, x1 - x0 - 1);
        return [
          { type: 'rect', shape: { x: x0, y: y - BAR / 2, width: long, height: BAR, r: 2 }, style: { fill: LIGHT[span.status] } },
          ...(span.label.length * CHARACTER < long - 6 ? [text(span.label, x0 + 5, y, { fill: LIGHT.onColour, align: 'left', fontSize: 11 })] : []),
        ];
      }),
    ],
  });
}

/** The times of the answers, step by step, a mark for each release; undefined when nothing was timed. */
export function responseTimes(samples: readonly Sample[], width: number): string | undefined {
  const { steps, releases } = resultsOf(samples);
  if (steps.length === 0) return undefined;
  const narrow = width < 600;
  const left = narrow ? 6 : 250;
  const row = narrow ? 46 : 30;
  const { split, label, base } = frame();
  const value = ([step, release]: [string, string]): readonly number[] => samples.filter((one) => one.step === step && one.release === release).map(({ ms }) => ms);
  const colours = releases.length === 1 ? [LIGHT.accent] : [...releases.slice(1).map(() => LIGHT.before), LIGHT.accent];
  const most = Math.max(...samples.map(({ ms }) => ms), 1);
  return draw(width, steps.length * row + 34, `Response times of ${steps.length} steps`, {
    ...base,
    grid: { left, right: narrow ? 20 : 40, top: 4, bottom: 30 },
    xAxis: { type: 'value', min: 0, max: nice(most), splitNumber: narrow ? 3 : 6, splitLine: split, axisLabel: { ...label, formatter: (ms: number) => (ms === 0 ? '0' : formatDuration(ms)) } },
    yAxis: {
      type: 'category', inverse: true, data: steps.map((_, index) => String(index)), axisLine: { show: false }, axisTick: { show: false },
      axisLabel: { ...label, show: !narrow, color: LIGHT.text, formatter: (index: string) => fit(steps[Number(index)] ?? '', (left - 16) / CHARACTER) },
    },
    series: [custom(steps.map((step, index) => [0, index, step]), ([, index, step], api, { coordSys }) => {
      const [, y0] = api.coord([0, index]);
      const y = y0 + (narrow ? 6 : 0);
      const found = releases.map((release) => value([step, release]));
      const marks = found.flatMap((times, order) => {
        if (times.length === 0) return [];
        const fill = colours[order] ?? LIGHT.accent;
        const at = (ms: number): number => api.coord([ms, index])[0];
        const range = times.length > 1 ? [{ type: 'line', shape: { x1: at(Math.min(...times)), y1: y, x2: at(Math.max(...times)), y2: y }, style: { stroke: fill, lineWidth: 3, opacity: 0.5 } }] : [];
        const newest = order === releases.length - 1;
        return [...range, { type: 'circle', shape: { cx: at(median(times)), cy: y, r: newest ? 5.5 : 4.5 }, style: newest ? { fill } : { fill: LIGHT.page, stroke: fill, lineWidth: 2 } }];
      });
      return [
        { type: 'line', shape: { x1: coordSys.x, y1: y, x2: coordSys.x + coordSys.width, y2: y }, style: { stroke: LIGHT.line, lineWidth: 1 } },
        ...(narrow ? [text(fit(step, (width - 20) / CHARACTER), coordSys.x, y - 18, { fill: LIGHT.text, align: 'left', fontSize: 12 })] : []),
        ...marks,
      ];
    })],
  });
}

/** A series that draws itself; what it draws from stays ours, ECharts sees places only. */
function custom<T>(items: readonly (readonly [number, number, T])[], shapes: (item: readonly [number, number, T], api: Api, params: Params) => readonly Shape[]): Shape {
  return {
    type: 'custom', silent: true, clip: false, data: items.map(([x, y]) => [x, y]), encode: { x: 0, y: 1 },
    renderItem: (params: Params & { dataIndex: number }, api: Api) => {
      const item = items[params.dataIndex];
      return { type: 'group', children: item === undefined ? [] : shapes(item, api, params) };
    },
  };
}

function text(content: string, x: number, y: number, style: Shape): Shape {
  return { type: 'text', style: { text: content, x, y, verticalAlign: 'middle', fontFamily: FONT, ...style } };
}

function frame(): { split: Shape; label: Shape; base: Shape } {
  return {
    split: { lineStyle: { color: LIGHT.line } },
    label: { color: LIGHT.soft, fontSize: 12, fontFamily: FONT },
    base: { animation: false, backgroundColor: 'transparent', textStyle: { fontFamily: FONT, color: LIGHT.text } },
  };
}

function draw(width: number, height: number, alt: string, option: EChartsCoreOption): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption(option);
    return chart.renderToSVGString().replace(/<svg [^>]*>/, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="${alt}">`);
  } finally {
    chart.dispose();
  }
}

/** Text from anywhere on one line of so many columns. */
function fit(content: string, columns: number): string {
  return truncate(stripControls(content).replace(/\s+/g, ' '), Math.floor(columns));
}

function clockAt(ms: number | undefined): string {
  return ms === undefined ? '' : new Date(ms).toISOString().slice(11, 19);
}

/** The next round number above. */
function nice(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value) ?? value;
}
