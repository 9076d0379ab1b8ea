import { z } from 'zod';
import { duration, text } from './fields.js';
import { codec, record, section } from './section.js';

const domain = text('A host name of the site.', 'www.example.com').regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, {
  error: ({ input }) => `must be a host name in lower case, is \`${String(input)}\``,
});

const serviceName = text('The service that answers.', 'backend');

const route = section('Where requests below a path go.', {
  service: text('The service that answers.', 'backend'),
});

type Route = z.output<typeof route>;

/** What nginx serves for the app. */
export const site = section('The web site: nginx in front of the services, on every host.', {
  domains: z.array(domain).min(1).meta({ description: 'The names the site answers to; the first is the main one.' }),
  routes: record(
    z.string().regex(/^\//, { error: ({ input }) => `must begin with /, is \`${String(input)}\`` }),
    codec<z.ZodUnion<[typeof serviceName, typeof route]>, Route>(z.union([serviceName, route]), {
      decode: (value) => (typeof value === 'string' ? { service: value } : value),
      encode: (value) => value,
    }),
  ).meta({ description: 'Which service answers below which path.', examples: [{ '/': 'frontend', '/api': 'backend' }] }),
  drain: duration('How long requests and connections that are still open in the old slot may take to end before it is stopped.').prefault('30s'),
});
