/**
 * Cuts from GitHub's own OpenAPI document what Slipway asks of GitHub: test/support/github-openapi.json, against which the
 * fake GitHub of the tests holds every request and every answer.
 *
 *   cd "$(mktemp -d)" && npm init -y && npm i @octokit/openapi      (385 MB: outside this repository)
 *   node tools/github-openapi.mjs <that folder>/node_modules/@octokit/openapi
 *
 * Kept are the parameters, the answers' schemas, one example of each good answer, and the components they refer to;
 * descriptions go. `nullable` of OpenAPI 3.0 becomes a type of JSON Schema.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The GET requests of src/github/routes.ts and sign-off-routes.ts; a test holds them against each other. */
const PATHS = [
  '/orgs/{org}/teams/{team_slug}',
  '/orgs/{org}/teams/{team_slug}/memberships/{username}',
  '/repos/{owner}/{repo}/actions/runs/{run_id}',
  '/repos/{owner}/{repo}/actions/runs/{run_id}/approvals',
  '/repos/{owner}/{repo}/actions/runs/{run_id}/jobs',
  '/repos/{owner}/{repo}/actions/runs/{run_id}/pending_deployments',
  '/repos/{owner}/{repo}/actions/secrets',
  '/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs',
  '/repos/{owner}/{repo}/branches/{branch}',
  '/repos/{owner}/{repo}/code-scanning/alerts',
  '/repos/{owner}/{repo}/collaborators/{username}/permission',
  '/repos/{owner}/{repo}/commits/{commit_sha}/pulls',
  '/repos/{owner}/{repo}/commits/{ref}/check-runs',
  '/repos/{owner}/{repo}/commits/{ref}/status',
  '/repos/{owner}/{repo}/compare/{basehead}',
  '/repos/{owner}/{repo}/dependabot/alerts',
  '/repos/{owner}/{repo}/deployments',
  '/repos/{owner}/{repo}/environments/{environment_name}',
  '/repos/{owner}/{repo}/environments/{environment_name}/secrets',
  '/repos/{owner}/{repo}/git/ref/{ref}',
  '/repos/{owner}/{repo}/git/tags/{tag_sha}',
  '/repos/{owner}/{repo}/issues',
  '/repos/{owner}/{repo}/issues/{issue_number}',
  '/repos/{owner}/{repo}/issues/{issue_number}/comments',
  '/repos/{owner}/{repo}/pulls/{pull_number}/reviews',
  '/repos/{owner}/{repo}/releases/tags/{tag}',
  '/repos/{owner}/{repo}/rules/branches/{branch}',
  '/repos/{owner}/{repo}/secret-scanning/alerts',
  '/repos/{owner}/{repo}/tags',
];

/** The requests that change something. */
const WRITES = [
  'DELETE /repos/{owner}/{repo}/issues/{issue_number}/lock',
  'PATCH /repos/{owner}/{repo}/issues/{issue_number}',
  'PATCH /repos/{owner}/{repo}/releases/{release_id}',
  'POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches',
  'POST /repos/{owner}/{repo}/deployments',
  'POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses',
  'POST /repos/{owner}/{repo}/issues',
  'POST /repos/{owner}/{repo}/issues/{issue_number}/comments',
  'POST /repos/{owner}/{repo}/labels',
  'PUT /repos/{owner}/{repo}/issues/{issue_number}/lock',
];

const FOR_PEOPLE = new Set(['description', 'example', 'examples', 'title', 'default', 'nullable']);

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node tools/github-openapi.mjs <folder of the package @octokit/openapi>');
  process.exit(2);
}
const source = JSON.parse(readFileSync(join(folder, 'generated/api.github.com.json'), 'utf8'));
const schemas = {};

const paths = Object.fromEntries(PATHS.map((path) => [path, operation(source.paths[path].get)]));
const writes = Object.fromEntries(WRITES.map((write) => {
  const [method, path] = write.split(' ');
  return [write, operation(source.paths[path][method.toLowerCase()])];
}));
writeFileSync(join(import.meta.dirname, '../test/support/github-openapi.json'), `{
"from": ${JSON.stringify(`@octokit/openapi ${source.info.version}, api.github.com`)},
"paths": ${lines(paths)},
"writes": ${lines(writes)},
"schemas": ${lines(sorted(schemas))}
}
`);

function operation({ parameters = [], requestBody, responses }) {
  const answers = Object.entries(responses).map(([code, response]) => [code, answer(resolved(response), Number(code) < 300)]);
  return {
    parameters: parameters.map(resolved).map(({ name, in: place, required = false, schema }) => ({ name, in: place, required, schema: kept(schema) })),
    ...(requestBody === undefined ? {} : { body: kept(requestBody.content['application/json'].schema) }),
    responses: Object.fromEntries(answers),
  };
}

function answer({ content = {} }, good) {
  const body = content['application/json'];
  if (body === undefined) return {};
  const [example] = Object.values(body.examples ?? {}).map(exampleOf);
  return { schema: kept(body.schema), ...(good && example !== undefined ? { example } : {}) };
}

/** The value of an example; one refers to another. */
function exampleOf(item) {
  const { value } = resolved(item);
  return value?.$ref === undefined ? value : exampleOf(value);
}

function resolved(item) {
  return item.$ref === undefined ? item : item.$ref.slice(2).split('/').reduce((at, key) => at[key], source);
}

/** A schema without what only people read; the components it refers to are kept as well. */
function kept(schema) {
  if (Array.isArray(schema)) return schema.map(kept);
  if (typeof schema !== 'object' || schema === null) return schema;
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace('#/components/schemas/', '');
    if (!(name in schemas)) {
      schemas[name] = {};
      schemas[name] = kept(source.components.schemas[name]);
    }
    return { $ref: `#/schemas/${name}` };
  }
  const { nullable } = schema;
  const plain = Object.fromEntries(Object.entries(schema).filter(([key]) => !FOR_PEOPLE.has(key) && !key.startsWith('x-')).map(([key, value]) => [
    key, key === 'properties' ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, kept(part)])) : key === 'enum' ? value : kept(value),
  ]));
  if (nullable !== true) return plain;
  if (plain.type === undefined) return { anyOf: [plain, { type: 'null' }] };
  return { ...plain, type: [plain.type, 'null'], ...(plain.enum === undefined ? {} : { enum: [...plain.enum, null] }) };
}

/** One line per entry, so that a newer document shows what has changed. */
function lines(object) {
  return `{\n${Object.entries(object).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(',\n')}\n}`;
}

function sorted(object) {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}
