import { DARK, FONT, LIGHT } from './palette.js';

const names = Object.keys(LIGHT) as (keyof typeof LIGHT)[];
const variables = (colours: Record<keyof typeof LIGHT, string>): string => names.map((name) => `--${name}:${colours[name]}`).join(';');

/** Plots are drawn in the light colours; these rules give them the dark ones. */
const plots = names.map((name) => `svg [fill="${LIGHT[name]}"]{fill:${DARK[name]}}svg [stroke="${LIGHT[name]}"]{stroke:${DARK[name]}}`).join('');

/** The style sheet of the page: light and dark, for screens of any width and for paper. No address in it. */
export const STYLE = `
:root{color-scheme:light dark;${variables(LIGHT)}}
@media screen and (prefers-color-scheme:dark){:root{${variables(DARK)}}${plots}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 ${FONT};-webkit-text-size-adjust:100%}
main{max-width:1080px;margin:0 auto;padding:24px 20px 64px}
h1{font-size:24px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:18px;margin:40px 0 10px;padding-bottom:6px;border-bottom:1px solid var(--line)}
h3{font-size:15px;margin:22px 0 8px}
p{margin:6px 0;overflow-wrap:anywhere}
a{color:var(--accent)}
.soft{color:var(--soft)}
code,pre{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{margin:8px 0;padding:10px 12px;background:var(--raised);border:1px solid var(--line);border-radius:6px;white-space:pre-wrap}
header{border-left:6px solid var(--skip);padding:2px 0 2px 16px}
header.pass{border-color:var(--pass)}header.warn{border-color:var(--warn)}header.fail{border-color:var(--fail)}
.verdict{font-size:16px;overflow-wrap:anywhere}
.mark{display:inline-block;min-width:76px;padding:1px 8px;border-radius:10px;color:var(--onColour);font-size:12px;line-height:18px;text-align:center;white-space:nowrap}
.mark.pass{background:var(--pass)}.mark.warn{background:var(--warn)}.mark.fail{background:var(--fail)}.mark.skip{background:var(--skip)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:14px 0 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse;margin:8px 0}
th,td{padding:7px 12px 7px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:anywhere;white-space:pre-line}
th{color:var(--soft);font-weight:600;font-size:13px;white-space:nowrap}
td.tight{white-space:nowrap}
.long{max-height:300px;overflow:auto;white-space:pre-line}
table.checks{table-layout:fixed}
.checks th:nth-child(1){width:96px}.checks th:nth-child(2){width:25%}.checks th:nth-child(3){width:19%}.checks th:nth-child(6){width:76px}
tr.remedy td{border-bottom:1px solid var(--line);padding-top:0;white-space:pre-line}
tr.open td{border-bottom:0}
details{margin:8px 0}
summary{cursor:pointer;color:var(--soft)}
figure{margin:10px 0;overflow:hidden}
figure svg{display:block;max-width:100%;height:auto}
figcaption{color:var(--soft);font-size:13px;margin-top:4px}
.narrow{display:none}
.key{display:inline-block;width:11px;height:11px;border-radius:50%;margin-right:6px}
.key.now{background:var(--accent)}.key.then{border:2px solid var(--before)}
ul.keys{list-style:none;padding:0;margin:6px 0;font-size:13px}
footer{margin-top:48px;color:var(--soft);font-size:13px}
@media (min-width:900px){td.short{white-space:nowrap}}
@media (max-width:640px){
main{padding:16px 14px 40px}h1{font-size:20px}
.wide{display:none}.narrow{display:block}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:8px}
thead{display:none}
table,tbody,tr,td,td.tight{display:block;width:auto;white-space:pre-line}
tr{padding:8px 0;border-bottom:1px solid var(--line)}tr.open{border-bottom:0;padding-bottom:0}
td,tr.remedy td{border:0;padding:1px 0}
td:empty{display:none}
td[data-label]::before{content:attr(data-label) ": ";color:var(--soft)}
}
@media print{
main{max-width:none;padding:0}body{font-size:11px}
h2{margin-top:20px}tr,figure{break-inside:avoid}h2,h3{break-after:avoid}
.long{max-height:none}
.mark{border:1px solid var(--text);color:var(--text);background:none!important}
a{color:inherit;text-decoration:none}svg{print-color-adjust:exact}
}
`.replace(/\n/g, '');
