import { afterEach, describe, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sendWebhooks, webhooksOf } from '../../src/commands/report-send.js';
import { notesSection, mermaid, reportSummary } from '../../src/report/markdown.js';
import { SERVICES, webhookBody } from '../../src/report/webhooks.js';
import { HOSTILE, record, report, WENT_BACK } from './support.js';

const hostile = report(WENT_BACK.map((one) => ({ ...one, title: HOSTILE, subject: HOSTILE, observed: HOSTILE })), { app: HOSTILE, title: HOSTILE, actor: HOSTILE, run: `https://example.com/a|b>c` });

/** Every text in a body that stands under one of these names. */
function texts(value: unknown, names: readonly string[], within: string[] = []): string[] {
  if (typeof value !== 'object' || value === null) return within;
  for (const [key, item] of Object.entries(value)) {
    if (typeof item === 'string' && names.includes(key)) within.push(item);
    texts(item, names, within);
  }
  return within;
}

describe('messages', () => {
  test('to Slack: text from elsewhere is plain text, and what is not has its special characters escaped', () => {
    const body = webhookBody('slack', hostile) as { text: string; blocks: { type: string; text?: { type: string; text: string }; elements?: { type: string; text: string }[] }[] };
    expect(body.text).not.toMatch(/[<>]/);
    expect(body.blocks[0]).toMatchObject({ type: 'header', text: { type: 'plain_text' } });
    expect(body.blocks[0]!.text!.text.length).toBeLessThanOrEqual(150);
    for (const { text } of body.blocks) if (text !== undefined) expect(text.type).toBe('plain_text');
    expect(JSON.stringify(webhookBody('slack', report()))).toContain('<https://github.com/acme/shop/actions/runs/42|The run>');
  });

  test('to Teams: a message with one adaptive card whose texts know no Markdown', () => {
    const body = webhookBody('teams', hostile) as { type: string; attachments: { contentType: string; content: { type: string; body: { type: string; inlines: { type: string }[] }[] } }[] };
    expect(body).toMatchObject({ type: 'message', attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: { type: 'AdaptiveCard' } }] });
    expect(body.attachments[0]!.content.body.every(({ type, inlines }) => type === 'RichTextBlock' && inlines.every((one) => one.type === 'TextRun'))).toBe(true);
    expect(JSON.stringify(body).length).toBeLessThan(28_000);
  });

  test('to Discord: Markdown is escaped, nobody is mentioned, the limits hold', () => {
    const body = webhookBody('discord', hostile) as { allowed_mentions: unknown; embeds: { title: string; description: string; fields: { value: string }[] }[] };
    expect(body.allowed_mentions).toEqual({ parse: [] });
    for (const text of texts(body, ['title', 'description', 'value'])) expect(text).not.toMatch(/(?<!\\)[*`[\]<>@]/);
    const [embed] = body.embeds;
    expect(embed!.title.length).toBeLessThanOrEqual(256);
    expect(texts(embed, ['title', 'description', 'name', 'value']).join('').length).toBeLessThanOrEqual(6000);
  });

  test('to programs: verdict, counts and failures in a form of our own', () => {
    expect(webhookBody('json', report())).toMatchObject({ version: 1, verdict: 'fail', counts: { passed: 7, warned: 1, failed: 1, skipped: 0 }, failures: [{ id: 'smoke.version' }], rollback: 'slipway rollback production' });
  });
});

describe('webhooks', () => {
  let server: Server | undefined;
  afterEach(() => new Promise<void>((done) => {
    server?.closeAllConnections();
    if (server === undefined) done(); else server.close(() => done());
    server = undefined;
  }));

  test.each(['gopher https://x.example.com/SECRET', 'slack http://x.example.com/SECRET', 'slack SECRET', 'slack https://x.example.com/SECRET more'])('that are wrong are refused without their text: %s', (line) => {
    expect(() => webhooksOf(`\n${line}`)).toThrow(/line 2/);
    try { webhooksOf(line); } catch (error) { expect(JSON.stringify([(error as Error).message, (error as { remedy?: string }).remedy])).not.toContain('SECRET'); }
  });

  test('that cannot be reached, refuse or redirect are warnings without the address', async () => {
    const got: string[] = [];
    server = createServer((request, response) => {
      got.push(request.url ?? '');
      response.writeHead(request.url === '/good/SECRET' ? 204 : request.url === '/moved/SECRET' ? 302 : 404, { location: '/elsewhere' }).end();
    });
    await new Promise<void>((done) => server!.listen(0, '127.0.0.1', done));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const said: string[] = [];
    const reporter = { step: (_: string, text: string) => said.push(text), warn: (text: string) => said.push(text) } as never;
    await sendWebhooks({ reporter, signal: new AbortController().signal }, report(), webhooksOf([...['good', 'gone', 'moved'].map((path) => `json ${base}/${path}/SECRET`), 'slack http://127.0.0.1:1/SECRET'].join('\n')));
    expect(said.sort()).toEqual([
      'webhook 1 (json): sent', 'webhook 2 (json): not sent: answered 404', 'webhook 3 (json): not sent: the connection failed, or it was answered with a redirection',
      expect.stringMatching(/^webhook 4 \(slack\): not sent: /),
    ]);
    expect(said.join()).not.toMatch(/SECRET|127\.0\.0\.1/);
    expect(got.sort()).toEqual(['/gone/SECRET', '/good/SECRET', '/moved/SECRET']);
  });

  test('are of four kinds', () => {
    expect(webhooksOf(SERVICES.map((name) => `${name} https://x.example.com/`).join('\n'))).toHaveLength(4);
  });
});

describe('Markdown', () => {
  test('the summary has the verdict first, the time line drawn and as a table, and stays below 1 MiB', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => record(`preflight.x${index}`, index, { status: 'fail', observed: 'x'.repeat(200) }));
    const text = reportSummary(report([...WENT_BACK, ...many]));
    expect(Buffer.byteLength(text)).toBeLessThan(1024 * 1024);
    expect(text).toMatch(/^## ❌ Release v1\.2\.0 of shop to production: failed/);
    expect(text).toContain('### Time line');
    expect(text).toContain('```mermaid\ngantt\n');
  });

  test('hostile names do not leave their line of the drawing', () => {
    const drawing = mermaid(hostile);
    for (const line of drawing.split('\n').slice(4, -2)) expect(line).toMatch(/^ {2}section [^:;#<]+$|^ {4}[^:;#<]+ :(done, |crit, |active, )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, \d+s$/);
  });

  test('notes of a release tell release, hosts and the way back, and hold no markup from elsewhere', () => {
    expect(notesSection(report())).toContain('- To roll back: <code>slipway rollback production</code>');
    expect(notesSection(hostile)).not.toMatch(/<script|<img|<!|@everyone/);
  });
});
