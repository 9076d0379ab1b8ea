import type { Report } from './model.js';
import { messageOf, short, SIGNS, type Message } from './message.js';

export const SERVICES = ['slack', 'teams', 'discord', 'json'] as const;
export type Service = (typeof SERVICES)[number];

/** The body of the request to a webhook. */
export function webhookBody(service: Service, report: Report): unknown {
  switch (service) {
    case 'slack': return slack(messageOf(report));
    case 'teams': return teams(messageOf(report));
    case 'discord': return discord(messageOf(report));
    case 'json': return plain(report);
  }
}

/**
 * Slack, an incoming webhook: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks. Texts from elsewhere
 * stand in `plain_text`, which knows no markup and no mentions; `text`, shown in notifications, has the three characters escaped
 * that mean something: https://docs.slack.dev/messaging/formatting-message-text. Limits: header 150 characters, text 3000,
 * ten fields of 2000: https://docs.slack.dev/reference/block-kit/blocks.
 */
export function slack({ title, verdict, outcome, facts, failures, links }: Message): unknown {
  const text = (content: string, limit: number): unknown => ({ type: 'plain_text', text: short(content, limit), emoji: false });
  const escaped = (content: string): string => content.replace(/[&<>]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character] ?? '');
  return {
    text: escaped(short(`${SIGNS[verdict]} ${title}: ${outcome}`, 1000)),
    blocks: [
      { type: 'header', text: text(`${SIGNS[verdict]} ${title}`, 150) },
      { type: 'section', text: text(outcome, 2900) },
      { type: 'section', fields: facts.slice(0, 10).map(([name, value]) => text(`${name}: ${value}`, 1900)) },
      ...failures.map((failure) => ({ type: 'section', text: text(`✗ ${failure}`, 1000) })),
      // Between < and | stands an address: the characters that would end it are written as a URL writes them.
      ...(links.length === 0 ? [] : [{ type: 'context', elements: [{ type: 'mrkdwn', text: links.map(({ text: name, url }) => `<${escaped(url.replaceAll('|', '%7C'))}|${escaped(name.replace(/[|*_~`]/g, ' '))}>`).join(' · ') }] }]),
    ],
  };
}

/**
 * Microsoft Teams, a webhook of Workflows ("When a Teams webhook request is received"): a message with one Adaptive Card,
 * https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using. A TextBlock and a
 * Fact read Markdown; a TextRun does not, so texts from elsewhere stand in these:
 * https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/cards-format. At most 28 kB.
 */
export function teams({ title, verdict, outcome, facts, failures, links }: Message): unknown {
  const COLOURS = { pass: 'good', warn: 'warning', fail: 'attention', skip: 'default' } as const;
  const line = (...inlines: unknown[]): unknown => ({ type: 'RichTextBlock', inlines });
  const run = (text: string, rest: Record<string, unknown> = {}): unknown => ({ type: 'TextRun', text, ...rest });
  return {
    type: 'message',
    attachments: [{
      contentType: 'application/vnd.microsoft.card.adaptive',
      contentUrl: null,
      content: {
        $schema: 'http://adaptivecards.io/schemas/adaptive-card.json', type: 'AdaptiveCard', version: '1.4',
        body: [
          line(run(short(`${SIGNS[verdict]} ${title}`, 200), { size: 'large', weight: 'bolder', color: COLOURS[verdict] })),
          line(run(short(outcome, 1000))),
          ...facts.map(([name, value]) => line(run(`${name}: `, { weight: 'bolder' }), run(short(value, 500)))),
          ...failures.map((failure) => line(run(short(`✗ ${failure}`, 600), { color: 'attention' }))),
        ],
        actions: links.map(({ text, url }) => ({ type: 'Action.OpenUrl', title: short(text, 60), url })),
      },
    }],
  };
}

/**
 * Discord: https://discord.com/developers/docs/resources/webhook#execute-webhook with one embed, within its limits (title 256,
 * description 4096, 25 fields of 256 and 1024, 6000 in all): https://discord.com/developers/docs/resources/message#embed-limits.
 * Markdown is escaped and nobody is mentioned: https://discord.com/developers/docs/resources/message#allowed-mentions-object.
 */
export function discord({ title, verdict, outcome, facts, failures, links, at }: Message): unknown {
  const COLOURS = { pass: 0x1a7f37, warn: 0x9a6700, fail: 0xcf222e, skip: 0x818b98 } as const;
  const escaped = (text: string, limit: number): string => short(short(text, limit).replace(/[\\*_~`|>[\]()#<@:-]/g, (character) => `\\${character}`), limit * 2);
  return {
    allowed_mentions: { parse: [] },
    embeds: [{
      title: escaped(`${SIGNS[verdict]} ${title}`, 120),
      description: [escaped(outcome, 400), ...failures.map((failure) => `✗ ${escaped(failure, 200)}`)].join('\n'),
      color: COLOURS[verdict],
      ...(links[0] === undefined ? {} : { url: links[0].url }),
      fields: facts.map(([name, value]) => ({ name, value: escaped(value, 150), inline: value.length < 40 })),
      timestamp: at.toISOString(),
    }],
  };
}

/** A form of our own for programs: docs/report.md. Nothing is escaped but by JSON. */
export function plain(report: Report): unknown {
  const { title, app, environment, url, verdict, outcome, release, digest, tag, actor, run, from, to, made, releases, signOffs, records, rollback } = report;
  const count = (status: string): number => records.filter((record) => record.status === status).length;
  return {
    version: 1, title, app, environment, url, verdict, outcome, release, digest, tag, actor, run,
    ...(Number.isFinite(from) ? { from: new Date(from).toISOString(), to: new Date(to).toISOString() } : {}), at: made.toISOString(),
    counts: { passed: count('pass'), warned: count('warn'), failed: count('fail'), skipped: count('skip') },
    failures: records.filter(({ status }) => status === 'fail').slice(0, 50).map(({ id, title: what, subject, expected, observed, remedy }) => ({ id, title: what, subject, expected, observed, remedy })),
    releases, signOffs, rollback: rollback.command,
  };
}
