import type { Evidence } from './record.js';

/** Characters XML 1.0 cannot hold in any form (section 2.2), lone surrogates among them. */
 
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

function escapeXml(text: string): string {
  return text.replace(NOT_XML, '').replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** Line breaks in an attribute are turned into spaces by a reader unless they are written as references. */
function attribute(name: string, value: string): string {
  return ` ${name}="${escapeXml(value).replace(/\r/g, '&#13;').replace(/\n/g, '&#10;').replace(/\t/g, '&#9;')}"`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function explanation(record: Evidence): string {
  return [
    record.expected === undefined ? '' : `expected: ${record.expected}`,
    record.observed === undefined ? '' : `observed: ${record.observed}`,
    record.remedy === undefined ? '' : `remedy: ${record.remedy}`,
  ].filter((line) => line !== '').join('\n');
}

function outcome(record: Evidence): string {
  const text = explanation(record);
  switch (record.status) {
    case 'fail':
      return `\n      <failure${attribute('message', record.observed ?? record.title)}${attribute('type', record.id)}>${escapeXml(text)}</failure>\n    `;
    case 'skip':
      return `\n      <skipped${attribute('message', record.observed ?? '')}/>\n    `;
    case 'warn':
      return `\n      <system-out>${escapeXml(`warning\n${text}`)}</system-out>\n    `;
    case 'pass':
      return '';
  }
}

function testcase(record: Evidence): string {
  const attributes = attribute('classname', record.id) + attribute('name', `${record.title} (${record.subject})`) + attribute('time', seconds(record.duration));
  const body = outcome(record);
  return body === '' ? `    <testcase${attributes}/>` : `    <testcase${attributes}>${body}</testcase>`;
}

/** The records as one JUnit suite in XML 1.0: a warning is a passed case with a note. The records must be redacted. */
export function renderJUnit(suiteName: string, records: readonly Evidence[]): string {
  const count = (status: Evidence['status']): number => records.filter((record) => record.status === status).length;
  const time = seconds(records.reduce((sum, { duration }) => sum + duration, 0));
  const counts = attribute('tests', String(records.length)) + attribute('failures', String(count('fail'))) + attribute('errors', '0')
    + attribute('skipped', String(count('skip'))) + attribute('time', time);
  const start = records[0] === undefined ? '' : attribute('timestamp', records[0].at.replace(/\.\d+Z$/, ''));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attribute('name', suiteName)}${counts}>`,
    `  <testsuite${attribute('name', suiteName)}${counts}${start}>`,
    ...records.map(testcase),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}
