import { like } from './openapi.js';

type Json = Record<string, unknown>;
type Handler = (values: Record<string, string>, query: URLSearchParams, body: Json) => { status: number; body: unknown; paged?: string };

/** Releases and deployments of the fake GitHub, as plain state that a test changes. */
export class FakeReleases {
  releases: { id: number; tag: string; body: string | null }[] = [];
  deployments: { id: number; environment: string; ref: string; statuses: Json[]; made?: Json }[] = [];

  readonly routes: Record<string, Handler> = {
    '/releases/tags/{tag}': ({ tag }) => {
      const release = this.releases.find((one) => one.tag === tag);
      return release === undefined ? notFound() : { status: 200, body: this.bodyOf(release) };
    },
    '/deployments': (_, query) => ({
      status: 200, paged: '',
      body: this.deployments.filter(({ environment, ref }) => environment === query.get('environment') && ref === (query.get('sha') ?? query.get('ref')))
        .map(({ id, environment, ref }) => like('/deployments', '', { id, environment, ref })),
    }),
  };

  readonly writes: Record<string, Handler> = {
    'PATCH /releases/{release_id}': ({ release_id: id }, _, body) => {
      const release = this.releases.find((one) => String(one.id) === id);
      if (release === undefined) return notFound();
      release.body = String(body['body']);
      return { status: 200, body: this.bodyOf(release) };
    },
    'POST /deployments': (_, __, body) => {
      const made = { id: this.deployments.length + 1, environment: String(body['environment']), ref: String(body['ref']), statuses: [], made: body };
      this.deployments.push(made);
      return { status: 201, body: like('/deployments', '', { id: made.id, environment: made.environment, ref: made.ref }) };
    },
    'POST /deployments/{deployment_id}/statuses': ({ deployment_id: id }, _, body) => {
      const deployment = this.deployments.find((one) => String(one.id) === id);
      if (deployment === undefined) return notFound();
      deployment.statuses.push(body);
      const url = 'https://api.github.com/x';
      return {
        status: 201,
        body: {
          id: 1, url, node_id: 'x', state: body['state'], creator: null, description: body['description'], target_url: url, deployment_url: url, repository_url: url,
          created_at: '2026-11-21T12:00:00Z', updated_at: '2026-11-21T12:00:00Z',
        },
      };
    },
  };

  private bodyOf({ id, tag, body }: { id: number; tag: string; body: string | null }): Json {
    return like('/releases/tags/{tag}', undefined, { id, tag_name: tag, body, html_url: `https://github.com/acme/shop/releases/tag/${tag}` });
  }
}

function notFound(): { status: number; body: unknown } {
  return { status: 404, body: { message: 'Not Found', documentation_url: 'https://docs.github.com/rest', status: '404' } };
}
