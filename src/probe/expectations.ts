import { STATUS_CODES } from 'node:http';
import { compares } from '../config/comparison.js';
import type { Expect, StatusExpectation } from '../config/schema.js';
import { formatBytes, formatDuration } from '../evidence/format.js';
import type { Answer } from './answer.js';
import type { Finding } from './finding.js';
import { checkJson, valuesAt } from './json-expectations.js';
import { redirectTarget, showUrl } from './follow.js';
import { isPrivateName, scrub } from './scrub.js';

function statusMatches(expected: StatusExpectation, status: number): boolean {
  if (typeof expected === 'string') return Math.floor(status / 100) === Number(expected[0]);
  return Array.isArray(expected) ? expected.includes(status) : expected === status;
}

function showStatus(expected: StatusExpectation): string {
  return Array.isArray(expected) ? expected.join(' or ') : String(expected);
}

function checkStatus(answer: Answer, expect: Expect): Finding[] {
  const { status } = answer.exchange;
  const target = redirectTarget(answer.exchange);
  const reason = STATUS_CODES[status];
  const observed = `status ${status}${reason === undefined ? '' : ` ${reason}`}${target === undefined ? '' : ` → ${scrub(showUrl(target))}`}`;
  const wanted = expect.status ?? (expect.notStatus === undefined ? '2xx' : undefined);
  const findings: Finding[] = [];
  if (wanted !== undefined) findings.push({ ok: statusMatches(wanted, status), expected: `status ${showStatus(wanted)}`, observed, kind: 'status' });
  if (expect.notStatus !== undefined) {
    findings.push({ ok: !statusMatches(expect.notStatus, status), expected: `status other than ${showStatus(expect.notStatus)}`, observed, kind: 'status' });
  }
  return findings;
}

function checkHeaders(answer: Answer, expect: Expect): Finding[] {
  return Object.entries(expect.headers ?? {}).map(([name, expected]) => {
    const value = answer.header(name);
    const shown = value === undefined ? `${name} is absent` : `${name}: ${isPrivateName(name) ? '***' : scrub(value)}`;
    const finding = (ok: boolean, text: string): Finding => ({ ok, expected: text, observed: shown, kind: 'header' });
    if (typeof expected === 'string') return finding(value?.trim() === expected.trim(), `${name}: ${expected}`);
    if (expected.matches !== undefined) return finding(value !== undefined && new RegExp(expected.matches, 'u').test(value), `${name} matches /${expected.matches}/`);
    return finding(value === undefined, `${name} is absent`);
  });
}

function checkText(answer: Answer, expect: Expect): Finding[] {
  if (expect.text === undefined) return [];
  const { contains, absent, matches } = expect.text;
  const body = answer.text;
  const beyond = answer.exchange.truncated ? ` in the first ${formatBytes(answer.exchange.body.length)}` : '';
  const finding = (ok: boolean, expected: string, observed: string): Finding => ({ ok, expected, observed, kind: 'body' });
  return [
    ...contains.map((part) => finding(body.includes(part), `body contains “${part}”`, `“${part}” is not in the body${beyond}`)),
    // What was not read may hold it: that is no pass.
    ...absent.map((part) => finding(!body.includes(part) && !answer.exchange.truncated, `body without “${part}”`,
      body.includes(part) ? `“${part}” is in the body` : `the body is too large to be sure: only its first ${formatBytes(answer.exchange.body.length)} were read`)),
    ...matches.map((source) => finding(new RegExp(source, 'u').test(body), `body matches /${source}/`, `/${source}/ matches nowhere in the body${beyond}`)),
  ];
}

function checkSize(answer: Answer, expect: Expect): Finding[] {
  if (expect.size === undefined) return [];
  const { body, truncated } = answer.exchange;
  const { operator } = expect.size;
  // Of a body that was cut only a lower bound is known.
  const ok = compares(expect.size, body.length) && (!truncated || operator === '>' || operator === '>=');
  return [{ ok, expected: `body ${expect.size.text}`, observed: `body of ${truncated ? 'more than ' : ''}${formatBytes(body.length)}`, kind: 'body' }];
}

function checkType(answer: Answer, expect: Expect): Finding[] {
  if (expect.type === undefined) return [];
  const wanted = expect.type.toLowerCase();
  const ok = wanted.endsWith('/*') ? answer.type?.startsWith(wanted.slice(0, -1)) === true : answer.type === wanted;
  return [{ ok, expected: `content type ${expect.type}`, observed: `content type ${answer.type ?? 'not given'}`, kind: 'header' }];
}

function checkTime(answer: Answer, expect: Expect): Finding[] {
  if (expect.within === undefined) return [];
  return [{ ok: answer.time <= expect.within, expected: `answer within ${formatDuration(expect.within)}`, observed: `answer after ${formatDuration(answer.time)}`, kind: 'time' }];
}

function checkRelease(answer: Answer, expect: Expect, release: string | undefined): Finding[] {
  if (expect.release === undefined || release === undefined) return [];
  const expected = `release ${release} answers (${expect.release})`;
  let found: unknown;
  try {
    found = expect.release.startsWith('$') ? valuesAt(answer.json, expect.release)[0] : answer.header(expect.release.slice('header:'.length));
  } catch (error) {
    return [{ ok: false, expected, observed: (error as Error).message, kind: 'release' }];
  }
  const shown = found === undefined ? `${expect.release} is absent` : `release ${scrub(typeof found === 'string' ? found : JSON.stringify(found))} answers`;
  return [{ ok: typeof found === 'string' && found.trim() === release, expected, observed: shown, kind: 'release' }];
}

/**
 * Holds all expectations of a step, variables filled in, against its answer. Without a word on the status it must be
 * 2xx. The release is compared only when it is known (`release` given).
 */
export function checkExpectations(answer: Answer, expect: Expect, release: string | undefined): Finding[] {
  return [
    ...checkStatus(answer, expect),
    ...checkType(answer, expect),
    ...checkHeaders(answer, expect),
    ...checkRelease(answer, expect, release),
    ...Object.entries(expect.json ?? {}).flatMap(([path, expected]) => checkJson(answer, path, expected)),
    ...checkText(answer, expect),
    ...checkSize(answer, expect),
    ...checkTime(answer, expect),
  ];
}
