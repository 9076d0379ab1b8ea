/** The plots of docs/performance.md: SVG made by ECharts without a browser, once for light and once for dark pages. */
import * as echarts from 'echarts';
import { median } from './bars.mjs';

/** Without quotes: ECharts writes it into an attribute as it stands. */
const FONT = 'system-ui, -apple-system, Segoe UI, Noto Sans, Helvetica, Arial, sans-serif';

/** Colours of GitHub's own pages; the accents keep a contrast of 3:1 and more against both backgrounds. */
const THEMES = {
  light: { text: '#1f2328', soft: '#59636e', line: '#d1d9e0', own: ['#0550ae', '#54a0ff'], others: ['#6e7781', '#b4bcc5'], bad: '#cf222e' },
  dark: { text: '#f0f6fc', soft: '#9198a1', line: '#3d444d', own: ['#58a6ff', '#1f6feb'], others: ['#9aa4b0', '#5d6671'], bad: '#f85149' },
};

const SHORT = {
  'slipway-cli': 'Slipway', rsync: 'rsync --link-dest + ssh', tar: 'tar | ssh', capistrano: 'Capistrano', ansible: 'Ansible',
  'slipway-pm2': 'Slipway, PM2', 'slipway-systemd': 'Slipway, systemd', 'pm2-reload': 'pm2 reload', 'pm2-restart': 'pm2 restart', 'systemctl-restart': 'systemctl restart',
};

/** @returns {Record<string, string>} file name → SVG, for the parts that were run */
export function charts(results) {
  const files = {};
  for (const [theme, colours] of Object.entries(THEMES)) {
    const made = {
      ...(results.deploy && { deploy: deployChart(results.deploy, colours) }),
      ...(results.load && { load: loadChart(results.load, colours) }),
      ...(results.hosts && { hosts: hostsChart(results.hosts, colours) }),
    };
    for (const [name, chart] of Object.entries(made)) files[`performance-${name}-${theme}.svg`] = render(chart);
  }
  return files;
}

function render({ height, alt, ...option }) {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 860, height });
  chart.setOption({ animation: false, backgroundColor: 'transparent', ...option });
  // Ids count up over a process; in a document of its own each picture may begin anew.
  const svg = chart.renderToSVGString().replace(/zr\d+-/g, 'zr-');
  chart.dispose();
  return `${svg.replace('<svg ', `<svg role="img" aria-label="${alt}" `)}\n`;
}

const frame = (colours) => ({
  textStyle: { fontFamily: FONT, color: colours.text },
  axis: { axisLine: { show: false }, axisTick: { show: false }, axisLabel: { color: colours.text, fontSize: 13, fontFamily: FONT } },
  value: { splitLine: { lineStyle: { color: colours.line } }, axisLabel: { color: colours.soft, fontSize: 12, fontFamily: FONT } },
  title: (text, subtext, left, top = 8) => ({
    text, subtext, left, top, padding: 0, itemGap: 5,
    textStyle: { color: colours.text, fontSize: 15, fontWeight: 600, fontFamily: FONT }, subtextStyle: { color: colours.soft, fontSize: 12, fontFamily: FONT },
  }),
});

/** A line from the least to the most of the samples, drawn over a horizontal bar. */
function whiskers(index, ranges, colours, offset) {
  return {
    type: 'custom', xAxisIndex: index, yAxisIndex: index, silent: true, z: 5,
    data: ranges.map(([least, most], row) => [least, most, row]),
    encode: { x: [0, 1], y: 2 },
    renderItem: (_, api) => {
      const [from, y] = api.coord([api.value(0), api.value(2)]);
      const [to] = api.coord([api.value(1), api.value(2)]);
      const line = (x1, y1, x2, y2) => ({ type: 'line', shape: { x1, y1, x2, y2 }, style: { stroke: colours.text, lineWidth: 1.2, opacity: 0.75 } });
      const at = y + offset;
      return { type: 'group', children: [line(from, at, to, at), line(from, at - 3, from, at + 3), line(to, at - 3, to, at + 3)] };
    },
  };
}

/** First and delta deploys, for each tool at both round trips. */
function deployChart({ samples }, colours) {
  const style = frame(colours);
  const tools = ['slipway-cli', 'rsync', 'tar', 'capistrano', 'ansible'];
  const panels = [['delta', 'Delta deploy', '1 % of the files changed'], ['first', 'First deploy', 'into an empty folder']];
  const of = (what, rtt, tool) => samples.filter((one) => one.what === what && one.rtt === rtt && one.tool === tool).map(({ ms }) => ms / 1000);
  return {
    height: 380,
    alt: 'Bars: seconds of a delta deploy and of a first deploy for Slipway, rsync, tar, Capistrano and Ansible at round trips of 0 and 50 ms',
    textStyle: style.textStyle,
    title: panels.map(([, title, sub], index) => style.title(title, sub, index === 0 ? 160 : 540)),
    grid: [{ left: 160, width: 330, top: 60, bottom: 62 }, { left: 540, width: 285, top: 60, bottom: 62 }],
    legend: {
      bottom: 0, left: 160, itemWidth: 12, itemHeight: 12, itemGap: 24, selectedMode: false, textStyle: { color: colours.soft, fontSize: 12, fontFamily: FONT },
      data: ['RTT 50 ms', 'RTT 0'].map((name, index) => ({ name, itemStyle: { color: colours.others[index] } })),
    },
    xAxis: panels.map((_, index) => ({ type: 'value', gridIndex: index, min: 0, splitNumber: 4, ...style.value, axisLabel: { ...style.value.axisLabel, formatter: '{value} s' } })),
    yAxis: panels.map((_, index) => ({
      type: 'category', gridIndex: index, inverse: true, data: tools.map((tool) => SHORT[tool]), ...style.axis,
      axisLabel: { ...style.axis.axisLabel, show: index === 0, rich: { own: { fontWeight: 700, fontSize: 13, color: colours.text, fontFamily: FONT } }, formatter: (name) => (name === 'Slipway' ? `{own|${name}}` : name) },
    })),
    series: panels.flatMap(([what], index) => [50, 0].flatMap((rtt, shade) => [
      {
        name: rtt === 50 ? 'RTT 50 ms' : 'RTT 0', type: 'bar', silent: true, xAxisIndex: index, yAxisIndex: index, barWidth: 15, barGap: '15%',
        data: tools.map((tool) => ({ value: Number(median(of(what, rtt, tool)).toFixed(3)), itemStyle: { color: (tool === 'slipway-cli' ? colours.own : colours.others)[shade], borderRadius: [0, 3, 3, 0] } })),
      },
      whiskers(index, tools.map((tool) => [Math.min(...of(what, rtt, tool)), Math.max(...of(what, rtt, tool))]), colours, rtt === 50 ? -8.5 : 8.5),
    ])),
  };
}

/** Lost requests and p99 through a deploy and a bad one. */
function loadChart({ samples }, colours) {
  const style = frame(colours);
  const ways = ['slipway-pm2', 'slipway-systemd', 'pm2-reload', 'pm2-restart', 'systemctl-restart'];
  const panels = [['lost', 'Requests lost', 'of 20,000 and more in each phase'], ['p99', 'p99 of the answers', 'milliseconds, logarithmic']];
  const value = (way, what, name) => {
    const found = samples.filter((one) => one.way === way && one.what === what).map((one) => one[name]);
    return found.length === 0 ? null : Number(median(found).toFixed(1));
  };
  const text = (number) => (number === null ? '' : number.toLocaleString('en-US'));
  return {
    height: 380,
    alt: 'Bars: requests lost and p99 through a deploy and a bad deploy for Slipway, pm2 reload, pm2 restart and systemctl restart',
    textStyle: style.textStyle,
    title: panels.map(([, title, sub], index) => style.title(title, sub, index === 0 ? 160 : 540)),
    grid: [{ left: 160, width: 310, top: 60, bottom: 62 }, { left: 540, width: 270, top: 60, bottom: 62 }],
    legend: {
      bottom: 0, left: 160, itemWidth: 12, itemHeight: 12, itemGap: 24, selectedMode: false, textStyle: { color: colours.soft, fontSize: 12, fontFamily: FONT },
      data: ['deploy', 'bad deploy'].map((name, index) => ({ name, itemStyle: { color: colours.others[index] } })),
    },
    xAxis: panels.map(([name], index) => ({ type: name === 'p99' ? 'log' : 'value', gridIndex: index, min: name === 'p99' ? 1 : 0, splitNumber: 4, ...style.value })),
    yAxis: panels.map((_, index) => ({
      type: 'category', gridIndex: index, inverse: true, data: ways.map((way) => SHORT[way]), ...style.axis,
      axisLabel: { ...style.axis.axisLabel, show: index === 0, rich: { own: { fontWeight: 700, fontSize: 13, color: colours.text, fontFamily: FONT } }, formatter: (name) => (name.startsWith('Slipway') ? `{own|${name}}` : name) },
    })),
    series: panels.flatMap(([name], index) => ['deploy', 'bad deploy'].map((what, shade) => ({
      name: what, type: 'bar', silent: true, xAxisIndex: index, yAxisIndex: index, barWidth: 15, barGap: '15%',
      label: { show: true, position: 'right', color: colours.text, fontSize: 12, fontFamily: FONT, formatter: ({ value: number }) => text(number) },
      data: ways.map((way) => ({ value: value(way, what, name), itemStyle: { color: (way.startsWith('slipway') ? colours.own : colours.others)[shade], borderRadius: [0, 3, 3, 0] } })),
    }))),
  };
}

/** Time and memory against the number of hosts. */
function hostsChart({ samples }, colours) {
  const style = frame(colours);
  const sizes = [...new Set(samples.map(({ hosts }) => hosts))];
  const of = (size, what, name) => median(samples.filter((one) => one.hosts === size && one.what === what).map((one) => one[name]));
  const one = of(1, 'delta', 'ms') / 1000;
  const panels = [
    { title: 'Delta deploy', sub: 'the whole command at 50 ms RTT', values: sizes.map((size) => of(size, 'delta', 'ms') / 1000), unit: ' s', bar: 5 * one, digits: 1 },
    { title: 'Memory at its peak', sub: 'of the process that runs the deploy', values: sizes.map((size) => Math.max(...samples.filter(({ hosts }) => hosts === size).map(({ peak }) => peak)) / 1e6), unit: ' MB', bar: 300, digits: 0 },
  ];
  return {
    height: 320,
    alt: 'Bars: seconds and megabytes for 1, 10 and 50 hosts, with the limits of 5 times one host and 300 MB',
    textStyle: style.textStyle,
    title: panels.map(({ title, sub }, index) => style.title(title, sub, index === 0 ? 60 : 490)),
    grid: [{ left: 60, width: 330, top: 72, bottom: 36 }, { left: 490, width: 330, top: 72, bottom: 36 }],
    xAxis: panels.map((_, index) => ({ type: 'category', gridIndex: index, data: sizes.map((size) => `${size} host${size === 1 ? '' : 's'}`), ...style.axis })),
    yAxis: panels.map(({ unit, bar, values }, index) => ({ type: 'value', gridIndex: index, min: 0, max: nice(Math.max(bar, ...values) * 1.15), splitNumber: 4, ...style.value, axisLabel: { ...style.value.axisLabel, formatter: `{value}${unit}` } })),
    series: panels.map(({ values, unit, bar, digits }, index) => ({
      type: 'bar', silent: true, xAxisIndex: index, yAxisIndex: index, barWidth: 46, itemStyle: { color: colours.own[0], borderRadius: [3, 3, 0, 0] },
      label: { show: true, position: 'top', color: colours.text, fontSize: 13, fontFamily: FONT, formatter: ({ value }) => `${value.toFixed(digits)}${unit}` },
      data: values,
      markLine: {
        silent: true, symbol: 'none', lineStyle: { color: colours.bad, type: 'dashed', width: 1.5 }, data: [{ yAxis: bar }],
        label: { position: 'insideStartTop', color: colours.bad, fontSize: 12, fontFamily: FONT, formatter: index === 0 ? 'limit: 5 × one host' : 'limit: 300 MB' },
      },
    })),
  };
}

/** The next round number above: 1, 2, 2.5 or 5 and a power of ten. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value);
}
